"""CloudEvents 1.0 in JSON: the rules of its specification, one by one, and what is hostile."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from cloudevents.core.bindings import http as sdk
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent as SdkEvent
from hypothesis import given

from kronstream.domain.event import Event
from kronstream.resources.cloudevent import AHEAD, MAX_BYTES, Unreadable, read_event, timestamp, write_event
from unit.anyevent import events
from unit.cost import cost

LEAST = {"specversion": "1.0", "id": "1", "source": "/s", "type": "a.b"}
NOW = 1_795_000_000_000


def read(now: int | None = None, **fields: Any) -> Event:
    return read_event(json.dumps(fill(fields)), now)


def fill(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: field for name, field in (LEAST | fields).items() if field is not Ellipsis}


def refused(text: str | None = None, now: int | None = None, **fields: Any) -> Unreadable:
    given = json.dumps(fill(fields)) if text is None else text
    with pytest.raises(Unreadable) as caught:
        read_event(given, now)
    return caught.value


def test_the_least_event_has_the_four_required_attributes() -> None:
    assert read() == Event("1", "/s", "a.b")


def test_the_example_of_the_specification() -> None:
    event = read_event("""{
        "specversion" : "1.0",
        "type" : "com.github.pull_request.opened",
        "source" : "https://github.com/cloudevents/spec/pull",
        "subject" : "123",
        "id" : "A234-1234-1234",
        "time" : "2018-04-05T17:31:00Z",
        "comexampleextension1" : "value",
        "comexampleothervalue" : 5,
        "unsetextension": null,
        "datacontenttype" : "text/xml",
        "data" : "<much wow=\\"xml\\"/>"
    }""")
    assert event == Event(
        "A234-1234-1234",
        "https://github.com/cloudevents/spec/pull",
        "com.github.pull_request.opened",
        '<much wow="xml"/>',
        subject="123",
        time=1_522_949_460_000,
        datacontenttype="text/xml",
        extensions={"comexampleextension1": "value", "comexampleothervalue": 5},
    )


@pytest.mark.parametrize("name", ["id", "source", "type", "specversion"])
@pytest.mark.parametrize("value", [..., None, "", 1, True, {}, "a\nb"])
def test_required_attributes_are_texts_that_are_not_empty(name: str, value: Any) -> None:
    fault = refused(**{name: value})
    assert fault.field == name
    assert str(fault).startswith(f"{name}: ")
    assert "write" in str(fault)
    if name == "specversion":
        assert fault.reason == "UnknownVersion"
    elif name == "type" and value in (..., None, ""):
        assert fault.reason == "NoType"
    else:
        assert fault.reason == "Invalid"


@pytest.mark.parametrize("version", ["0.3", "1", "1.0.2", "2.0", "1.0 ", 1.0])
def test_another_version_is_unknown(version: Any) -> None:
    assert refused(specversion=version).reason == "UnknownVersion"


@pytest.mark.parametrize("name", ["subject", "time", "datacontenttype", "dataschema", "data", "data_base64", "extra"])
def test_what_is_null_is_not_there(name: str) -> None:
    assert read(**{name: None}) == read()


@pytest.mark.parametrize(
    "source",
    ["/", "a", "1-555-123-4567", "https://github.com/cloudevents", "mailto:cncf-wg-serverless@lists.cncf.io", "?", "#",
     "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66", "/sensors/tn-1234567/alerts", "//h:1/", "x:", "a;b=1/../c",
     "http://u:p@[::1]/%C3%A4", "http://[v1.x:y]/"],
)  # fmt: skip
def test_sources_that_are_uri_references(source: str) -> None:
    assert read(source=source).source == source


@pytest.mark.parametrize(
    "source",
    [" ", "a b", "ä", "/%", "/%2", "/%zz", "1:2", ":", "a#b#c", "/[", "http://[::1", "http://a:b/", "\\", "a|b", "<a>",
     "a\n", "^", '"', "`", "{a}"],
)  # fmt: skip
def test_sources_that_are_none(source: str) -> None:
    assert refused(source=source).field == "source"


@pytest.mark.parametrize("schema", ["", "/relative", "a", "#x", "1:x", "http://a b", "//h/p"])
def test_a_schema_is_an_absolute_uri(schema: str) -> None:
    assert read(dataschema="https://example.com/s.json#/defs/x").dataschema == "https://example.com/s.json#/defs/x"
    assert refused(dataschema=schema).field == "dataschema"


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1985-04-12T23:20:50.52Z", 482_196_050_520),
        ("1996-12-19T16:39:57-08:00", 851_042_397_000),
        ("1996-12-20t00:39:57z", 851_042_397_000),
        ("1990-12-31T23:59:60Z", 662_688_000_000),
        ("1990-12-31T15:59:60-08:00", 662_688_000_000),
        ("1937-01-01T12:00:27.87+00:20", -1_041_337_172_130),
        ("2018-04-05T17:31:00.123456789-00:00", 1_522_949_460_123),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000),
        ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999),
        ("2024-02-29T00:00:00.0001Z", 1_709_164_800_000),
    ],
)
def test_times_of_rfc_3339(text: str, ms: int) -> None:
    assert timestamp(text) == ms
    assert read(time=text).time == ms


@pytest.mark.parametrize(
    "text",
    ["", "now", "2018-04-05", "2018-04-05T17:31:00", "2018-04-05 17:31:00Z", "2018-4-5T17:31:00Z", "20180405T173100Z",
     "2018-04-05T17:31Z", "2018-04-05T17:31:00+0100", "2018-04-05T17:31:00.Z", "2018-04-05T17:31:00,5Z",
     "2018-02-30T17:31:00Z", "2018-04-05T24:00:00Z", "2018-04-05T17:60:00Z", "2018-04-05T17:31:61Z", 5, 1.5,
     "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00",
     "2018-04-05T17:31:00+24:00", "2018-04-05T17:31:00Z\n", "\uff12018-04-05T17:31:00Z", "2018-W14-4T17:31:00Z"],
)  # fmt: skip
def test_times_that_are_none(text: Any) -> None:
    assert refused(time=text).field == "time"


def test_a_time_may_be_a_little_ahead() -> None:
    ahead = {"time": "2026-11-18T11:11:40.001Z"}
    at = timestamp(ahead["time"])
    assert read(at - AHEAD, **ahead).time == at
    fault = refused(now=at - AHEAD - 1, **ahead)
    assert (fault.reason, fault.field) == ("FromTheFuture", "time")
    assert read(**ahead).time == at


@pytest.mark.parametrize("media_type", ["application/json", 'a/b+c;d=e; f="g;\\" h"', "text/plain ; charset=utf-8 ;"])
def test_media_types_of_rfc_2046(media_type: str) -> None:
    assert read(datacontenttype=media_type).datacontenttype == media_type


@pytest.mark.parametrize(
    "media_type", ["", "json", "a/", "/b", "a/b/c", "a/b; c", "a/b;c=", "a/b, c/d", "ä/b", "a b/c"]
)
def test_media_types_that_are_none(media_type: str) -> None:
    assert refused(datacontenttype=media_type).field == "datacontenttype"


@pytest.mark.parametrize("name", ["a", "0", "platformid", "a" * 20, "a" * 60])
@pytest.mark.parametrize("value", ["", "text", "ä€😀", True, False, 0, -(2**31), 2**31 - 1])
def test_extensions(name: str, value: Any) -> None:
    kept = read(**{name: value}).extensions[name]
    assert (kept, type(kept)) == (value, type(value))


@pytest.mark.parametrize("name", ["A", "a_b", "a-b", "a.b", "", "ä", " a", "__class__", "data_base6", "a\n", "\uff11"])
def test_names_of_extensions_are_lower_case_letters_and_digits(name: str) -> None:
    for value in ("x", None):
        fault = refused(**{name: value})
        assert fault.field == name
        assert "lower-case letters and digits" in str(fault)


@pytest.mark.parametrize(
    "value", [1.5, 1.0, 2**31, -(2**31) - 1, 10**400, [], {}, ["a"], "a\tb", "\x7f", "\x9f", "\ufffe"]
)
def test_values_that_no_attribute_has(value: Any) -> None:
    fault = refused(some=value)
    assert (fault.reason, fault.field) == ("Invalid", "some")
    assert "put anything else into data" in str(fault)


@pytest.mark.parametrize(
    "character", ["\x00", "\x1f", "\x7f", "\x80", "\ufdd0", "\ufdef", "\uffff", "\U0001fffe", "\U0010ffff"]
)
@pytest.mark.parametrize("name", ["id", "type", "subject"])
def test_characters_that_no_text_has(character: str, name: str) -> None:
    assert refused(**{name: f"a{character}"}).field == name
    assert read(data=f"a{character}").data == f"a{character}"


def test_half_a_surrogate_pair_is_no_character_anywhere() -> None:
    for fields in ({"id": "\udead"}, {"x": "\ud800"}, {"data": {"a": ["\udfff"]}}, {"data": {"\ud800": 1}}):
        assert refused(**fields).reason == "NotJson"
    assert read(data="\U0001f600", id="😀").data == "\U0001f600"
    assert refused(text='{"id": "\ud800"}').reason == "NotJson"


@pytest.mark.parametrize("data", [True, 0, 1.5, "", "text", [], {}, [1, {"a": None}], '{"not": "parsed"}'])
def test_data_is_any_json(data: Any) -> None:
    assert read(data=data).data == data
    assert read(data=data, datacontenttype="application/vnd.x+json; v=1").data == data


def test_data_of_another_type_is_a_text() -> None:
    assert read(data="<a/>", datacontenttype="application/xml").data == "<a/>"
    fault = refused(data={"a": 1}, datacontenttype="application/xml")
    assert fault.field == "data"
    assert "application/json" in str(fault)


def test_bytes_stay_bytes_unless_their_type_says_json() -> None:
    raw = base64.b64encode(b"\x00\xff").decode()
    assert read(data_base64=raw).data_base64 == raw
    assert read(data_base64=raw, datacontenttype="image/png").data_base64 == raw
    told = base64.b64encode(b'{"a": [1]}').decode()
    event = read(data_base64=told, datacontenttype="application/json")
    assert (event.data, event.data_base64) == ({"a": [1]}, None)
    assert refused(data_base64=raw, datacontenttype="application/json").field == "data_base64"
    assert refused(data_base64="MQ==", data=1).field == "data"


@pytest.mark.parametrize("raw", ["*", "MQ", "MQ=", "M Q==", "MQ==\n", "ä", "MQ==MQ==", 1, {}])
def test_what_is_no_base64(raw: Any) -> None:
    assert refused(data_base64=raw).field == "data_base64"


def test_an_attribute_that_is_there_twice_is_refused_and_a_key_of_data_is_not() -> None:
    twice = refused(text='{"specversion":"1.0","id":"1","source":"/","type":"a","ty\\u0070e":"b"}')
    assert twice.field == "type"
    assert "twice" in str(twice)
    assert read_event('{"specversion":"1.0","id":"1","source":"/","type":"a","data":{"x":1,"x":2}}').data == {"x": 2}


@pytest.mark.parametrize(
    "text",
    ["", " ", "{", "nope", "{'a': 1}", "\ufeff{}", "{} {}", '{"a": NaN}', '{"a": Infinity}', '{"a": -Infinity}',
     '{"a": 1e999}', '{"a": -1e999}', '{"a": 01}', '{"a": 1.}', '{"a": "\n"}', '{"a":1,}', '\x00', "9" * 5000,
     "\ufffd{}"],
)  # fmt: skip
def test_what_is_no_json(text: str) -> None:
    assert refused(text=text).reason == "NotJson"


@pytest.mark.parametrize("text", ["null", "1", '"a"', "[]", "true", "[{}]"])
def test_what_is_no_object(text: str) -> None:
    fault = refused(text=text)
    assert fault.reason == "Invalid"
    assert "an event is a JSON object, not" in str(fault)


def test_size_is_bounded_in_bytes() -> None:
    frame = len(json.dumps(LEAST | {"data": ""}))
    assert len(read(data="x" * (MAX_BYTES - frame)).data) == MAX_BYTES - frame
    assert refused(data="x" * (MAX_BYTES - frame + 1)).reason == "TooLarge"
    text = json.dumps(LEAST | {"data": "ä" * (MAX_BYTES // 2)}, ensure_ascii=False)
    assert refused(text=text).reason == "TooLarge"
    with pytest.raises(Unreadable, match="65536 are allowed"):
        write_event(Event("1", "/", "a", "ä" * MAX_BYTES))
    assert cost(lambda: refused(text="[" * 10_000_000)) < 1
    assert refused(text="[" * 10_000_000).reason == "TooLarge"


def nested(levels: int, opening: str = "[", closing: str = "]") -> str:
    return json.dumps(LEAST)[:-1] + ', "data": ' + opening * levels + "1" + closing * levels + "}"


def test_depth_is_bounded_counted_from_the_event() -> None:
    assert read_event(nested(31)).data
    assert refused(text=nested(32)).reason == "TooDeep"
    assert refused(text=nested(32, '{"a":', "}")).reason == "TooDeep"
    for levels in (200, 1_000, 10_000, 30_000):
        assert refused(text=nested(levels)).reason in ("TooDeep", "NotJson")
    wide = read(data=[[n] for n in range(100)])
    assert len(wide.data) == 100


def test_hostile_names_and_numbers_are_data() -> None:
    data = {"__class__": "x", "__proto__": {}, "": 0, "9" * 100: 2**64, "big": 10**400, "small": 5e-324, "-0": -0.0}
    assert read(data=data).data == data
    assert refused(__pydantic_extra__="x").field == "__pydantic_extra__"
    assert refused(model_config="x").field == "model_config"


@given(events())
def test_any_event_comes_back_from_its_text(event: Event) -> None:
    text = write_event(event)
    assert read_event(text) == event
    assert write_event(read_event(text)) == text


@given(events())
def test_the_sdk_reads_what_we_write_and_we_read_what_it_writes(event: Event) -> None:
    theirs = sdk.from_structured_event(sdk.HTTPMessage({}, write_event(event).encode()))
    told = event.dump()
    raw = told.pop("data_base64", None)
    data = told.pop("data", None) if raw is None else base64.b64decode(raw)
    assert theirs.get_data() == data
    found = dict(theirs.get_attributes())
    when = timestamp(found.pop("time").isoformat())  # it says the present where an event says nothing
    assert event.time in (None, when)
    told.pop("time", None)
    assert found == told
    assert read_event(JSONFormat().write(theirs).decode()) == replace(event, time=when)


@pytest.mark.parametrize(
    "attributes",
    [{"id": ""}, {"source": None}, {"source": ""}, {"type": None}, {"type": ""}, {"subject": ""},
     {"datacontenttype": ""}, {"dataschema": ""}, {"specversion": "2.0"}, {"Upper": "x"}, {"a-b": "x"}, {"data": "x"}],
)  # fmt: skip
def test_what_the_sdk_refuses_is_refused(attributes: dict[str, Any]) -> None:
    given_ = {name: value for name, value in (LEAST | attributes).items() if value is not None}
    with pytest.raises(Exception, match="Failed to create CloudEvent"):
        SdkEvent(given_)
    if attributes != {"data": "x"}:  # to the SDK an attribute, in JSON the data
        refused(**{name: ... if value is None else value for name, value in attributes.items()})
