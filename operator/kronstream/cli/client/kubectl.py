"""What kubectl does for the command line: it reads the kubeconfig, asks for tokens, forwards a port."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kronstream.cli.client.exits import Exit, Failure

if TYPE_CHECKING:
    from subprocess import Popen

PATIENCE = 30.0
LIFETIME = "15m"
"""Of a token that is asked for: longer than a command takes, and the least that the cluster grants is 10m."""
FORWARDING = "Forwarding from 127.0.0.1:"


class Kubectl:
    """The program `kubectl` (KRONSTREAM_KUBECTL, else on PATH), with the kubeconfig's context that is meant."""

    def __init__(self, context: str = "") -> None:
        program = shutil.which(os.environ.get("KRONSTREAM_KUBECTL") or "kubectl")
        if program is None:
            raise Failure(Exit.UNREACHABLE, "kubectl is not on PATH; install it, or write --server URL")
        self._command = [program, *([f"--context={context}"] if context else [])]

    def view(self) -> dict[str, Any]:
        """The kubeconfig, of the context alone, with its secrets."""
        try:
            value = json.loads(self._run("config", "view", "--minify", "--raw", "--output=json"))
        except Failure as failure:
            if "current-context must exist" in failure.message:
                said = f"there is no kubeconfig with a current context at {_kubeconfig()}; set KUBECONFIG"
                raise Failure(Exit.UNREACHABLE, f"{said}, or write --context NAME, or --server URL") from None
            if "cannot locate context" in failure.message:
                name = failure.message.rpartition(" ")[2]
                said = f"--context {name}: the kubeconfig at {_kubeconfig()} has no such context"
                raise Failure(Exit.USAGE, f"{said}; `kubectl config get-contexts` lists those there") from None
            raise
        return value if isinstance(value, dict) else {}

    def create_token(self, namespace: str, name: str) -> str:
        """A token of a service account, for minutes."""
        return self._run("create", "token", name, f"--namespace={namespace}", f"--duration={LIFETIME}").strip()

    @contextmanager
    def forwarded(self, namespace: str, service: str, port: int) -> Iterator[int]:
        """A free port of 127.0.0.1 that leads to a Service, as long as the context lasts."""
        import subprocess

        from kronstream.dev import leash

        target = [f"service/{service}", f":{port}", f"--namespace={namespace}", "--address=127.0.0.1"]
        # it must not outlive this process, however that ends
        leashed = [sys.executable, "-I", "-S", str(Path(leash.__file__)), str(os.getpid())]
        process = subprocess.Popen(  # noqa: S603 - kubectl as found on PATH, no shell
            [*leashed, *self._command, "port-forward", *target],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        )  # fmt: skip
        try:
            yield _local_port(process, f"{namespace}/{service}:{port}")
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _run(self, *arguments: str) -> str:
        import subprocess

        try:
            done = subprocess.run(  # noqa: S603 - kubectl as found on PATH, no shell
                [*self._command, *arguments], capture_output=True, text=True, errors="replace", timeout=PATIENCE,
                check=False, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Failure(Exit.UNREACHABLE, f"kubectl {arguments[0]} did not answer: {error}") from None
        if done.returncode:
            said = done.stderr.strip().removeprefix("error: ").removeprefix("Error from server ")
            code = Exit.DENIED if "orbidden" in said or "nauthorized" in said else Exit.UNREACHABLE
            raise Failure(code, f"kubectl {' '.join(arguments[:2])}: {said or f'exit {done.returncode}'}")
        return done.stdout


def _kubeconfig() -> str:
    return os.environ.get("KUBECONFIG") or "~/.kube/config"


def _local_port(process: Popen[str], what: str) -> int:
    """The port that kubectl says it took. Its words are read as long as it lives, so that it never waits for us."""
    import queue
    import threading

    said: queue.Queue[str] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            said.put(line)
        said.put("")

    threading.Thread(target=read, daemon=True).start()
    words: list[str] = []
    while True:
        try:
            line = said.get(timeout=PATIENCE)
        except queue.Empty:
            raise Failure(
                Exit.UNREACHABLE, f"kubectl port-forward to {what} did not begin in {PATIENCE:.0f} s"
            ) from None
        if line.startswith(FORWARDING):
            return int(line.removeprefix(FORWARDING).split()[0])
        if not line:
            why = " ".join(words[-3:]).removeprefix("error: ") or "it ended"
            raise Failure(
                Exit.UNREACHABLE,
                f"kubectl port-forward to {what}: {why}; is the API installed there (--service NAMESPACE/NAME:PORT)? "
                "Or write --server URL",
            )
        words.append(line.strip())
