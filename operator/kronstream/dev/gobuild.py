"""Builds the control-plane programs from the Go modules that are pinned in `gomod/`."""

import os
import selectors
import shutil
import signal
import subprocess
import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path

from kronstream.dev.errors import DevError
from kronstream.dev.progress import Progress
from kronstream.dev.spawner import leashed

KUBERNETES = "v1.37.2"
HELM = "v4.3.1"
GO = "1.26"
MODULES = Path(__file__).resolve().parent / "gomod"

PACKAGES: Mapping[str, str] = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "helm": "helm.sh/helm/v4/cmd/helm",
}
# A module of its own below `gomod/`: what helm requires would change what the control plane is built from.
APART = frozenset({"helm"})
VERSIONS: Mapping[str, str] = {"etcd": "", "helm": HELM}

# Without these the programs answer v0.0.0-master, which the API server takes for a version to be compatible with.
LDFLAGS = (
    f"-s -w -X k8s.io/component-base/version.gitVersion={KUBERNETES}"
    f" -X k8s.io/client-go/pkg/version.gitVersion={KUBERNETES}"
    f" -X helm.sh/helm/v4/internal/version.version={HELM}"
)


class GoBuilder:
    """The Go tool on a copy of `gomod/`, which may lie in a folder that cannot be written to."""

    def __init__(self, folder: Path, environ: Mapping[str, str], progress: Progress) -> None:
        """Copies the modules into `folder`; raises DevError where Go is missing or too old."""
        self._go = _go(environ)
        self._progress = progress
        self._folder = folder
        self._environ = {**environ, "CGO_ENABLED": "0", "GOWORK": "off"}
        shutil.copytree(MODULES, folder, dirs_exist_ok=True)
        (folder / "built").mkdir(exist_ok=True)
        self._check_version()

    def build(self, program: str) -> Path:
        """Builds one program and returns the file; raises DevError with the end of what Go said."""
        target = self._folder / "built" / program
        command = [self._go, "build", "-v", "-trimpath", "-mod=readonly", "-ldflags", LDFLAGS]
        command += ["-o", str(target), PACKAGES[program]]
        folder = self._folder / program if program in APART else self._folder
        what = f"building {program} {VERSIONS.get(program, KUBERNETES)}".rstrip()
        code, said = self._run(command, folder, what)
        if code != 0 or not target.is_file():
            raise DevError(
                f"building {program} from {PACKAGES[program]} failed (go build ended with {code}):\n"
                + "\n".join(f"  {line}" for line in said)
                + "\nIt needs a Go module proxy (see GOPROXY) and about 6 GB of disk. Or set KUBEBUILDER_ASSETS "
                "to a folder that holds kube-apiserver, etcd and kubectl."
            )
        return target

    def _check_version(self) -> None:
        answer = subprocess.run(
            [self._go, "version"], cwd=self._folder, env=self._environ, capture_output=True, text=True, check=False
        )
        if answer.returncode != 0:
            raise DevError(
                f"{self._go} cannot build the control plane, which needs Go {GO} or newer: {answer.stderr.strip()}\n"
                f"Install Go {GO} from https://go.dev/dl/, or set KUBEBUILDER_ASSETS to a folder that holds "
                "kube-apiserver, etcd and kubectl."
            )

    def _run(self, command: list[str], folder: Path, what: str) -> tuple[int, list[str]]:
        """Runs `command` in a process group of its own and returns its code and its last lines."""
        self._progress.say(f"{what} (the first time takes minutes)")
        begun, compiled, said = time.monotonic(), 0, deque[str](maxlen=20)
        with subprocess.Popen(
            leashed(command),
            cwd=folder,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            try:
                for line in _lines(process):
                    if line:
                        said.append(line)
                        compiled += not line.startswith("go:")
                    elapsed = int(time.monotonic() - begun)
                    step = "downloading modules" if line.startswith("go: downloading") else f"{compiled} packages"
                    self._progress.update(f"{what}: {elapsed // 60}:{elapsed % 60:02} {step}")
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        elapsed = int(time.monotonic() - begun)
        if process.returncode == 0:
            self._progress.say(f"{what}: done in {elapsed} s")
        return process.returncode, list(said)


def _lines(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """The lines of the process's stderr until it ends it; an empty one when a second passed without."""
    assert process.stderr is not None
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stderr, selectors.EVENT_READ)
        while True:
            if not selector.select(timeout=1.0):
                yield ""
                continue
            chunk = os.read(process.stderr.fileno(), 65536)
            if not chunk:
                break
            *whole, rest = (rest + chunk).split(b"\n")
            yield from (line.decode(errors="replace") for line in whole)
    if rest:
        yield rest.decode(errors="replace")


def _go(environ: Mapping[str, str]) -> str:
    found = shutil.which("go", path=environ.get("PATH"))
    if found is None:
        raise DevError(
            f"kronstream needs kube-apiserver, etcd and kubectl, and neither KUBEBUILDER_ASSETS nor the cache has "
            f"them. They could not be downloaded, and there is no Go to build them with.\n"
            f"Install Go {GO} or newer from https://go.dev/dl/, or set KUBEBUILDER_ASSETS to a folder that holds them."
        )
    return found
