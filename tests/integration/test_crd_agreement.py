"""The API server and the models agree on what a spec may be: what one takes, the other takes."""

import json
import random
import re
from typing import Any

from bad_specs import only
from kronstream.dev.kubectl import Kubectl, KubectlError
from kronstream.domain.errors import Invalid
from kronstream.resources import parse_spec

SPECS = 1_000
BATCH = 250

instants = [
    "2026-12-24T18:00:00Z",
    "2026-12-24T19:00:00+01:00",
    "2026-12-24T18:00:00.001Z",
    "2027-01-31T00:00:00-23:59",
]
instants += ["2026-12-24T24:00:00Z", "2026-12-24T18:00:00+24:00", "2026-12-24", "now"]
spans = [
    "0s",
    "1ms",
    "90s",
    "1m30s",
    "91s",
    "1d",
    "25h",
    "86400001ms",
    "090s",
    "31622400000ms",
    "1.5h",
    "1m30",
    "-1s",
    "",
]
crons = ["* * * * *", " 0 5 * * *\t", "0 0 5 * * mon", "@daily", "H(0-9)/3 H L * ?", "0 0 1W * MON#1", "0 22, 10 * * *"]
crons += [
    "@every 90s",
    "@every 1h 5m",
    "@everyday",
    "TZ=UTC * * * * *",
    "CRON_TZ= * * * * *",
    "* * * *",
    "* * * * * * *",
]
crons += ["", " ", "@Daily", "é * * * *", "\u00a0* * * * *", "* * * * *\n", "'* * * * *'", "tz=UTC * * * * *"]
days = [
    "2026-12-24",
    "2026-12-24/2027-01-02",
    "2027-01-02/2026-12-24",
    "2026-12-24/2026-12-24",
    "2026-13-01",
    "2026-12-24/",
]
rules = [
    "FREQ=DAILY",
    "RRULE:freq=weekly",
    "DTSTART:20260101T000000\nRRULE:FREQ=YEARLY\n",
    "FREQ=",
    "FREQ=DAILY é",
    "daily",
    "",
]
secret_ref = {"name": "api", "key": "token"}
requests: list[dict[str, Any]] = [
    {},
    {"url": "HTTPS://example.com"},
    {"url": "https://example.com/a b${'\\'}"},
    {"url": "https://é"},
    {"url": "http://"},
    {"url": "https://x\n"},
    *({"headers": {name: "x"}} for name in ("X-A", "x_a.b", "", "Host", "HOST", "x" * 128, "x" * 129, "é", "a b")),
    *({"headers": {name: "x"}} for name in ("Kronstream-X", "kronstream_x", "webhook-id", "webhook-other", "proxy-a")),
    *({"headers": {name: "x"}} for name in ("X-A\n", "traceparent", "tracestate", "Te", "content-type")),
    {"headers": {"X-A": "é" * 4_096}},
    {"headers": {"X-A": "é" * 4_097}},
    {"headers": []},
    *({"headersFrom": [{"name": name, "secretKeyRef": secret_ref}]} for name in ("Authorization", "Cookie", "te", "")),
    {"headersFrom": [{"name": "A", "secretKeyRef": secret_ref}, {"name": "a", "secretKeyRef": secret_ref}]},
    {"headersFrom": [{"name": "A", "secretKeyRef": secret_ref}] * 2},
    *({"successCodes": [code]} for code in (200, 599, 199, 600, "2xx", "5xx", "1xx", "6xx", "204", "99", "", -1, True)),
    {"successCodes": [200, 200]},
    {"successCodes": "2xx"},
    *({"method": method, "body": "x"} for method in ("GET", "HEAD", "POST", "DELETE", "get")),
    {"method": "GET"},
    {"tls": {}},
    {"url": "http://example.com", "tls": {}},
    {"tls": {"caSecretRef": secret_ref}},
    {"tls": {"caSecretRef": secret_ref, "insecureSkipVerify": False}},
    {"tls": {"caSecretRef": secret_ref, "insecureSkipVerify": True}},
    {"signature": {"secretKeyRef": {"name": "a.b-c", "key": "A_b.c-d"}}},
    {"signature": {"secretKeyRef": {"name": "a_b", "key": "x"}}},
    {"signature": {"secretKeyRef": {"name": "a", "key": "x/y"}}},
    {"accepted": "Callback", "followRedirects": "SameHost"},
]
handlers: list[Any] = [{"http": {"url": "https://example.com/", **http}} for http in requests]
handlers += [{"http": {}}, {}, {"function": {"name": "a"}, "http": {"url": "https://example.com/"}}, {"http": None}]
POOLS: dict[str, list[Any]] = {
    "schedule": crons,
    "rrule": rules,
    "every": spans,
    "anchor": instants,
    "runAt": instants,
    "timeZone": ["UTC", "Europe/Berlin", "Etc/GMT+12", "../x", "", "1", "é", "UTC\n"],
    "dst": [{}, {"gap": "Skip"}, {"gap": "skip"}, {"repeat": "Both"}, []],
    "notBefore": instants,
    "notAfter": instants,
    "jitter": spans,
    "endAfter": [{}, {"runs": 1}, {"runs": 0}, {"successes": 1}, {"runs": None}],
    "concurrencyPolicy": ["Allow", "Forbid", "Replace", "Queue", "queue"],
    "maxConcurrent": [1, 1_000, 0, 1_001, "1", 1.5],
    "maxQueued": [1, 1_000, 0],
    "concurrencyGroup": [{}, {"name": "a"}, {"name": "A"}, {"name": "a", "max": 0}, {"name": "a", "max": 5}],
    "runIf": ["true", "", "é" * 1_024, "é" * 1_025, 5],
    "suspendAfterFailures": [1, 1_000, 0, 1_001],
    "retry": [{"backoff": {"initial": a, "max": b}} for a in ("1s", "2h", "x") for b in ("1s", "3h", "")],
    "handler": handlers,
    "schedules": [],
    "exclude": [],
}


