"""Redirects of a real server."""

from __future__ import annotations

from typing import Any

import pytest

from kronstream.worker.http.signature import signed
from unit.httpbench import NOW, SECRETS, TOKEN, Bench, fault
from unit.httpreceiver import Receiver

pytestmark = pytest.mark.anyio


def leads(location: str, status: int = 302) -> dict[str, Any]:
    return {"status": status, "headers": {"Location": location}}


async def test_a_redirect_is_a_failure_that_says_so(http: Bench, receiver: Receiver) -> None:
    receiver.answers = [leads("https://elsewhere.example/x?token=abc")]

    told = await fault(http)

    assert (told.codes, told.permanent) == (("http:302",), True)
    assert "302 Found from" in str(told)
    assert "it redirects to https://elsewhere.example/x?token=…, and followRedirects is Never; write" in str(told)


@pytest.mark.parametrize(("status", "method", "body"), [(302, "GET", b""), (303, "GET", b""), (307, "POST", b"5")])
async def test_a_redirect_on_the_same_host_is_followed(
    http: Bench, receiver: Receiver, status: int, method: str, body: bytes
) -> None:
    receiver.answers = [leads("/there?x=1", status), {"text": "found"}]
    signature = {"secretKeyRef": {"name": "api", "key": "hook"}}

    found = await http.send(5, http={"followRedirects": "SameHost", "headersFrom": [TOKEN], "signature": signature})

    assert found["body"] == "found"
    _, second = receiver.received
    assert (second.method, second.target, second.body) == (method, "/there?x=1", body)
    assert second.headers["authorization"] == "Bearer hunter2"
    wanted = signed(SECRETS["api"]["hook"], "u-s1795454707000", NOW // 1000, body)
    assert second.headers["webhook-signature"] == wanted["webhook-signature"]
    assert ("content-type" in second.headers) is bool(body)


async def test_a_redirect_to_another_host_is_not_followed(http: Bench, receiver: Receiver) -> None:
    other = Receiver()
    await other.start()
    try:
        for location in (f"{other.url}/x", other.url.replace("127.0.0.1", "127.0.0.2") + "/x"):
            receiver.answers = [leads(location, 307)]
            told = await fault(http, http={"followRedirects": "SameHost", "headersFrom": [TOKEN]})
            assert "which is elsewhere; write the address it leads to" in str(told)
            assert told.permanent
    finally:
        await other.stop()
    assert other.received == []


async def test_redirects_end(http: Bench, receiver: Receiver) -> None:
    receiver.answers = [leads("/again")]

    told = await fault(http, http={"followRedirects": "SameHost"})

    assert len(receiver.received) == 6
    assert "5 have been followed already" in str(told)


async def test_an_answer_that_only_looks_like_a_redirect(http: Bench, receiver: Receiver) -> None:
    receiver.answers = [{"status": 304}]

    assert "it redirects" not in str(await fault(http, http={"followRedirects": "SameHost"}))


async def test_a_long_redirect_is_followed_whole(http: Bench, receiver: Receiver) -> None:
    receiver.answers = [leads("/" + "x" * 3_000), {"text": "found"}]

    assert (await http.send(http={"followRedirects": "SameHost"}))["body"] == "found"
    assert receiver.received[1].target == "/" + "x" * 3_000


async def test_a_redirect_with_a_secret_in_it_is_followed_and_not_told(http: Bench, receiver: Receiver) -> None:
    receiver.answers = [leads("/Bearer%20hunter2"), leads("/?x=Bearer hunter2")]

    told = await fault(http, http={"followRedirects": "SameHost", "headersFrom": [TOKEN]})

    assert receiver.received[1].target == "/Bearer%20hunter2"
    assert "hunter2" not in str(told).replace("Bearer%20hunter2", "")
