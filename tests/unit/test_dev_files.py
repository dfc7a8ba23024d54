"""Files of the embedded control plane: logs, certificates, kubeconfigs, manifests, the claimed folder."""

import os
import stat
from pathlib import Path

import pytest
from cryptography import x509

from kronstream.dev import logfile
from kronstream.dev.errors import DevError
from kronstream.dev.kubeconfig import refuse_foreign, write_kubeconfig
from kronstream.dev.logfile import LogFile
from kronstream.dev.manifests import documents, manifests_dir
from kronstream.dev.pki import Authority
from kronstream.dev.privatefile import claimed


def write(log: LogFile, text: str) -> None:
    descriptor = log.open()
    os.write(descriptor, text.encode())
    os.close(descriptor)


def test_a_log_is_followed_by_whole_lines(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "a.log")

    assert log.new_lines() == []
    write(log, "one\ntw")
    assert log.new_lines() == ["one"]
    write(log, "o\nthree\n")
    assert log.new_lines() == ["two", "three"]


def test_a_log_from_an_earlier_session_is_not_shown_again(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("old\n")
    log = LogFile(tmp_path / "a.log")
    write(log, "new\n")

    assert log.new_lines() == ["new"]


def test_the_tail_begins_at_the_last_start(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "a.log")
    write(log, "first start\n")
    write(log, "second start\nboom\n")

    assert log.tail() == ["second start", "boom"]
    assert log.tail(1) == ["boom"]


def test_a_log_is_bounded_and_the_older_half_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logfile, "LIMIT", 100)
    log = LogFile(tmp_path / "a.log")
    descriptor = log.open()  # held open, as by a component that goes on writing

    os.write(descriptor, b"x" * 99 + b"\n")
    assert len(log.new_lines()) == 1
    os.write(descriptor, b"after\n")

    assert log.new_lines() == ["after"]
    assert (tmp_path / "a.log").read_text() == "after\n"
    assert len((tmp_path / "a.log.1").read_text()) == 100
    os.close(descriptor)


def test_certificates_say_who_and_are_signed_by_the_authority(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("worker", "system:serviceaccount:a:b", ["system:serviceaccounts"])
    signed = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    root = x509.load_pem_x509_certificate(authority.pair.certificate.read_bytes())

    signed.verify_directly_issued_by(root)
    assert signed.subject.rfc4514_string() == "O=system:serviceaccounts,CN=system:serviceaccount:a:b"


def test_an_authority_is_used_again(tmp_path: Path) -> None:
    first = Authority(tmp_path).pair.certificate.read_bytes()
    tokens = Authority(tmp_path).signing_key("tokens").key.read_bytes()

    assert Authority(tmp_path).pair.certificate.read_bytes() == first
    assert Authority(tmp_path).signing_key("tokens").key.read_bytes() == tokens


def test_secrets_are_for_the_owner_alone(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "pki")
    pair = authority.issue("admin", "admin")
    config = write_kubeconfig(tmp_path / "config", "https://127.0.0.1:1", authority.pair.certificate, "admin", pair)

    assert stat.S_IMODE((tmp_path / "pki").stat().st_mode) == 0o700
    for file in (authority.pair.key, pair.key, config):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_our_own_kubeconfig_may_be_replaced(tmp_path: Path) -> None:
    pair = (authority := Authority(tmp_path)).issue("admin", "admin")
    config = write_kubeconfig(tmp_path / "config", "https://127.0.0.1:1", authority.pair.certificate, "admin", pair)

    refuse_foreign(config)
    refuse_foreign(tmp_path / "absent")


@pytest.mark.parametrize("content", ["", "clusters: [{name: production}]", "{", "clusters: 3", "[]"])
def test_anything_else_is_left_alone(tmp_path: Path, content: str) -> None:
    (tmp_path / "config").write_text(content)

    with pytest.raises(DevError, match="was not written by `kronstream dev`"):
        refuse_foreign(tmp_path / "config")


def test_a_data_folder_serves_one_at_a_time(tmp_path: Path) -> None:
    with claimed(tmp_path / "data"), pytest.raises(DevError, match="in use"), claimed(tmp_path / "data"):
        pass
    with claimed(tmp_path / "data"):
        pass


def test_a_data_folder_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(DevError, match="--data-dir"), claimed(tmp_path / "file" / "data"):
        pass


def test_manifests_are_found_in_the_repository() -> None:
    assert (manifests_dir("crds") / "kronstream.dev_scheduledjobs.yaml").is_file()


def test_missing_manifests_name_the_places() -> None:
    with pytest.raises(DevError, match="_manifests/nonsense"):
        manifests_dir("nonsense")


def test_only_objects_are_documents(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("---\n---\nkind: A\napiVersion: v1\n---\n- 1\n---\nresources: []\n")

    assert [document["kind"] for document in documents([tmp_path / "a.yaml"])] == ["A"]
