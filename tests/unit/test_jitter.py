"""How long a run waits after its nominal time."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kronstream.domain import cron, jitter
from kronstream.domain.schedule import CronSchedule, Every, Once, Union

NOW = 1_800_000_000_000
HOUR = 3_600_000
names = st.text(min_size=1, max_size=40)
instants = st.integers(0, 10**13)
spans = st.integers(0, 86_400_000)


@given(names, instants, spans, st.none() | st.integers(1, 10**9))
def test_order_is_kept(identity: str, nominal: int, span: int, distance: int | None) -> None:
    following = None if distance is None else nominal + distance
    delay = jitter.delay(identity, nominal, span, following)
    assert 0 <= delay <= span
    assert following is None or nominal + delay < following
    assert jitter.delay(identity, nominal, span, following) == delay


def test_the_delays_are_spread_over_the_whole_range() -> None:
    of_one_job = [jitter.delay("team/job", NOW + n * HOUR, 9, None) for n in range(2000)]
    of_one_instant = [jitter.delay(f"team/job-{n}", NOW, 9, None) for n in range(2000)]
    for delays in (of_one_job, of_one_instant):
        found = Counter(delays)
        assert set(found) == set(range(10))
        assert all(120 < number < 290 for number in found.values()), found


def test_a_delay_is_the_same_in_every_version() -> None:
    # a preview and replicas of two versions must agree
    assert [jitter.delay("team/job", NOW, span, None) for span in (0, 1, 60_000, HOUR)] == EXPECTED
    assert jitter.delay("team/job", NOW, HOUR, NOW + 1) == 0


EXPECTED = [0, 1, 3154, 633536]


@pytest.mark.parametrize(
    ("schedule", "longest"),
    [
        (Every(90_000, NOW), 90_000),
        (CronSchedule(cron.parse("*/5 * * * *")), 300_000),
        (CronSchedule(cron.parse("*/10 * * * * *")), 10_000),
        (CronSchedule(cron.parse("0 9 * * 1-5")), 24 * HOUR),
        (Union((CronSchedule(cron.parse("0 9 * * *")), CronSchedule(cron.parse("20 9 * * 3")))), 1_200_000),
    ],
)
def test_a_jitter_longer_than_the_shortest_distance_is_refused(schedule: Every, longest: int) -> None:
    jitter.check(schedule, longest, NOW)
    with pytest.raises(ValueError, match=r"is longer than the .* to the next instant; write at most") as fault:
        jitter.check(schedule, longest + 1, NOW)
    assert str(fault.value).endswith(f"; write at most {jitter.duration.render(longest)}")


@pytest.mark.parametrize("schedule", [Once(NOW), Once(NOW + 1), CronSchedule(cron.parse("0 0 31 2 *"))])
def test_what_has_no_distance_takes_any_jitter(schedule: Once) -> None:
    jitter.check(schedule, 24 * HOUR, NOW)


def test_the_message_says_where() -> None:
    with pytest.raises(ValueError, match="1h is longer than the 20m from 2027-01-20T09:00:00Z to the next instant"):
        jitter.check(Union((CronSchedule(cron.parse("0 9 * * *")), CronSchedule(cron.parse("20 9 * * 3")))), HOUR, NOW)