def specs(chance: random.Random) -> list[dict[str, Any]]:
    """Some fields each, with good and bad values."""

    def value(field: str) -> Any:
        lists = {"schedules": crons, "exclude": days + crons}
        if field in lists:
            return [chance.choice(lists[field]) for _ in range(chance.randint(0, 2))]
        return chance.choice(POOLS[field])

    return [
        only(concurrencyPolicy="Allow")  # as the API server fills it in
        | {field: value(field) for field in chance.sample(list(POOLS), chance.randint(1, 3))}
        for _ in range(SPECS)
    ]


def refused(kubectl: Kubectl, batch: list[dict[str, Any]]) -> dict[int, str]:
    """What the API server says to those that it does not take, by their place."""
    head = {"apiVersion": "kronstream.dev/v1", "kind": "ScheduledJob"}
    jobs = [{**head, "metadata": {"name": f"j{place}"}, "spec": spec} for place, spec in enumerate(batch)]
    try:
        kubectl("create", "--dry-run=server", "-f", "-", stdin="\n---\n".join(json.dumps(job) for job in jobs))
    except KubectlError as error:
        found = re.split(r'ScheduledJob(?:\.kronstream\.dev)? "j(\d+)" is invalid: ', error.said)
        return {int(place): said for place, said in zip(found[1::2], found[2::2], strict=True)}
    return {}


def told(spec: dict[str, Any]) -> str:
    """What the model says; empty for a good spec."""
    try:
        parse_spec(spec)
    except Invalid as fault:
        return str(fault)
    return ""


def test_what_one_takes_the_other_takes(kubectl: Kubectl) -> None:
    every = specs(random.Random(20_261_123))
    good = 0
    for first in range(0, SPECS, BATCH):
        batch = every[first : first + BATCH]
        said = refused(kubectl, batch)
        good += BATCH - len(said)
        for place, spec in enumerate(batch):
            assert bool(told(spec)) == (place in said), (spec, told(spec), said.get(place))
        assert not re.search("no such overload|rule evaluation|internal error", " ".join(said.values()))

    assert SPECS // 10 < good < SPECS * 9 // 10
