"""Lists page by page: whatever the limit, each execution once, jobs by name, the newest first."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kronstream.domain.run import State, Trigger, run_id
from kronstream.ports import JobName, Place
from kronstream.runsapi import walk
from kronstream.runsapi.refusal import Refusal
from kronstream.runsapi.selection import Selection, parse
from kronstream.runsapi.token import Token
from kronstream.runsapi.walk import Scope, Walk
from kronstream.testing import FixedClock, MemoryListing, MemoryStore
from kronstream.testing.model import Run

pytestmark = pytest.mark.anyio

NOW = 1_800_000_000_000
EVERYTHING = Scope(None, Selection())


def stored(jobs: dict[tuple[str, str], tuple[int, int, int]]) -> MemoryListing:
    """A store with jobs, each with so many runs that are not over, succeeded and failed."""
    store = MemoryStore(FixedClock(NOW), "e")
    for (namespace, name), (active, good, bad) in jobs.items():
        uid = f"{namespace}-{name}"
        store.names[namespace, name] = uid
        kinds = [*[State.QUEUED] * active, *[State.SUCCESS] * good, *[State.FAILED] * bad]
        for number, state in enumerate(kinds):
            at = NOW - 1_000 * number
            run = Run(
                id=run_id(uid, Trigger.SCHEDULE, str(at)), uid=uid, namespace=namespace, name=name, nominal=at,
                generation=1, queue="default", lane="medium", dispatched=at, state=state,
            )  # fmt: skip
            store.runs[run.id] = run
            if state is State.QUEUED:
                store.active[uid][run.id] = -at
            else:
                run.finished = at // 5_000 * 5_000
                store.history[uid, state is State.SUCCESS].append((run.finished, run.id))
    return MemoryListing(store)


async def everything(listing: MemoryListing, scope: Scope, limit: int) -> list[str]:
    found: list[str] = []
    token: Token | None = None
    while True:
        page = await Walk(listing, scope, limit, whole=False).page(token)
        assert len(page.records) <= limit
        found += [record.id for record in page.records]
        if page.token is None:
            return found
        token = Token.read(page.token.text(), scope.namespace)


counts = st.tuples(*[st.integers(0, 6)] * 3)
names = st.tuples(st.sampled_from(["a", "a-b", "b"]), st.sampled_from(["x", "x-y", "x.y", "z"]))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(jobs=st.dictionaries(names, counts, max_size=8), limit=st.integers(1, 12), examined=st.integers(1, 40))
async def test_every_page_size_gives_the_same_list(
    jobs: dict[tuple[str, str], tuple[int, int, int]], limit: int, examined: int
) -> None:
    listing = stored(jobs)
    whole = await everything(listing, EVERYTHING, 10_000)
    assert len(whole) == len(set(whole)) == sum(map(sum, jobs.values()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walk, "EXAMINED", examined)
        patch.setattr(walk, "TOGETHER", 3)
        patch.setattr(walk, "JOBS", 2)
        assert await everything(listing, EVERYTHING, limit) == whole
        for scope in (
            Scope("a", Selection()),
            Scope("a", parse("kronstream.dev/status=failed", "")),
            Scope(None, parse("", "spec.job=x")),
            Scope("a-b", parse("kronstream.dev/job=x-y", "")),
        ):
            records = await listing.read(whole, whole=False)
            wanted = [record.id for record in records if record is not None and scope.covers(record)]
            assert await everything(listing, scope, limit) == wanted


async def test_the_order_is_by_name_then_the_newest_first() -> None:
    listing = stored({("b", "x"): (0, 1, 0), ("a", "z"): (1, 1, 1), ("a", "x"): (1, 0, 0)})
    found = [one.rpartition("-s")[0] for one in await everything(listing, EVERYTHING, 2)]
    assert found == ["a-x", "a-z", "a-z", "a-z", "b-x"]


async def test_what_ended_while_its_job_was_listed_is_not_told_twice() -> None:
    listing = stored({("a", "x"): (2, 3, 0)})
    store = listing._store
    first = await Walk(listing, EVERYTHING, 2, whole=False).page()
    assert first.token is not None
    ended = first.records[0].id
    del store.active["a-x"][ended]
    store.history["a-x", True].append((NOW + 1, ended))
    store.clock.advance(1)  # type: ignore[attr-defined]
    rest = await Walk(listing, EVERYTHING, 10, whole=False).page(first.token)
    assert len({one.id for one in (*first.records, *rest.records)}) == len(first.records) + len(rest.records) == 5


async def test_after_the_clock_went_back_the_newest_are_listed_all_the_same() -> None:
    listing = stored({("a", "x"): (0, 3, 0)})
    listing._store.clock.advance(-60_000)  # type: ignore[attr-defined]
    assert len((await Walk(listing, EVERYTHING, 5, whole=False).page()).records) == 3


async def test_one_execution_is_read_without_a_walk() -> None:
    listing = stored({("a", "x"): (1, 0, 0)})
    (run,) = await everything(listing, EVERYTHING, 2)
    listing._store.names.clear()
    for scope, found in (
        (Scope("a", parse("", f"metadata.name={run}")), 1),
        (Scope("b", parse("", f"metadata.name={run}")), 0),
    ):
        page = await Walk(listing, scope, 2, whole=True).page()
        assert (len(page.records), page.token) == (found, None)


@pytest.mark.parametrize(
    "token",
    [
        Token(JobName("a", "x", "u")),
        Token(JobName("a", "x", "u"), Place(None, "u-s1"), 5),
        Token(JobName("a", "x", "u"), Place(7, "u-s1"), 5),
    ],
)
def test_a_token_goes_out_and_comes_back(token: Token) -> None:
    assert Token.read(token.text(), None) == Token.read(token.text(), "a") == token
    with pytest.raises(Refusal, match="leave it out"):
        Token.read(token.text(), "b")


@given(
    st.one_of(st.text(max_size=80), st.binary(max_size=80).map(lambda raw: Token(JobName(*"abc")).text() + raw.hex()))
)
def test_any_text_for_a_token_is_refused_or_read(text: str) -> None:
    try:
        Token.read(text, None)
    except Refusal as refusal:
        assert refusal.code == 400  # noqa: PT017


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_for_a_selector_is_refused_or_read(labels: str, fields: str) -> None:
    try:
        parse(labels, fields)
    except Refusal as refusal:
        assert refusal.code == 400  # noqa: PT017
