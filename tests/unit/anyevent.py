"""Any event that CloudEvents allows."""

import base64

from hypothesis import strategies as st

from kronstream.domain.event import Event
from kronstream.resources.cloudevent import CloudEvent

_NONCHARACTERS = [chr(plane * 0x10000 + last) for plane in range(17) for last in (0xFFFE, 0xFFFF)]
_NONCHARACTERS += [chr(code) for code in range(0xFDD0, 0xFDF0)]

texts = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="".join(_NONCHARACTERS)), max_size=40)
filled = texts.filter(bool)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
sources = st.sampled_from(
    ["/", "/mycontext", "1-555-123-4567", "https://example.com/a?b=c#d", "urn:uuid:6e8bc430-9c3a-11d9",
     "mailto:a@example.com", "a%20b", "http://[2001:db8::1]:80/x", "//host/path", "?q", "#f", "tag:"],
)  # fmt: skip
json_types = st.sampled_from(
    [None, "application/json", "application/json; charset=utf-8", "text/json", "application/b+json"]
)
text_types = st.sampled_from(["text/plain", "application/xml", 'text/html; charset="utf-8"', "image/svg+xml"])
byte_types = st.sampled_from([None, "application/octet-stream", "image/png", "application/x; a=b"])


@st.composite
def contents(draw: st.DrawFn) -> dict[str, object]:
    """The data and its type."""
    kind = draw(st.sampled_from(["json", "text", "bytes", "none"]))
    if kind == "json":
        return {"data": draw(json_values), "datacontenttype": draw(json_types)}
    if kind == "text":
        characters = st.characters(exclude_categories=("Cs",))
        return {"data": draw(st.text(characters, min_size=1, max_size=40)), "datacontenttype": draw(text_types)}
    if kind == "bytes":
        raw = draw(st.binary(min_size=1, max_size=40))
        return {"data_base64": base64.b64encode(raw).decode(), "datacontenttype": draw(byte_types)}
    return {"datacontenttype": draw(json_types)}


names = st.from_regex(r"\A[a-z0-9]{1,20}\Z").filter(lambda name: name not in CloudEvent.model_fields)
values = texts | st.booleans() | st.integers(-(2**31), 2**31 - 1)


@st.composite
def events(draw: st.DrawFn) -> Event:
    """An event with any of the attributes."""
    return Event(
        id=draw(filled),
        source=draw(sources),
        type=draw(filled),
        subject=draw(st.none() | filled),
        time=draw(st.none() | st.integers(-62_135_596_800_000, 253_402_300_799_999)),
        dataschema=draw(st.sampled_from([None, "https://example.com/s.json", "urn:s", "http://a/b#/c"])),
        extensions=draw(st.dictionaries(names, values, max_size=5)),
        **draw(contents()),  # type: ignore[arg-type]
    )
