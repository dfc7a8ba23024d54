"""kubectl as a function."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from kronstream.dev.errors import DevError


class KubectlError(DevError):
    """kubectl ended with another code than 0; the text is what it said."""

    def __init__(self, arguments: tuple[str, ...], code: int, said: str) -> None:
        super().__init__(f"kubectl {' '.join(arguments)} ended with {code}: {said.strip()}")
        self.code = code
        self.said = said


class Kubectl:
    """kubectl with one kubeconfig and a discovery cache of its own: loopback ports are used again by other clusters."""

    def __init__(self, path: Path, kubeconfig: Path, environ: Mapping[str, str]) -> None:
        self.path = path
        self.kubeconfig = kubeconfig
        self._cache = kubeconfig.with_name(f".{kubeconfig.name}-cache")
        self._environ = dict(environ)

    def __call__(self, *arguments: str, stdin: str | None = None, limit: float = 60.0) -> str:
        """What `kubectl ARGUMENTS` prints. Raises KubectlError when it fails or takes more than `limit` seconds."""
        command = [str(self.path), f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self._cache}", *arguments]
        try:
            answer = subprocess.run(
                command,
                input=stdin,
                stdin=subprocess.DEVNULL if stdin is None else None,
                env=self._environ,
                capture_output=True,
                text=True,
                timeout=limit,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise KubectlError(arguments, -1, f"no end within {limit:.0f} s") from None
        if answer.returncode != 0:
            raise KubectlError(arguments, answer.returncode, answer.stderr)
        return answer.stdout
