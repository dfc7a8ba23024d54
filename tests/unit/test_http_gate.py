"""Where no request goes, however it is asked to: names, spellings, redirects, answers of a resolver that change."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from kronstream.domain.address import Allowed
from kronstream.worker.http.gate import Gate, Refused
from kronstream.worker.rulings import Fault
from unit.httpbench import bench
from unit.httpreceiver import Receiver

pytestmark = pytest.mark.anyio


class Names(AbstractResolver):
    """Answers each question with the next of some addresses, the last one for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)
            for address in answer
        ]

    async def close(self) -> None:
        pass


async def refused(receiver: Receiver, url: str, **options: Any) -> Fault:
    """The failure of a request, which must not arrive."""
    made = bench(receiver, **{"allow": (), **options})
    with pytest.raises(Fault) as caught:
        await made.send(http={"url": url})
    await made.kind.close()
    assert receiver.received == []
    return caught.value


def port(receiver: Receiver) -> str:
    return receiver.url.rpartition(":")[2]


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "LOCALHOST",
     "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::1]", "[::]", "[64:ff9b::127.0.0.1]", "10.0.0.1", "169.254.169.254"],
)  # fmt: skip
async def test_a_private_address_is_refused_in_every_spelling(receiver: Receiver, host: str) -> None:
    told = await refused(receiver, f"http://{host}:{port(receiver)}/?secret=hunter2")

    assert told.permanent
    assert (told.kind, told.codes) == ("AddressRefused", ("http:refused",))
    assert "hunter2" not in str(told)
    assert "an administrator of the workers allows it with KRONSTREAM_HTTP_ALLOW=" in str(told)


async def test_the_refusal_names_the_address_of_a_name(receiver: Receiver) -> None:
    gate = Gate(Allowed(), Names(["10.1.2.3"]))

    told = await refused(receiver, "http://api.example.com/x", gate=gate)

    assert str(told) == (
        "http://api.example.com/x is refused: 10.1.2.3, the address of api.example.com, is a private address; an "
        "administrator of the workers allows it with KRONSTREAM_HTTP_ALLOW=10.1.2.3/32 or a network around it"
    )


async def test_a_name_that_leads_elsewhere_the_second_time_is_refused_then(receiver: Receiver) -> None:
    """Rebinding between two attempts; 127.0.0.2 plays the public address."""
    public = Receiver()
    await public.start(host="127.0.0.2")
    public.answers = [{"headers": {"Connection": "close"}}]
    names = Names(["127.0.0.2"], ["127.0.0.1"])
    made = bench(receiver, gate=Gate(Allowed.of(["127.0.0.2"]), names))
    url = f"http://api.example.com:{port(public)}/"

    assert (await made.send(http={"url": url}))["status"] == 200
    with pytest.raises(Fault, match=r"127\.0\.0\.1, the address of api\.example\.com, is a loopback address"):
        await made.send(http={"url": url})

    # one look each: there is none between the judgement and the connection
    assert names.asked == 2
    assert len(public.received) == 1
    await made.kind.close()
    await public.stop()


async def test_of_several_addresses_only_the_good_ones_are_connected_to(receiver: Receiver) -> None:
    """The bad one listens, the good one does not: nothing arrives."""
    gate = Gate(Allowed.of(["127.0.0.2"]), Names(["127.0.0.1", "127.0.0.2"]))
    made = bench(receiver, gate=gate)

    with pytest.raises(Fault) as caught:
        await made.send(http={"url": f"http://api.example.com:{port(receiver)}/"})

    assert caught.value.kind == "HttpConnect"
    assert receiver.received == []
    await made.kind.close()


async def test_the_target_of_a_redirect_is_judged_again() -> None:
    public = Receiver()
    await public.start(host="127.0.0.2")
    public.answers = [{"status": 302, "headers": {"Location": "/x", "Connection": "close"}}]
    names = Names(["127.0.0.2"], ["127.0.0.1"])
    made = bench(public, gate=Gate(Allowed.of(["127.0.0.2"]), names))
    url = f"http://api.example.com:{port(public)}/"

    with pytest.raises(Fault) as caught:
        await made.send(http={"url": url, "followRedirects": "SameHost"})

    assert caught.value.kind == "AddressRefused"
    assert (names.asked, len(public.received)) == (2, 1)
    await made.kind.close()
    await public.stop()


async def test_a_client_that_asks_no_resolver_is_stopped_at_the_socket(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if a later version of the client resolved by itself."""
    names = Names(["127.0.0.1"])
    gate = Gate(Allowed(), names)
    monkeypatch.setattr(gate, "resolve", names.resolve)

    told = await refused(receiver, f"http://api.example.com:{port(receiver)}/", gate=gate)

    assert told.kind == "AddressRefused"
    assert names.asked == 1


async def test_a_name_without_addresses_is_refused() -> None:
    with pytest.raises(Refused, match=r"api\.example\.com has no address"):
        await Gate(Allowed(), Names([])).resolve("api.example.com")


async def test_an_allowed_name_leads_to_its_address_and_one_under_an_ending_not_to_the_worker_itself(
    receiver: Receiver,
) -> None:
    gate = Gate(Allowed.of(["shop.internal", ".svc.cluster.local"]), Names(["127.0.0.1"]))
    made = bench(receiver, gate=gate)

    await made.send(http={"url": f"http://shop.internal:{port(receiver)}/"})
    # a Service of type ExternalName leads where its maker wants
    with pytest.raises(Fault, match="is a loopback address"):
        await made.send(http={"url": f"http://shop.default.svc.cluster.local:{port(receiver)}/"})
    with pytest.raises(Fault, match="is a loopback address"):
        await made.send(http={"url": f"http://127.0.0.1:{port(receiver)}/"})

    assert len(receiver.received) == 1
    await made.kind.close()


async def test_the_environment_sets_no_proxy(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Receiver()
    await proxy.start()
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    made = bench(receiver)

    await made.send()

    assert (len(receiver.received), proxy.received) == (1, [])
    await made.kind.close()
    await proxy.stop()


async def test_an_unknown_name_is_no_refusal(receiver: Receiver) -> None:
    class Nobody(Names):
        async def resolve(self, *args: Any, **kwargs: Any) -> list[ResolveResult]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    told = await refused(receiver, "http://api.example.invalid/", gate=Gate(Allowed(), Nobody([])))

    assert (told.kind, told.codes, told.permanent) == ("HttpConnect", ("http:connect",), False)
    assert "Name or service not known" in str(told)
