"""The handler type http: a run makes an HTTP request."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from kronstream.domain import target, template
from kronstream.domain.errors import Invalid
from kronstream.resources.base import Part
from kronstream.resources.headername import HeaderNames, OneHeader
from kronstream.resources.rule import Rule, Ruled, listed
from kronstream.resources.scalars import Words, invalid, quoted
from kronstream.resources.secretref import SecretRef

MAX_HEADERS = 32
MAX_HEADER = 4_096
MAX_BODY = 65_536
WITH_BODY = ("POST", "PUT", "PATCH")
WITHOUT_BODY = ("GET", "HEAD")


@dataclass(frozen=True)
class Status:
    """An HTTP status that an answer may have, as a number (204), or a class of them (2xx)."""

    instead = "write a status such as 204, or a class such as 2xx, from 200 to 599"

    def __get_pydantic_core_schema__(self, _source: object, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        def read(value: object) -> str:
            text = str(value) if isinstance(value, (int, str)) else ""
            if not re.fullmatch("[2-5]([0-9][0-9]|xx)", text):
                raise invalid(f"{quoted(value)} is not a status", self.instead)
            return text

        return core_schema.no_info_plain_validator_function(read)

    def __get_pydantic_json_schema__(
        self, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        rule = "type(self) == int ? self >= 200 && self <= 599 : self.matches('^[2-5]([0-9][0-9]|xx)$')"
        return {
            "x-kubernetes-int-or-string": True,
            "maxLength": 3,
            "x-kubernetes-validations": [{"rule": rule, "message": self.instead}],
        }


class HeaderFrom(Part):
    """A header whose value is a Secret's."""

    name: Annotated[str, OneHeader()]
    """The header's name, such as Authorization."""
    secret_key_ref: SecretRef
    """Where its value is: all of it, such as `Bearer abc`; a final line end is left out."""


class Signature(Part):
    """A signature by which the receiver knows who sent a request, as Standard Webhooks say: the headers webhook-id
    (the run's id), webhook-timestamp (seconds) and webhook-signature (`v1,` and the base64 of an HMAC-SHA256)."""

    secret_key_ref: SecretRef
    """Where the key is: `whsec_` and base64, or any text, whose bytes are the key."""


