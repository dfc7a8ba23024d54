"""What is sent: the request of an attempt, made of the job's block, its templates and its secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from kronstream import __version__
from kronstream.domain import target, template, trace
from kronstream.domain.template import Values
from kronstream.ports import Claim
from kronstream.resources import instant
from kronstream.resources.http import WITH_BODY, Http
from kronstream.worker.context import Run
from kronstream.worker.http.signature import signed
from kronstream.worker.rulings import Fault

MAX_HEADER = 8_192  # characters of a value
MAX_BODY = 262_144  # bytes
TOKEN = "Kronstream-Token"  # noqa: S105 - the header's name
VALUE, WORD = 6, 8  # characters a hidden value has at least, and a word in one that is hidden by itself

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_CONFIDENTIAL = re.compile(r"auth|cookie|key|passw|secret|token", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Message:
    """A request. `hidden` are the texts that nothing recorded may repeat; none of the values is in the repr."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)
    hidden: tuple[str, ...] = field(repr=False)

    def signed(self, secret: str, run: str, seconds: int) -> Message:
        """The same with the headers of its signature. Raises ValueError for a secret that is no key."""
        return replace(self, headers={**self.headers, **signed(secret, run, seconds, self.body or b"")})

    def to(self, url: str, method: str) -> Message:
        """As it follows a redirect: without its body where the method is another."""
        if method == self.method:
            return replace(self, url=url)
        kept = {name: value for name, value in self.headers.items() if name.lower() != "content-type"}
        return replace(self, url=url, method=method, headers=kept, body=None)


def values_of(claim: Claim, run: Run) -> Values:
    """What the templates of an attempt may name."""
    last = claim.last_success
    return Values(
        run={
            "id": claim.run,
            "trigger": run.trigger,
            "trace": trace.trace_id(claim.run, claim.trace),
            "nominal": claim.nominal,
            "deadline": int(run.deadline.timestamp() * 1000),
            "previous": claim.previous,
            "attempt": claim.attempt,
            "maxAttempts": run.max_attempts,
        },
        job={"namespace": claim.work.namespace, "name": claim.work.name, "platformId": claim.work.platform_id},
        payload=claim.work.payload,
        last=(last.nominal, last.run) if last is not None else None,
    )


def compose(http: Http, claim: Claim, run: Run, secrets: Mapping[str, str], work: Mapping[str, str]) -> Message:
    """The request of an attempt. `secrets` are the values of headersFrom, `work` the headers of work that goes on.

    Raises Fault: for a template that gives nothing usable, one that no further attempt can mend.
    """
    values = values_of(claim, run)
    url = _filled("url", lambda: target.compile(http.url).at(values))
    own = {name: _header(f"headers.{name}", text, values) for name, text in http.headers.items()}
    headers = {**_always(claim), **work, **own, **secrets}
    for name, value in secrets.items():
        if _CONTROL.search(value):
            fault = f"headersFrom: the value of {name} has a line end or another control character; it is one line"
            raise Fault("SecretUnusable", fault, codes=("secret:key",))
    body, kind = _body(http, claim, values)
    given = {name.lower() for name in headers}
    if "accept" not in given:
        headers["Accept"] = "*/*"
    if body is not None and "content-type" not in given:
        headers["Content-Type"] = kind
    told = [value for name, value in own.items() if _CONFIDENTIAL.search(name)]
    return Message(http.method, url, headers, body, _hidden(*secrets.values(), *told, work.get(TOKEN, "")))


def _hidden(*values: str) -> tuple[str, ...]:
    """The texts to leave out: each value, and of `Bearer abcdefgh` what follows, too. Short ones would be anything."""
    words = [word for value in values for word in value.split() if len(word) >= WORD]
    return tuple({value for value in (*values, *words) if len(value) >= VALUE})


def _always(claim: Claim) -> dict[str, str]:
    """The headers of every request."""
    return {
        "Accept-Encoding": "identity",  # so that the bound of what is read bounds what it says
        "User-Agent": f"kronstream/{__version__}",
        "Idempotency-Key": claim.run,
        "traceparent": trace.traceparent(claim.run, claim.attempt, claim.trace),
        "Kronstream-Nominal-Time": instant.render(claim.nominal),
        "Kronstream-Attempt": str(claim.attempt),
    }


def _header(field: str, text: str, values: Values) -> str:
    value = _filled(field, lambda: template.compile(text).render(values))
    if len(value) > MAX_HEADER:
        raise _unusable(field, f"has {len(value)} characters, and {MAX_HEADER} are allowed")
    if _CONTROL.search(value):
        raise _unusable(field, "has a line end or another control character, which no header can hold")
    return value


def _body(http: Http, claim: Claim, values: Values) -> tuple[bytes | None, str]:
    """The body, None for none, and its type."""
    text = http.body
    if text is None:
        if http.method not in WITH_BODY or claim.work.payload is None:
            return None, ""
        content = json.dumps(claim.work.payload, ensure_ascii=False, separators=(",", ":"))
        return content.encode(errors="replace"), "application/json"
    body = _filled("body", lambda: template.compile(text).render(values)).encode(errors="replace")
    if len(body) > MAX_BODY:
        raise _unusable("body", f"has {len(body)} bytes, and {MAX_BODY} are allowed")
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return body, "text/plain; charset=utf-8"
    return body, "application/json"


def _filled(field: str, fill: Callable[[], str]) -> str:
    try:
        return fill()
    except ValueError as fault:  # Unfilled, or a template that only a newer operator can read
        raise _unusable(field, str(fault)) from None


def _unusable(field: str, fault: str) -> Fault:
    return Fault("TemplateFailed", f"spec.handler.http.{field}: {fault}", codes=("template",), permanent=True)
