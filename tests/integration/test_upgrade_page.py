"""docs/upgrade.md, "With Helm": what a newer chart's CRDs let be stored is still there after going back."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from integration.charting import CHART, Helm, HelmError
from integration.objects import scheduled
from integration.test_install_page import BarePlane
from unit.pagecommands import UPGRADE, claimed

UP, BACK = (command.text for command in claimed(UPGRADE))
JOBS = "scheduledjobs.kronstream.dev"


@pytest.fixture(scope="module")
def bare() -> Iterator[BarePlane]:
    with BarePlane() as plane:
        yield plane


def newer(folder: Path) -> Path:
    """The chart of the next version, whose ScheduledJob has a field more."""
    made = folder / "newer"
    shutil.copytree(CHART, made)
    about = yaml.safe_load((made / "Chart.yaml").read_text())
    major, minor, _ = about["version"].split(".")
    about["version"] = about["appVersion"] = f"{major}.{int(minor) + 1}.0"
    (made / "Chart.yaml").write_text(yaml.safe_dump(about))
    file = made / "files" / "crds" / "kronstream.dev_scheduledjobs.yaml"
    crd = yaml.safe_load(file.read_text())
    fields = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    fields["novelty"] = {"type": "string", "maxLength": 10}
    text = yaml.safe_dump({key: crd[key] for key in ("metadata", "spec")}, sort_keys=False)
    file.write_text(f"apiVersion: {crd['apiVersion']}\nkind: {crd['kind']}\n{text}")
    return made


def shell(text: str, bare: BarePlane, helm: Helm, folder: Path) -> str:
    """A block of the page, with the charts in two folders."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    for name, path in (("helm", helm.program), ("kubectl", bare.kubectl.path)):
        (programs / name).unlink(missing_ok=True)
        (programs / name).symlink_to(path)
    environ = {**helm.environ, "PATH": f"{programs}:/usr/bin:/bin"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.timeout(300)
def test_back_to_the_chart_before_no_field_is_lost(bare: BarePlane, tmp_path: Path) -> None:
    helm = Helm(tmp_path / "helm", bare.kubeconfig)
    (tmp_path / "old").symlink_to(CHART)
    next_one = newer(tmp_path)
    bare.kubectl("create", "namespace", "kronstream-system")
    helm("install", "kronstream", str(CHART), "-n", "kronstream-system", "--set", "redis.host=h")

    shell(UP.replace("charts/kronstream", str(next_one)), bare, helm, tmp_path)
    job = scheduled("keeps", every="1h", novelty="new")
    bare.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(job))
    kept = ("get", "scheduledjob", "keeps", "-o", "jsonpath={.spec.novelty}")
    assert bare.kubectl(*kept) == "new"

    said = shell(BACK.replace("charts/kronstream", "old"), bare, helm, tmp_path)
    assert "deployed" in said
    images = bare.kubectl("get", "deployments", "-A", "-o", "jsonpath={..image}").split()
    assert len(images) > 3
    assert {image.rpartition(":")[2] for image in images} == {"0.1.0"}
    # what writes an object anew drops fields that are in no CRD
    bare.kubectl("label", "scheduledjob", "keeps", "written=anew")
    assert bare.kubectl(*kept) == "new"
    note = "jsonpath={.metadata.annotations.kronstream\\.dev/chart-version}"
    assert bare.kubectl("get", "crd", JOBS, "-o", note) == "0.2.0"

    with pytest.raises(HelmError, match=r"is of chart 0\.2\.0, newer than this one, 0\.1\.0, and would be deleted"):
        helm(
            "upgrade", "kronstream", str(CHART), "-n", "kronstream-system", "--reuse-values", "--set", "crds.keep=false"
        )

    # and forward again, with the same CRDs
    shell(UP.replace("charts/kronstream", str(next_one)), bare, helm, tmp_path)
    assert bare.kubectl(*kept) == "new"
