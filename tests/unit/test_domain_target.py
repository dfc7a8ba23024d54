"""Where requests go: no value changes scheme or host, leaves the path, or is read otherwise by somebody else."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from kronstream.domain import target
from kronstream.domain.target import Origin, Target, following, origin, redirected, shown_url
from kronstream.domain.template import Template, Unfilled, Values

RUN = {
    "id": "u-s1", "trigger": "schedule", "trace": "ab" * 16, "nominal": 1795454707000, "deadline": 1795454707000,
    "previous": None, "attempt": 1, "maxAttempts": 1,
}  # fmt: skip
JOB = {"namespace": "shop", "name": "report", "platformId": None}


def at(text: str, payload: Any = None) -> str:
    return target.compile(text).at(Values(RUN, JOB, payload))


@pytest.mark.parametrize(
    ("text", "payload", "found"),
    [
        ("https://example.com", None, "https://example.com"),
        ("http://example.com:8080/a?b=c&d", None, "http://example.com:8080/a?b=c&d"),
        ("https://example.com/${job.name}?at=${run.nominal}", None,
         "https://example.com/report?at=2026-11-23T17%3A25%3A07Z"),
        ("https://example.com/${payload}", "a/b?c#d e%é", "https://example.com/a%2Fb%3Fc%23d%20e%25%C3%A9"),
        ("https://example.com/x?q=${payload}&r=1", "a&r=2#x", "https://example.com/x?q=a%26r%3D2%23x&r=1"),
        ("https://${payload}.example.com/x", "eu-1", "https://eu-1.example.com/x"),
        ("https://127.0.0.1/${payload}", 1, "https://127.0.0.1/1"),
        ("https://127.0.0.${payload}/", 1, "https://127.0.0.1/"),
        ("https://1.example.com/", None, "https://1.example.com/"),
        ("https://${payload}", "example.com:8443", "https://example.com:8443"),
        ("https://example.com:${payload}/", 8443, "https://example.com:8443/"),
        ("https://[2606:4700::1]:443/x", None, "https://[2606:4700::1]:443/x"),
        ("https://example.com?x=${payload}", "//evil/", "https://example.com?x=%2F%2Fevil%2F"),
        ("https://example.com/a..b/...", None, "https://example.com/a..b/..."),
    ],
)  # fmt: skip
def test_what_a_url_becomes(text: str, payload: Any, found: str) -> None:
    assert at(text, payload) == found


@pytest.mark.parametrize(
    ("text", "payload", "why"),
    [
        ("https://${payload}/x", "example.com/", "cannot stand in the host"),
        ("https://${payload}/x", "a@b", "cannot stand in the host"),
        ("https://${payload}.example.com/x", "evil.com#", "cannot stand in the host"),
        ("https://${payload}.example.com/x", "evil.com\\", "cannot stand in the host"),
        ("https://${payload}.example.com/x", "é", "cannot stand in the host"),
        ("https://${payload}/x", None, "has no host"),
        ("https://${payload}/x", "-", "has no host"),
        ("https://${payload}/x", "2130706433", "has a host that is neither a name nor four numbers"),
        ("https://127.0.0.${payload}/x", "01", "has a host that is neither"),
        ("https://example.com:${payload}/", 70_000, "has a port out of range"),
        ("https://example.com:${payload}/", 0, "has a port out of range"),
        ("https://example.com/files/${payload}", "..", "has a . or .. in its path"),
        ("https://example.com/files/${payload}/x", ".", "has a . or .. in its path"),
        ("https://example.com/${payload}${payload}", ".", "has a . or .. in its path"),
        ("https://example.com/files/.${payload}/x", ".", "has a . or .. in its path"),
        ("https://example.com/${payload}", "x" * 8_192, "characters, and 8192 are allowed"),
        ("https://example.com/${payload.id}", {}, "Key not found"),
    ],
)
def test_what_a_value_cannot_do(text: str, payload: Any, why: str) -> None:
    with pytest.raises(Unfilled) as caught:
        at(text, payload)

    assert why in str(caught.value)
    assert len(str(caught.value)) < 500


def test_no_value_completes_what_the_text_began_to_encode() -> None:
    with pytest.raises(ValueError, match="has a % that encodes nothing"):
        target.compile("https://example.com/%2${payload}/x")


def test_a_url_that_leads_elsewhere_than_its_text_is_refused_however_it_came_about() -> None:
    with pytest.raises(Unfilled, match="leads elsewhere than its text says"):
        Target(Template(("http", "s://evil/x"))).at(Values(RUN, JOB))


HOSTILE = ["//evil", "\\\\evil", "@evil", ":80@evil", "..", "%2e%2e", "/../", "?#"]


@given(st.text(max_size=40) | st.sampled_from(HOSTILE))
def test_whatever_is_put_in_host_and_scheme_stay(value: str) -> None:
    if value.encode(errors="replace").decode() != value:
        return
    for text in ("https://example.com/a/${payload}/b", "https://example.com:8443?q=${payload}&r=1"):
        try:
            found = at(text, value)
        except Unfilled:
            continue
        for host in (urlsplit(found).hostname, URL(found, encoded=True).host, URL(found).host):
            assert host == "example.com"
        assert URL(found).scheme == "https"
        if "/a/" in text:
            assert URL(found).raw_path.startswith("/a/")
            assert URL(found).raw_path.endswith("/b")
            assert URL(found).query_string == ""
        else:
            assert URL(found).query["q"] == value
            assert URL(found).query["r"] == "1"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ftp://example.com/", "does not begin with http:// or https://; write a URL like https://api.example.com/"),
        ("${payload}", "does not begin with http"),
        ("", "does not begin with http"),
        ("HTTPS://example.com/", "does not begin with http"),
        ("http${payload}://example.com", "does not begin with http"),
        ("https:/${payload}/", "does not begin with http"),
        ("https://example.com/#top", "has a fragment"),
        ("https://example.com/a b", "has ' ', which no URL can hold; write %20"),
        ("https://example.com/ü", "write %C3%BC"),
        ("https://example.com\\@evil.com/", "has '\\\\', which no URL can hold"),
        ("https://example.com/100%", "has a % that encodes nothing"),
        ("https://example.com/%zz", "has a % that encodes nothing"),
        ("https://user:pass@example.com/", "has a user or password; give the header Authorization by headersFrom"),
        ("https://${payload}@example.com/", "has a user or password"),
        ("https:///x", "has no host"),
        ("https://", "has no host"),
        ("https://:80/", "has no host"),
        ("https://[::1/", "has no host"),
        ("https://2130706433/", "has a host that is neither a name nor four numbers"),
        ("https://0x7f000001/x", "has a host that is neither"),
        ("https://0177.0.0.1./", "has a host that is neither"),
        ("https://127.1", "has a host that is neither"),
        ("https://example.0x/", "has a host that is neither"),
        ("https://example.com:99999/", "has a port out of range"),
        ("https://example.com/a/../b", "has a . or .. in its path"),
        ("https://example.com/a/%2E%2e/b", "has a . or .. in its path"),
        ("https://example.com/.", "has a . or .. in its path"),
        ("https://example.com/${run.idd}", "write run.id"),
    ],
)
def test_what_is_no_url_says_what_to_write(text: str, says: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - its words are below
        target.compile(text)

    assert says in str(caught.value)


def test_where_a_url_leads() -> None:
    assert origin("https://Example.COM./x") == Origin("https", "example.com", 443)
    assert origin("http://[::1]:8080") == Origin("http", "::1", 8080)
    for text in ("https:example.com", "//example.com", "https://a@example.com/", "https://example.com\n", "x"):
        with pytest.raises(ValueError, match="is no URL"):
            origin(text)


@pytest.mark.parametrize(
    ("url", "location", "found"),
    [
        ("https://a.com/x/y", "/z?q=1", "https://a.com/z?q=1"),
        ("https://a.com/x/y", "z", "https://a.com/x/z"),
        ("https://a.com/x/y", "https://A.com:443/z#top", "https://A.com:443/z"),
        ("http://a.com/x", "https://a.com/x", "https://a.com/x"),
        ("http://a.com:80/x", "https://a.com:443/x", "https://a.com:443/x"),
        ("https://a.com/x", " /é ü ", "https://a.com/%C3%A9%20%C3%BC"),
        ("https://a.com/x", "?a=%20b", "https://a.com/x?a=%20b"),
    ],
)
def test_a_redirect_to_the_same_host(url: str, location: str, found: str) -> None:
    assert redirected(url, location) == found


@pytest.mark.parametrize(
    ("url", "location", "why"),
    [
        ("https://a.com/x", "https://b.com/x", "leads to https://b.com:443, which is elsewhere"),
        ("https://a.com/x", "//b.com/x", "elsewhere"),
        ("https://a.com/x", "http://a.com/x", "elsewhere"),
        ("https://a.com/x", "https://a.com:8443/x", "elsewhere"),
        ("http://a.com:8080/x", "https://a.com/x", "elsewhere"),
        ("https://a.com/x", "https://a.com.evil/x", "elsewhere"),
        ("https://a.com/x", "https://a.com@evil/x", "is no URL"),
        ("https://a.com/x", "https://a.com\\@evil/x", "is no URL"),
        ("https://a.com/x", "https://ä.com/x", "is no URL"),
        ("https://a.com/x", "ftp://a.com/x", "is no URL"),
        ("https://a.com/x", "javascript:alert(1)", "is no URL"),
        ("https://a.com/x", "/" + "x" * 8_192, "more than 8192"),
    ],
)
def test_a_redirect_elsewhere(url: str, location: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        redirected(url, location)


def test_the_method_that_follows() -> None:
    methods = ("GET", "HEAD", "POST", "PUT")

    assert [following(303, method) for method in methods] == ["GET", "HEAD", "GET", "GET"]
    assert [following(302, method) for method in methods] == ["GET", "HEAD", "GET", "PUT"]
    assert [following(301, method) for method in methods] == ["GET", "HEAD", "GET", "PUT"]
    assert [following(307, method) for method in methods] == list(methods)
    assert [following(308, method) for method in methods] == list(methods)


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://a.com/x", "https://a.com/x"),
        ("https://a.com/x?token=abc&b=&c", "https://a.com/x?token=…&b=…&…"),
        ("https://a.com/x?", "https://a.com/x?…"),
        ("https://a.com/" + "x" * 400, "https://a.com/" + "x" * 286 + "…"),
    ],
)
def test_a_url_is_shown_without_the_values_of_its_query(url: str, found: str) -> None:
    assert shown_url(url) == found
