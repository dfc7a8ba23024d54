"""Jobs by cron expression fire on the minute."""

from eventually import eventually
from integration.installation import Installation
from integration.objects import Object
from integration.timeline import gaps, parse


def test_a_cron_expression_fires_on_every_minute(installation: Installation, minutely: Object) -> None:
    entries = eventually(lambda: installation.entries(minutely, "nobody"), within=75)

    created = parse(minutely["metadata"]["creationTimestamp"])
    nominals = [nominal for nominal, _ in entries]
    assert nominals[0] == (created // 60_000 + 1) * 60_000
    assert gaps(nominals, 60_000) == []
    assert all(nominal % 60_000 == 0 for nominal in nominals)
    late = [instant - nominal for nominal, instant in entries]
    assert all(-50 <= one < 10_000 for one in late)
    assert min(late) < 1_000
