"""The binary mode of CloudEvents over HTTP: headers, percent-encoding, and the body by its type."""

from dataclasses import replace
from typing import Any

import pytest
from cloudevents.core.bindings import http as sdk
from hypothesis import assume, given

from kronstream.domain.event import Event
from kronstream.resources.cloudevent import Unreadable, is_json
from kronstream.resources.eventheaders import of_headers, to_headers
from unit.anyevent import events

LEAST = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "a.b"}


def read(body: bytes = b"", **headers: str) -> Event:
    return of_headers(LEAST | {name.replace("_", "-"): text for name, text in headers.items()}, body)


def refused(body: bytes = b"", **headers: str) -> Unreadable:
    with pytest.raises(Unreadable) as caught:
        read(body, **headers)
    return caught.value


def test_the_example_of_the_binding() -> None:
    event = of_headers(
        {
            "Host": "webhook.example.com",
            "CE-SpecVersion": "1.0",
            "ce-type": "com.example.someevent",
            "ce-time": "2018-04-05T03:56:24Z",
            "ce-id": "1234-1234-1234",
            "ce-source": "/mycontext/subcontext",
            "ce-comexampleothervalue": "5",
            "Content-Type": "application/json; charset=utf-8",
            "Content-Length": "2",
        },
        b'{"a": 1}',
    )
    assert event == Event(
        "1234-1234-1234", "/mycontext/subcontext", "com.example.someevent", {"a": 1}, time=1_522_900_584_000,
        datacontenttype="application/json; charset=utf-8", extensions={"comexampleothervalue": "5"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given_", "text"),
    [
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),
        ("%e2%82%ac", "€"),
        ("%41%2541", "A%41"),
        ("plain text", "plain text"),
        ('"quoted \\"text\\" \\\\ %20"', 'quoted "text" \\  '),
        ('a "b c" d', "a b c d"),
        ("%22", '"'),
        ("  around\t", "around"),
        ("", ""),
    ],
)
def test_values_are_unquoted_and_percent_decoded_once(given_: str, text: str) -> None:
    assert read(ce_some=given_).extensions == {"some": text}


@pytest.mark.parametrize(
    "given_",
    [
        "%C0%A0",
        "%FF",
        "%",
        "100%",
        "%2",
        "%zz",
        "ä",
        "€",
        "\x01",
        '"open',
        'a"b',
        '"\\',
        "%0A",
        "%EF%BF%BE",
        "%ED%A0%80",
    ],
)
def test_values_that_cannot_be_decoded(given_: str) -> None:
    fault = refused(ce_some=given_)
    assert fault.field == "ce-some"
    assert str(fault).startswith("ce-some: ")


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        ({"ce_id": ""}, "ce-id"),
        ({"ce_source": "a%20b"}, "ce-source"),
        ({"ce_specversion": "0.3"}, "ce-specversion"),
        ({"ce_time": "now"}, "ce-time"),
        ({"ce_datacontenttype": "application/json"}, "ce-datacontenttype"),
        ({"ce_data": "1"}, "ce-data"),
        ({"CE-data_base64": "MQ=="}, "ce-data-base64"),
        ({"ce_my_name": "x"}, "ce-my-name"),
        ({"ce_": "x"}, "ce-"),
        ({"content_type": "json"}, "content-type"),
        ({"CE_ID": "2"}, "ce-id"),
    ],
)
def test_faults_name_the_header(headers: dict[str, str], field: str) -> None:
    assert refused(**headers).field == field


@pytest.mark.parametrize("name", LEAST)
def test_required_headers(name: str) -> None:
    with pytest.raises(Unreadable) as caught:
        of_headers({header: text for header, text in LEAST.items() if header != name}, b"")
    assert caught.value.field == name


@pytest.mark.parametrize(
    ("media_type", "body", "fields"),
    [
        (None, b"", {}),
        (None, b'{"a": 1}', {"data": {"a": 1}}),
        (None, b"\xff", {"data_base64": "/w=="}),
        ("application/json", b"", {}),
        ("application/json", b"null", {}),
        ("application/json", b'"I\'m just a string"', {"data": "I'm just a string"}),
        ("Application/Cloud+JSON;v=1", b"[1]", {"data": [1]}),
        ("application/xml", b'<much wow="xml"/>', {"data": '<much wow="xml"/>'}),
        ("text/plain; charset=UTF-8", "ä".encode(), {"data": "ä"}),
        ("text/plain; charset=latin1", b"\xe4", {"data_base64": "5A=="}),
        ("text/plain", b"\xe4", {"data_base64": "5A=="}),
        ("image/png", b"abc", {"data_base64": "YWJj"}),
    ],
)
def test_the_body_is_read_by_its_type(media_type: str | None, body: bytes, fields: dict[str, Any]) -> None:
    event = read(body, **({} if media_type is None else {"content_type": media_type}))
    assert event == Event("1", "/s", "a.b", datacontenttype=media_type, **fields)


@pytest.mark.parametrize("body", [b"{", b"\xff", b"NaN", b"[" * 100 + b"]" * 100, b"[" * 60_000, b"{}{}"])
def test_a_body_that_is_not_the_json_it_says_it_is(body: bytes) -> None:
    assert refused(body, content_type="application/json").field == "body"


def expected(event: Event) -> Event:
    """As it comes back: headers know texts alone, and a type that was implied is said."""
    told = {
        name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in event.extensions.items()
    }
    implied = (
        "application/octet-stream"
        if event.data_base64 is not None
        else "application/json"
        if event.data is not None
        else None
    )
    return replace(event, extensions=told, datacontenttype=event.datacontenttype or implied)


@given(events())
def test_any_event_comes_back_from_its_headers(event: Event) -> None:
    headers, body = to_headers(event)
    assert all(text.isascii() and text.isprintable() for text in headers.values())
    assert of_headers(headers, body) == expected(event)
    assert of_headers({name.upper(): text for name, text in headers.items()}, body) == expected(event)


@given(events())
def test_the_sdk_reads_our_headers_and_we_read_its(event: Event) -> None:
    # what the SDK writes of other JSON is Python's str() of it
    assume(event.data is None or isinstance(event.data, dict) or not is_json(event.datacontenttype))
    headers, body = to_headers(event)
    theirs = sdk.from_binary_event(sdk.HTTPMessage(headers, body))
    found = dict(theirs.get_attributes())
    event = expected(event)
    assert (found["id"], found["source"], found["type"]) == (event.id, event.source, event.type)
    assert found.get("subject") == event.subject
    assert {name: found[name] for name in event.extensions} == event.extensions
    message = sdk.to_binary_event(theirs)
    again = of_headers(message.headers, message.body)
    assert replace(again, time=None, data=None, data_base64=None) == replace(
        event, time=None, data=None, data_base64=None
    )