class Tls(Ruled):
    """How the receiver of an https request is known."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.caSecretRef) || !has(self.insecureSkipVerify) || !self.insecureSkipVerify",
            holds=lambda tls: tls.ca_secret_ref is None or not tls.insecure_skip_verify,
            fault="trusts authorities and everybody",
            instead="keep one of caSecretRef and insecureSkipVerify",
        ),
    )

    insecure_skip_verify: bool = False
    """Whether to send to whoever answers, without looking at its certificate. For trying only."""
    ca_secret_ref: SecretRef | None = None
    """The authorities that are trusted, as PEM, in place of the public ones."""


def names_once(headers: tuple[HeaderFrom, ...]) -> tuple[HeaderFrom, ...]:
    """The entries of a list-map keyed by name; one that is there twice is an error."""
    for index, header in enumerate(headers):
        if header.name in [other.name for other in headers[:index]]:
            raise invalid(f"{quoted(header.name)} is there already", "write each once", at=f"[{index}]")
    return headers


class Http(Ruled):
    """An HTTP request. In url, headers and body, `${…}` is a CEL expression: over run (id, nominal, previous, attempt,
    maxAttempts, deadline, trigger, trace), job (namespace, name, platformId), payload, and last (nominal and run of the
    last success, null before it). `$${` stands for `${`.

    Every request has the headers Idempotency-Key (the run's id, the same for all its attempts), traceparent,
    Kronstream-Nominal-Time and Kronstream-Attempt.
    """

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=f"!has(self.body) || !has(self.method) || !(self.method in {list(WITHOUT_BODY)})",
            holds=lambda http: http.body is None or http.method not in WITHOUT_BODY,
            fault=f"is not sent with {listed(WITHOUT_BODY, 'or')}",
            instead="remove it, or write another method",
            at=".body",
        ),
        Rule(
            cel="!has(self.tls) || self.url.startsWith('https://')",
            holds=lambda http: http.tls is None or http.url.startswith("https://"),
            fault="is used only with https",
            instead="remove it, or write an https URL",
            at=".tls",
        ),
    )

    url: Annotated[
        str,
        Words(
            "a URL",
            "https?://[!-~][ -~]*",
            2_048,
            "write a URL of http or https in ASCII (2048 at most), like https://api.example.com/jobs/${job.name}",
        ),
    ]
    """Where the request goes, such as `https://api.example.com/jobs/${job.name}?since=${last.nominal}`. What an
    expression gives is percent-encoded; it can change neither scheme nor host, unless it stands in the host. Private
    addresses are refused unless the administrator of the workers allows them (KRONSTREAM_HTTP_ALLOW).
    """
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    """The method of the request."""
    headers: Annotated[
        dict[str, Annotated[str, Field(max_length=MAX_HEADER)]], Field(max_length=MAX_HEADERS), HeaderNames()
    ] = Field(default_factory=dict)
    """Headers by their names; up to 32. Once filled in, a value has no control characters."""
    headers_from: Annotated[
        tuple[HeaderFrom, ...],
        Field(
            strict=False,
            max_length=16,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
        AfterValidator(names_once),
    ] = ()
    """Headers whose values are in Secrets, up to 16. They are never sent to another host."""
    body: Annotated[str, Field(max_length=MAX_BODY)] | None = None
    """The body, any text. When left out, it is the payload as JSON with POST, PUT and PATCH, where there is one. Its
    Content-Type is application/json when it is JSON, else text/plain, unless headers say another. `json(x)` writes a
    value as JSON.
    """
    success_codes: (
        Annotated[
            tuple[Annotated[str, Status()], ...],
            Field(strict=False, min_length=1, max_length=16, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
        ]
        | None
    ) = None
    """The statuses of an answer that make the attempt a success, up to 16: numbers (204) and classes (2xx). 2xx when
    left out. Others are failures http:404, http:503 and so on. Of 3xx and 4xx only 408, 425, 429 and those that
    retry.onlyOn names are tried again.
    """
    follow_redirects: Literal["Never", "SameHost"] = "Never"
    """Whether redirects are followed, five at most, to the same scheme, host and port (or from http to https)."""
    signature: Signature | None = None
    tls: Tls | None = None
    """How the receiver is known, where its certificate is not from a public authority."""
    accepted: Literal["Done", "Callback"] = "Done"
    """What the status 202 means: Done, a success; Callback, that the work goes on and its end will be told. Then each
    request has Kronstream-Run and Kronstream-Token, and Kronstream-Callback where the workers know the API's address;
    the run ends when that is called with the token, or at its timeout.
    """

    def judge(self, at: str) -> None:
        """Raises Invalid for the first template that cannot be used, and for a header that is there twice."""
        _judged(f"{at}.url", self.url, target.compile)
        for name, value in self.headers.items():
            _judged(f"{at}.headers.{name}", value, template.compile)
        if self.body is not None:
            _judged(f"{at}.body", self.body, template.compile)
        seen: dict[str, str] = {}
        named = [(name, f"{at}.headers.{name}") for name in self.headers]
        named += [(header.name, f"{at}.headersFrom[{index}].name") for index, header in enumerate(self.headers_from)]
        for name, path in named:
            if name.lower() in seen:
                raise Invalid(path, f"is the same header as {seen[name.lower()]}", "write each header once")
            seen[name.lower()] = name


def _judged(path: str, text: str, read: Callable[[str], object]) -> None:
    try:
        read(text)
    except ValueError as fault:
        raise Invalid(path, str(fault)) from None
