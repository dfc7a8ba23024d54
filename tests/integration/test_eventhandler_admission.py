"""What `kubectl apply` says to good and to bad EventHandlers, on the real API server, and that the models agree."""

import json
import random
import re
from typing import Any

import pytest

from bad_handlers import BEYOND, BOUNDED, JUDGED, RESOURCE, WORDED, agent, create, debounce, spec, workflow
from bad_specs import HANDLER, nested
from kronstream.dev.kubectl import Kubectl, KubectlError
from kronstream.domain.errors import Invalid
from kronstream.resources import parse_handler, parse_handler_spec

SPECS, BATCH = 750, 250

types = ["a", "workflow.completed", "workflow.*", "*", "*.*", "a.*.b", "ä.ö", "a/b:c", "x" * 255, "\u00a0", "a.\ud7ff"]
types += ["", ".", "a.", ".a", "a..b", "a b", "a*", "**", "a.**", "a\tb", "a\n", "\x7f", "x" * 256, "ä" * 256, 5, None]
spans = ["0s", "99ms", "100ms", "1s", "59s", "1m", "90s", "1m30s", "7d", "8d", "24h", "25h", "1.5h", "", "-1s", "1m30"]
texts = ["event.id", "", "é" * 1_024, "é" * 1_025, 5, "not CEL ("]
numbers = [0, 1, -1_000, 1_000, 1_001, -1_001, 1_000_000, 1_000_001, "1", 1.5]
names = ["a", "a-b", "a.b", "A", "a_b", "", "a/b", "x" * 128, "x" * 253, "x" * 254, "ä", "a\n"]
runs: list[dict[str, Any]] = [{}, {"timeout": "1s"}, {"timeout": "0s"}, {"priority": "high"}, {"priority": "urgent"}]
runs += [{"queue": "q"}, {"queue": "Q"}, {"retry": {"limit": 101}}, {"payload": [1, None]}, {"totalTimeout": "31d"}]
runs += [{"serviceAccountName": name} for name in names]
creates: list[dict[str, Any]] = [{"handler": HANDLER, **run} for run in runs]
creates += [{"handler": HANDLER, "ttlAfterFinished": span} for span in spans]
creates += [{"handler": HANDLER, "maxOpen": number} for number in numbers]
creates += [{}, {"handler": {}}, {"handler": {"http": {"url": "x"}}}, {"handler": {"agent": {"name": "a b"}}}]
actions: list[Any] = [{"createJob": each} for each in creates]
actions += [{"runJob": {"name": name}} for name in names]
actions += [{"triggerWorkflow": {"name": name}} for name in names]
actions += [{"triggerWorkflow": {"resource": RESOURCE, **run}} for run in runs]
actions += [{"dispatchAgent": {"name": name}} for name in names]
actions += [{}, {"runJob": {}}, {"triggerWorkflow": {}}, {"triggerWorkflow": {"name": "a", "resource": RESOURCE}}]
actions += [{"runJob": {"name": "a"}, "dispatchAgent": {"name": "a"}}, {"runJob": {"name": "a"}, "createJob": None}, []]
POOLS: dict[str, list[Any]] = {
    "event": types,
    "action": actions,
    "source": [{}, *({"stream": name} for name in [*names, "stream:events", "{a}", "a" * 201])],
    "filter": texts,
    "transform": texts,
    "platformId": ["a b", "é" * 63, "é" * 64, "", 5],
    "priority": numbers,
    "enabled": [True, False, "yes", 1],
    "dedupe": [{"key": text, "window": span} for text in texts for span in spans] + [{}, {"key": "event.id"}],
    "debounce": [{"quiet": quiet, "maxWait": most} for quiet in spans for most in spans]
    + [{"quiet": "1s", "take": take} for take in ("First", "Last", "first")]
    + [{"quiet": "1s", "key": text} for text in texts],
    "rateLimit": [{"count": number, "per": span} for number in numbers for span in spans]
    + [{"count": 1, "per": "1s", "over": over} for over in ("Drop", "Delay", "drop")],
    "retry": [{"limit": number} for number in numbers]
    + [{"backoff": {"initial": first, "max": most}} for first in spans for most in spans],
}


def handler(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "kronstream.dev/v1", "kind": "EventHandler", "metadata": {"name": name}, "spec": fields}


def listed(handlers: dict[str, dict[str, Any]]) -> str:
    return "\n---\n".join(json.dumps(handler(name, each)) for name, each in handlers.items())


def refusals_of(kubectl: Kubectl, handlers: dict[str, dict[str, Any]]) -> dict[str, str]:
    """What the API server says to those that it does not take, by their names."""
    try:
        kubectl("create", "--dry-run=server", "-f", "-", stdin=listed(handlers))
    except KubectlError as error:
        found = re.split(r'EventHandler(?:\.kronstream\.dev)? "([^"]+)" is invalid: ', error.said)
        return dict(zip(found[1::2], found[2::2], strict=True))
    return {}


