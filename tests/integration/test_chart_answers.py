"""What `helm test` asks: what the values say is there, of parts that live."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from integration.charting import CHART, Helm
from integration.installation import Installation
from kronstream.cli import chart
from kronstream.dev.pki import Authority

CI = CHART / "ci"


@pytest.fixture
def helm(tmp_path: Path) -> Helm:
    return Helm(tmp_path)


def asked(helm: Helm, *arguments: str, values: str) -> list[str]:
    """The arguments of the Pod of `helm test`."""
    objects = helm.render(*arguments, values=CI / f"{values}-values.yaml")
    (pod,) = [item for item in objects if item["kind"] == "Pod"]
    found: list[str] = pod["spec"]["containers"][0]["args"]
    return found


def test_what_is_enabled_is_asked_for(helm: Helm) -> None:
    base = ["--part=operator", "--part=router", "--queue=default"]
    api = "--ready=http://kronstream-api.sched.svc:3051/readyz"
    webhook = ["--trusting", "https://kronstream-webhook.sched.svc/", "/etc/kronstream/webhook/ca.crt"]
    assert asked(helm, values="secret") == [*base, api]
    assert asked(helm, "--set", "api.enabled=false", values="secret") == base
    assert asked(helm, values="webhook") == [*base, api, *webhook]
    assert asked(helm, values="runs") == [*base, api, "--served=/apis/runs.kronstream.dev/v1"]
    # a weight is no part of a queue's name; a pool without replicas has no worker to ask for
    assert [one for one in asked(helm, values="pools") if "queue" in one] == [
        f"--queue={name}" for name in ("default", "mounted", "packages", "locked", "gpu")
    ]
    assert "--queue=rare" not in asked(helm, values="keda")
    assert asked(helm, "--set", "workers[0].name=default,workers[0].replicas=0", values="secret") == [*base[:2], api]


def test_parts_that_live_answer_and_others_are_named(
    doored: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environ = {"KRONSTREAM_REDIS_URL": doored.plane.redis_url, "KUBECONFIG": str(doored.plane.kubeconfig)}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("kubernetes.aio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", environ["KUBECONFIG"])
    monkeypatch.setattr(chart, "PATIENCE", -1.0)

    def answers(*arguments: str) -> Result:
        return CliRunner().invoke(chart.main, ["answers", *arguments], env=dict(os.environ))

    ready, served = f"--ready=http://127.0.0.1:{doored.components['api-1'].port}/readyz", "/apis/kronstream.dev/v1"
    server = ("--trusting", doored.plane.server)
    parts = ("--part=operator", "--part=router")
    good = answers(*parts, "--queue=default", ready, *server, str(doored.plane.authority), f"--served={served}")
    names = ("Redis", "operator, router, worker of queue default", ready.removeprefix("--ready="), server[1], served)
    assert good.output.splitlines() == [f"{one}: ok" for one in names]

    bad = answers(*parts, "--queue=default", "--queue=nobody")
    assert (bad.exit_code, bad.output.splitlines()[-1]) == (
        1, "Error: operator, router, worker of queue default, worker of queue nobody: no worker of queue nobody lives"
    )  # fmt: skip
    assert "404" in answers("--served=/apis/runs.kronstream.dev/v1").output
    stranger = Authority(tmp_path / "pki").pair.certificate
    assert "CERTIFICATE_VERIFY_FAILED" in answers(*server, str(stranger)).output
