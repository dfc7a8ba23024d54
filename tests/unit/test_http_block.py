"""The block http of a spec: what it is on its way to the worker, and what a worker makes of a newer one."""

from typing import Any

import pytest

from kronstream.domain.errors import Invalid
from kronstream.resources import headername, parse_spec
from kronstream.resources.judged import judge
from kronstream.worker.http.type import read_block
from kronstream.worker.rulings import Fault

REF = {"name": "api", "key": "token"}
WHOLE: dict[str, Any] = {
    "url": "https://example.com/${job.name}",
    "method": "PUT",
    "headers": {"X-A": "${run.id}"},
    "headersFrom": [{"name": "Authorization", "secretKeyRef": REF}],
    "body": "${json(payload)}",
    "successCodes": [200, "204", "3xx"],
    "followRedirects": "SameHost",
    "signature": {"secretKeyRef": REF},
    "tls": {"caSecretRef": REF},
    "accepted": "Callback",
}


def call(**http: Any) -> dict[str, Any]:
    spec = parse_spec({"every": "1h", "handler": {"http": http}})
    judge(spec, 0, "default/job")
    assert spec.handler.offered == "@http"
    assert spec.handler.call is not None
    return spec.handler.call


def test_the_worker_reads_what_the_operator_wrote() -> None:
    made = call(**WHOLE)

    assert made == {
        **WHOLE, "successCodes": ["200", "204", "3xx"], "tls": {"caSecretRef": REF, "insecureSkipVerify": False},
    }  # fmt: skip
    assert read_block(made) == parse_spec({"every": "1h", "handler": {"http": WHOLE}}).handler.http


def test_defaults() -> None:
    found = read_block(call(url="https://example.com/"))

    assert (found.method, found.accepted, found.follow_redirects) == ("POST", "Done", "Never")
    assert (found.success_codes, found.headers, found.headers_from) == (None, {}, ())
    assert found.body is found.signature is found.tls is None


def test_what_a_newer_operator_added_is_passed_over() -> None:
    assert read_block({**call(url="https://example.com/"), "newer": {"x": 1}}).url == "https://example.com/"


@pytest.mark.parametrize("block", [None, {}, {"url": "ftp://x/"}, {"url": "https://x/", "method": "TRACE"}])
def test_what_it_cannot_use_is_a_failure_for_good(block: dict[str, Any] | None) -> None:
    with pytest.raises(Fault, match=r"spec\.handler\.http") as caught:
        read_block(block)

    assert (caught.value.kind, caught.value.permanent) == ("InvalidSpec", True)


@pytest.mark.parametrize(
    ("http", "said"),
    [
        (
            {"url": "https://example.com/${job.nam}"},
            "spec.handler.http.url: 'job.nam' is not known; write job.name",
        ),
        (
            {"url": "https://example.com/", "headers": {"X-A": "${run.nominl}"}},
            "spec.handler.http.headers.X-A: 'run.nominl' is not known; write run.nominal",
        ),
        (
            {"url": "https://example.com/", "headers": {"X-A": "", "x-a": ""}},
            "spec.handler.http.headers.x-a: is the same header as X-A; write each header once",
        ),
        (
            {"url": "https://example.com/", "headers": {"Host": "x"}},
            "spec.handler.http.headers: 'Host' is not for a job to set; " + headername._OURS_INSTEAD,
        ),
    ],
)
def test_a_fault_names_its_field_and_what_to_write(http: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid) as caught:
        call(**http)

    assert str(caught.value) == said
