"""Who a receiver is known by: public authorities, those of a Secret, or nobody."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kronstream.worker.rulings import Fault
from unit.httpbench import bench
from unit.httpreceiver import Receiver

pytestmark = pytest.mark.anyio

CA = {"name": "trust", "key": "ca.crt"}


def certificate(address: str = "127.0.0.1") -> tuple[bytes, bytes]:
    """A certificate for an address that is its own authority, and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM), secret


@pytest.fixture
async def known(tmp_path: Path) -> AsyncIterator[tuple[Receiver, str]]:
    """A receiver of https, and the authority of its certificate."""
    pem, key = certificate()
    (tmp_path / "both.pem").write_bytes(pem + key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "both.pem")
    receiver = Receiver()
    await receiver.start(context)
    yield receiver, pem.decode()
    await receiver.stop()


async def test_an_unknown_authority_is_not_trusted(known: tuple[Receiver, str]) -> None:
    receiver, _ = known
    made = bench(receiver)

    with pytest.raises(Fault, match="is not trusted: ClientConnectorCertificateError") as caught:
        await made.send()

    assert (caught.value.kind, caught.value.codes) == ("HttpTls", ("http:tls", "http:connect"))
    assert not caught.value.permanent
    assert receiver.received == []
    await made.kind.close()


async def test_the_authority_of_a_secret_is(known: tuple[Receiver, str]) -> None:
    receiver, pem = known
    made = bench(receiver, secrets={"trust": {"ca.crt": pem, "other.crt": certificate()[0].decode()}})

    for _ in range(2):
        assert (await made.send(http={"tls": {"caSecretRef": CA}}))["status"] == 200
    assert len(receiver.connections) == 1
    with pytest.raises(Fault, match="is not trusted"):
        await made.send(http={"tls": {"caSecretRef": {**CA, "key": "other.crt"}}})
    # a connection made without a look is for nobody who wants one
    assert (await made.send(http={"tls": {"insecureSkipVerify": True}}))["status"] == 200
    with pytest.raises(Fault, match="is not trusted"):
        await made.send()
    await made.kind.close()


async def test_a_certificate_for_another_address_is_not(known: tuple[Receiver, str]) -> None:
    receiver, pem = known
    made = bench(receiver, secrets={"trust": {"ca.crt": pem}})

    with pytest.raises(Fault, match="is not trusted"):
        await made.send(http={"url": receiver.url.replace("127.0.0.1", "localhost"), "tls": {"caSecretRef": CA}})
    await made.kind.close()


@pytest.mark.parametrize("text", ["no certificate", "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n", ""])
async def test_what_is_no_authority_names_the_secret(known: tuple[Receiver, str], text: str) -> None:
    receiver, _ = known
    made = bench(receiver, secrets={"trust": {"ca.crt": text}})

    with pytest.raises(Fault, match=r"the key 'ca\.crt' of the Secret ns/trust holds no certificates in PEM"):
        await made.send(http={"tls": {"caSecretRef": CA}})
    await made.kind.close()


async def test_a_receiver_that_speaks_no_tls(known: tuple[Receiver, str]) -> None:
    plain = Receiver()
    await plain.start()
    made = bench(plain)

    with pytest.raises(Fault) as caught:
        await made.send(http={"url": plain.url.replace("http:", "https:")})

    assert caught.value.codes == ("http:tls", "http:connect")
    assert "took no TLS connection: ClientConnectorSSLError" in str(caught.value)
    await made.kind.close()
    await plain.stop()
