"""docs/install.md and docs/configure.md: every command run, every block of values rendered and applied, on a bare
control plane; and what upgrades keep.
"""

import base64
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from integration.charting import CHART, ROOT, Helm, HelmError, listed, pods
from integration.foreign import definitions
from kronstream.dev.binaries import find
from kronstream.dev.controlplane import ControlPlane
from unit.docpage import Block, blocks
from unit.pagecommands import INSTALL, claimed

CONFIGURE = ROOT / "docs" / "configure.md"
COMMANDS = [command.text for command in claimed(INSTALL) if command.page == "install"]
RENEWAL = [command.text for command in claimed(INSTALL) if command.page == "runbooks/certificate-expires"]
# prometheus-adapter's values are tried in test_scaling.py
VALUES = [block for block in blocks(CONFIGURE) if block.language == "yaml" and "metricsQuery" not in block.text]
MADE = "kronstream.dev/certificate-made"


class BarePlane(ControlPlane):
    """A cluster before anybody has installed kronstream."""

    def install(self) -> None:
        """Nothing but the kinds of others that the chart may make."""
        self.apply(json.dumps(listed(definitions())))


@pytest.fixture(scope="module")
def bare() -> Iterator[BarePlane]:
    with BarePlane() as plane:
        yield plane


@pytest.fixture(scope="module")
def helm(bare: BarePlane, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(tmp_path_factory.mktemp("helm"), bare.kubeconfig)


def run(command: str, bare: BarePlane, home: Path) -> str:
    """A command of a page, in the repository, as the cluster's administrator."""
    folders = [str(Path(find([name], os.environ).path(name)).parent) for name in ("helm", "kubectl")]
    path = ":".join([*folders, os.environ["PATH"]])
    environ = {**os.environ, "KUBECONFIG": str(bare.kubeconfig), "HOME": str(home), "PATH": path}
    shell = ["bash", "-euo", "pipefail", "-c", command]
    done = subprocess.run(shell, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.timeout(400)
def test_the_commands_in_their_order(bare: BarePlane, tmp_path: Path) -> None:
    said = {}
    for command in COMMANDS:
        said[command] = run(command, bare, tmp_path)
        if command.startswith("helm install "):
            as_the_notes_say(said[command], bare, tmp_path)

    assert len(said) > 12
    (uninstalled,) = [text for command, text in said.items() if command.startswith("helm uninstall")]
    assert 'release "kronstream" uninstalled' in uninstalled
    assert "CustomResourceDefinition" in uninstalled  # kept, and told so
    assert "kronstream-worker" in said["kubectl apply --server-side -k deploy"]


def as_the_notes_say(notes: str, bare: BarePlane, home: Path) -> None:
    """Types what the notes of the release tell, but what needs Pods; the first job is removed again."""
    told = "\n".join(line.removeprefix("  ") for line in notes.splitlines() if line.startswith("  "))
    assert told.startswith("helm test kronstream -n kronstream-system\n")
    first = told[told.index("kubectl apply") : told.index("\nEOF\n") + 5]
    assert "scheduledjob.kronstream.dev/hello created" in run(first, bare, home)
    look, watch, door = re.findall(r"^kubectl -n .+$", told, re.MULTILINE)
    assert "No resources found" in run(f"{look} 2>&1", bare, home)
    assert "hello" in run(watch.removesuffix(" -w"), bare, home)
    assert door == "kubectl -n kronstream-system port-forward service/kronstream-api 3051"
    bare.kubectl("delete", "scheduledjob", "hello")


@pytest.mark.parametrize("block", VALUES, ids=lambda block: f"{block.heading}-{block.line}")
def test_values_of_the_page_can_be_used(block: Block, helm: Helm, bare: BarePlane) -> None:
    text = helm("template", "page", str(CHART), "-n", "default", "--no-hooks", "-f", "-", stdin=block.text)
    objects = [item for item in yaml.safe_load_all(text) if item]
    namespaces = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": n}} for n in ("team-a", "team-b")]
    bare.kubectl("apply", "-f", "-", stdin=json.dumps(listed(namespaces)))
    said = bare.kubectl("apply", "--dry-run=server", "--server-side", "--force-conflicts", "-f", "-", stdin=text)
    assert said.count("serverside-applied") == len(objects)


def secrets(bare: BarePlane, namespace: str) -> dict[str, Any]:
    found = json.loads(bare.kubectl("get", "secrets", "-n", namespace, "-o", "json"))["items"]
    return {item["metadata"]["name"]: item for item in found if item["type"] != "helm.sh/release.v1"}


def signers(certificate: str, bundle: bytes) -> list[bool]:
    """Which authorities of a bundle signed a certificate (base64 of PEM)."""
    read = x509.load_pem_x509_certificate(base64.b64decode(certificate))

    def signed(authority: x509.Certificate) -> bool:
        try:
            read.verify_directly_issued_by(authority)
        except InvalidSignature:
            return False
        return True

    return [signed(authority) for authority in x509.load_pem_x509_certificates(bundle)]


@pytest.mark.timeout(300)
def test_upgrades_keep_what_was_made_and_renew_certificates_in_time(
    bare: BarePlane, helm: Helm, tmp_path: Path
) -> None:
    name = "keeps"
    arguments = (name, str(CHART), "-n", name, "--set", "redis.embedded.enabled=true,runs.enabled=true")
    arguments += ("--set", "webhook.enabled=true,crds.install=false")
    helm("install", *arguments, "--create-namespace")
    first = secrets(bare, name)
    made = ("redis", "runs-tls", "runs-ca", "webhook-tls", "webhook-ca")
    assert set(first) == {f"{name}-kronstream-{one}" for one in made}

    helm("upgrade", *arguments, "--set", "operator.replicas=3")
    assert {key: item["data"] for key, item in secrets(bare, name).items()} == {
        key: item["data"] for key, item in first.items()
    }

    def aged(one: str, days: int) -> None:
        item = secrets(bare, name)[f"{name}-kronstream-{one}"]
        kept = ("name", "namespace", "labels", "annotations")
        item["metadata"] = {key: item["metadata"][key] for key in kept}
        item["metadata"]["annotations"][MADE] = str(int(time.time()) - days * 86_400)
        # as helm, or the two would quarrel about the annotation
        apply = ("apply", "--server-side", "--force-conflicts", "--field-manager=helm", "-f", "-")
        bare.kubectl(*apply, stdin=json.dumps(item))

    def shown() -> tuple[dict[str, str], bytes]:
        """The webhook's files, and the authorities that the API server goes by."""
        found = json.loads(bare.kubectl("get", "validatingwebhookconfigurations", "-o", "json"))["items"]
        (bundle,) = [item["webhooks"][0]["clientConfig"]["caBundle"] for item in found]
        return secrets(bare, name)[f"{name}-kronstream-webhook-tls"]["data"], base64.b64decode(bundle)

    before = shown()
    aged("webhook-tls", 366)
    as_the_runbook_says(bare, name, tmp_path)
    renewed = shown()
    assert renewed[0]["tls.crt"] != before[0]["tls.crt"]
    # old and new are genuine to whoever has either authority file: the same one signed both
    assert renewed[1] == before[1] == base64.b64decode(renewed[0]["ca.crt"])
    for data, bundle in (before, renewed):
        assert signers(data["tls.crt"], bundle) == [True]
    runs = f"{name}-kronstream-runs-tls"
    assert secrets(bare, name)[runs]["data"] == first[runs]["data"]

    # the authority in its last years: the next one's certificate is shown, and that of the last one still believed
    aged("webhook-ca", 7_300 - 729)
    helm("upgrade", *arguments)
    replaced = shown()
    assert signers(replaced[0]["tls.crt"], replaced[1]) == [True, False]
    assert signers(renewed[0]["tls.crt"], replaced[1]) == [False, True]
    helm("upgrade", *arguments)
    assert shown() == replaced

    deployed = json.loads(bare.kubectl("get", "deployments", "-n", name, "-o", "json"))["items"]
    assert {item["metadata"]["name"] for item in deployed} == {
        f"{name}-kronstream-{one}" for one in ("operator", "worker", "api", "runs", "webhook")
    }
    helm("uninstall", name, "-n", name, "--no-hooks")
    assert secrets(bare, name) == {}


def as_the_runbook_says(bare: BarePlane, name: str, home: Path) -> None:
    """Looks for certificates that expire and renews them, where the release and its namespace have another name."""
    said = {}
    for command in RENEWAL:
        filled = command.replace("kronstream-webhook-tls", f"{name}-kronstream-webhook-tls")
        filled = filled.replace("kronstream-system", name).replace("upgrade kronstream ", f"upgrade {name} ")
        said[command] = run(filled, bare, home)
    told = "".join(said.values())
    assert len(said) == 4
    for text in (f"{name}-kronstream-webhook-tls", f"{name}-kronstream-runs-tls", "notAfter=", "has been upgraded"):
        assert text in told


def test_a_certificate_made_by_helm_names_its_service(helm: Helm) -> None:
    objects = helm.render("--set", "redis.host=h,webhook.enabled=true", namespace="sched")
    secret, authority = [item for item in objects if item["kind"] == "Secret"]
    assert authority["metadata"]["name"] == "kronstream-webhook-ca"
    read = [x509.load_pem_x509_certificate(base64.b64decode(secret["data"][key])) for key in ("tls.crt", "ca.crt")]
    names = read[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "kronstream-webhook.sched.svc" in names.get_values_for_type(x509.DNSName)
    read[0].verify_directly_issued_by(read[1])
    assert (read[0].not_valid_after_utc - read[0].not_valid_before_utc).days == 730
    assert authority["data"]["tls.crt"] == secret["data"]["ca.crt"]
    mounted = {
        volume["secret"]["secretName"]
        for pod in pods(objects)
        for volume in pod["spec"]["volumes"]
        if "secret" in volume
    }
    assert mounted == {"kronstream-webhook-tls"}  # the authority's key is nowhere


def test_what_another_owns_is_not_taken(helm: Helm, bare: BarePlane) -> None:
    bare.kubectl("apply", "--server-side", "-f", str(ROOT / "crds" / "kronstream.dev_eventhandlers.yaml"))
    with pytest.raises(HelmError, match="cannot be imported into the current release"):
        helm("install", "other", str(CHART), "-n", "default", "--set", "redis.host=h")