def told(fields: dict[str, Any]) -> str:
    """What the model says; empty for a good spec."""
    try:
        parse_handler_spec(fields)
    except Invalid as fault:
        return str(fault)
    return ""


@pytest.fixture(scope="module")
def refusals(kubectl: Kubectl) -> dict[str, str]:
    """What the API server says to each bad spec, by its case."""
    return refusals_of(kubectl, {case: fields for case, (fields, _) in {**WORDED, **BOUNDED}.items()})


@pytest.mark.parametrize("case", WORDED)
def test_it_says_the_field_and_what_to_write_as_the_operator_would(case: str, refusals: dict[str, str]) -> None:
    fields, field = WORDED[case]
    with pytest.raises(Invalid) as caught:
        parse_handler_spec(fields)

    assert f"{field}: Invalid value: " in refusals[case]
    assert caught.value.instead in refusals[case]
    assert "no such overload" not in refusals[case]


@pytest.mark.parametrize("case", BOUNDED)
def test_it_says_the_field_that_is_out_of_bounds(case: str, refusals: dict[str, str]) -> None:
    assert BOUNDED[case][1] in refusals[case]


def test_a_misspelt_field_is_refused(kubectl: Kubectl) -> None:
    for bad, said in ((spec(filtre="true"), "spec.filtre"), (create(maxopen=5), "spec.action.createJob.maxopen")):
        with pytest.raises(KubectlError, match=rf'unknown field "{re.escape(said)}"'):
            kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(handler("typo", bad)))


def test_what_the_schema_cannot_judge_is_accepted(kubectl: Kubectl) -> None:
    beyond = {case: fields for case, (fields, _) in {**BEYOND, **JUDGED}.items()}

    said = kubectl("create", "--dry-run=server", "-o", "name", "-f", "-", stdin=listed(beyond))

    assert len(said.splitlines()) == len(beyond)


def test_bounds_are_inclusive(kubectl: Kubectl) -> None:
    good = {
        "low": debounce(quiet="100ms", maxWait="100ms") | {"priority": -1_000, "retry": {"limit": 0}},
        "high": debounce(quiet="1d", maxWait="24h") | {"priority": 1_000, "retry": {"limit": 100}},
        "windows": spec(dedupe={"key": "e" * 1_024, "window": "7d"}, rateLimit={"count": 1_000_000, "per": "1d"}),
        "short": spec(dedupe={"key": "e", "window": "1s"}, rateLimit={"count": 1, "per": "1s", "over": "Delay"}),
        "kept": create(ttlAfterFinished="365d", maxOpen=10_000, timeout="7d", totalTimeout="30d"),
        "gone": create(ttlAfterFinished="0s", maxOpen=1, timeout="100ms"),
        "longest": spec(event="e" * 255, source={"stream": "s" * 200}, platformId="é" * 63),
        "stars": spec(event="*.*.*"),
        "unicode": spec(event="bestellung.größe.geändert"),
        "workflow": workflow(resource=RESOURCE, payload=nested(32)),
        "agent": agent(payload={"blob": "x" * 65_000}, retry={"limit": 0}),
    }

    assert refusals_of(kubectl, good) == {}
    for fields in good.values():
        assert parse_handler_spec(fields)


def test_null_is_absent(kubectl: Kubectl) -> None:
    nulls = spec(source=None, filter=None, priority=None, enabled=None, debounce=None, retry=None, platformId=None)

    said = kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", stdin=json.dumps(handler("nulls", nulls)))

    stored = json.loads(said)
    assert stored["spec"] == {**spec(), "source": {"stream": "stream:events"}, "priority": 0, "enabled": True}
    assert parse_handler(stored).spec == parse_handler_spec(spec())


def test_what_one_takes_the_other_takes(kubectl: Kubectl) -> None:
    chance = random.Random(20_261_128)
    every = [
        spec() | {field: chance.choice(POOLS[field]) for field in chance.sample(list(POOLS), chance.randint(1, 3))}
        for _ in range(SPECS)
    ]
    good = 0
    for first in range(0, SPECS, BATCH):
        batch = {f"h{place}": fields for place, fields in enumerate(every[first : first + BATCH])}
        said = refusals_of(kubectl, batch)
        good += BATCH - len(said)
        for name, fields in batch.items():
            assert bool(told(fields)) == (name in said), (fields, told(fields), said.get(name))
        assert not re.search("no such overload|rule evaluation|internal error", " ".join(said.values()))

    assert SPECS // 10 < good < SPECS * 9 // 10
