"""Downloads the control-plane programs with controller-runtime's `setup-envtest`, where the internet is."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from kronstream.dev.progress import Progress
from kronstream.dev.spawner import leashed

TOOL = "sigs.k8s.io/controller-runtime/tools/setup-envtest@v0.25.1"
RELEASE = "1.37.x"
LIMIT = 60.0  # seconds, compiling the tool included
PROGRAMS = ("etcd", "kube-apiserver", "kubectl")  # what its archives hold


def download(folder: Path, environ: Mapping[str, str], progress: Progress) -> Path | None:
    """The folder of the programs it put below `folder`, or None with the reason said: then they are built."""
    go = shutil.which("go", path=environ.get("PATH"))
    if go is None:
        return None
    progress.say(f"asking setup-envtest for Kubernetes {RELEASE} (at most {LIMIT:.0f} s)")
    command = [go, "run", TOOL, "use", RELEASE, "--bin-dir", str(folder), "-p", "path"]
    code, said, answer = _run(command, environ)
    found = Path(answer.strip() or "/nowhere")
    if code == 0 and all((found / program).is_file() for program in PROGRAMS):
        return found
    reason = said.strip().splitlines()
    # go run adds "exit status N" as the last line
    told = next((line for line in reversed(reason) if not line.startswith("exit status")), f"it ended with {code}")
    progress.say(f"setup-envtest cannot serve here ({told[:200]}): building from the pinned Go modules")
    return None


def _run(command: list[str], environ: Mapping[str, str]) -> tuple[int, str, str]:
    """Code, stderr and stdout; past the limit the whole process group is killed."""
    with subprocess.Popen(
        leashed(command),
        env={**environ, "GOFLAGS": "", "GOWORK": "off"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            answer, said = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return -1, f"no answer within {LIMIT:.0f} s", ""
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return process.returncode, said, answer
