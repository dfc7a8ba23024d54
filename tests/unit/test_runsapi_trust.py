"""Whom the extension API server believes: the ConfigMap's words, and certificates that change under it."""

import os
import ssl
from pathlib import Path

import pytest
from multidict import CIMultiDict

from kronstream.dev.pki import Authority
from kronstream.doorway import Doorway
from kronstream.runsapi.refusal import Refusal
from kronstream.runsapi.trust import Trust, Untold, common_name
from unit.runsdoor import config


def subject(name: str) -> dict[str, object]:
    return {"subject": ((("organizationName", "x"),), (("commonName", name),))}


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    return Authority(tmp_path / "front").pair.certificate


def test_the_caller_is_told_in_headers(authority: Path) -> None:
    trust = Trust.read(config(authority))
    headers = CIMultiDict([("X-Remote-User", "anna"), ("X-Remote-Group", "a"), ("x-remote-group", "b")])
    caller = trust.caller(subject("front-proxy-client"), headers)
    assert (caller.user, caller.groups) == ("anna", ("a", "b"))
    odd = CIMultiDict([("X-Remote-User", "\udcff" + "x" * 500)])
    assert trust.caller(subject("front-proxy-client"), odd).user == "?" + "x" * 254


@pytest.mark.parametrize("certificate", [None, {}, subject("other"), {"subject": ()}])
def test_other_certificates_are_nobodys(authority: Path, certificate: dict[str, object] | None) -> None:
    trust = Trust.read(config(authority))
    with pytest.raises(Refusal) as caught:
        trust.caller(certificate, CIMultiDict({"X-Remote-User": "anna"}))
    assert caught.value.code == 401


def test_without_names_any_of_the_authoritys_will_do(authority: Path) -> None:
    told = config(authority)
    told["data"]["requestheader-allowed-names"] = "[]"
    assert Trust.read(told).caller(subject("x"), CIMultiDict({"X-Remote-User": "anna"})).user == "anna"
    assert common_name(subject("x")) == "x"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"requestheader-client-ca-file": ""}, "without --requestheader-client-ca-file"),
        ({"requestheader-client-ca-file": "nonsense"}, "holds no certificate"),
        ({"requestheader-allowed-names": "front"}, "requestheader-allowed-names is not JSON"),
        ({"requestheader-username-headers": '{"a": 1}'}, "is not a list of texts"),
    ],
)
def test_a_config_map_that_tells_nothing(authority: Path, changes: dict[str, str], said: str) -> None:
    told = config(authority)
    told["data"].update(changes)
    with pytest.raises(Untold, match=said):
        Trust.read(told)
    with pytest.raises(Untold):
        Trust.read(None)


def test_the_servers_certificate_is_read_again_when_its_files_change(tmp_path: Path, authority: Path) -> None:
    pki = Authority(tmp_path / "cluster")
    pair = pki.issue("server", "one", server=True)
    doorway = Doorway(pair.certificate, pair.key)
    before = doorway._current
    doorway.refresh()
    assert doorway._current is before
    pki.issue("server", "two", server=True)
    os.utime(pair.key, (1, 1))
    doorway.refresh()
    after = doorway._current
    assert after is not before
    pair.key.write_text("half of it")
    doorway.refresh()
    assert doorway._current is after
    # and an authority that cannot be used changes nothing
    with pytest.raises(ssl.SSLError):
        doorway.trust("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n")
    assert doorway._current is after


def test_without_a_certificate_it_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"."):
        Doorway(tmp_path / "tls.crt", tmp_path / "tls.key")
