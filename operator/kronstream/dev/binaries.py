"""Finds the control-plane programs, or makes them: KUBEBUILDER_ASSETS, the cache, a download, a build."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kronstream.dev import setupenvtest
from kronstream.dev.cache import Cache, cache_root, platform_name
from kronstream.dev.errors import BinariesMissingError, DevError
from kronstream.dev.gobuild import HELM as HELM_VERSION
from kronstream.dev.gobuild import KUBERNETES, GoBuilder
from kronstream.dev.progress import Progress

CORE = ("etcd", "kube-apiserver", "kubectl")
CONTROLLER_MANAGER = "kube-controller-manager"
HELM = "helm"
VERSIONS = {HELM: HELM_VERSION}  # of what does not follow the version that the cache's folder is named for
QUESTIONS = {"kubectl": ["version", "--client"], "helm": ["version"]}


@dataclass(frozen=True)
class Binaries:
    """Paths of the programs by name."""

    paths: Mapping[str, Path]

    def path(self, program: str) -> Path:
        """Raises BinariesMissingError when `program` was not asked for."""
        try:
            return self.paths[program]
        except KeyError:
            raise BinariesMissingError(f"{program} was not asked for: `kronstream envtest` fetches it") from None


def wanted(*, controller_manager: bool, helm: bool = False) -> tuple[str, ...]:
    """The programs of a control plane, with or without kube-controller-manager, and helm where it is asked for."""
    return (*CORE, *((CONTROLLER_MANAGER,) if controller_manager else ()), *((HELM,) if helm else ()))


def cache(environ: Mapping[str, str]) -> Cache:
    """This version's part of the cache."""
    return Cache(cache_root(environ) / "envtest" / f"{KUBERNETES.removeprefix('v')}-{platform_name()}")


def find(programs: Iterable[str], environ: Mapping[str, str], *, thorough: bool = False) -> Binaries:
    """The programs as they are there already.

    Raises BinariesMissingError naming those that are missing or broken; `thorough` reads every byte of the cached.
    """
    paths, missing = _search(programs, environ, thorough=thorough)
    if missing:
        raise BinariesMissingError(
            f"{', '.join(missing)}: missing or broken in {cache(environ).folder}.\n"
            "Run `make envtest` (or `kronstream envtest --controller-manager --helm`), which fetches or builds them "
            "once, or set KUBEBUILDER_ASSETS to a folder that holds them."
        )
    return Binaries(paths)


def ensure(
    programs: Iterable[str], environ: Mapping[str, str], progress: Progress, *, thorough: bool = False
) -> Binaries:
    """The programs, downloaded or built into the cache where they are missing or broken.

    Takes seconds to many minutes the first time. Raises DevError saying what to install.
    """
    programs = tuple(programs)
    if not _search(programs, environ, thorough=thorough)[1]:
        return find(programs, environ)
    with cache(environ).lock(progress.say):
        missing = _search(programs, environ, thorough=thorough)[1]  # another process may have made them meanwhile
        if missing:
            _fill(cache(environ), missing, environ, progress)
    return find(programs, environ)


def _search(
    programs: Iterable[str], environ: Mapping[str, str], *, thorough: bool
) -> tuple[dict[str, Path], list[str]]:
    paths: dict[str, Path] = {}
    missing: list[str] = []
    assets, cached = environ.get("KUBEBUILDER_ASSETS"), cache(environ)
    for program in programs:
        if assets and answers(Path(assets) / program):
            paths[program] = Path(assets) / program
        elif cached.sound(program, VERSIONS.get(program, ""), thorough=thorough):
            paths[program] = cached.path(program)
        else:
            missing.append(program)
    return paths, missing


def answers(program: Path) -> bool:
    """Whether the program can be run and tells its version."""
    if not os.access(program, os.X_OK):
        return False
    question = QUESTIONS.get(program.name, ["--version"])
    try:
        answer = subprocess.run([program, *question], capture_output=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0


def _fill(cached: Cache, missing: list[str], environ: Mapping[str, str], progress: Progress) -> None:
    with cached.scratch() as scratch:
        if any(program in setupenvtest.PROGRAMS for program in missing):
            missing = _download(cached, missing, scratch / "download", environ, progress)
        if missing:
            builder = GoBuilder(scratch / "build", environ, progress)
            for program in missing:
                _install(cached, program, builder.build(program), "built")


def _download(
    cached: Cache, missing: list[str], folder: Path, environ: Mapping[str, str], progress: Progress
) -> list[str]:
    """Installs what setup-envtest brings and returns what is missing still."""
    found = setupenvtest.download(folder, environ, progress)
    if found is None:
        return missing
    for program in set(missing) & set(setupenvtest.PROGRAMS):
        _install(cached, program, found / program, "setup-envtest")
    shutil.rmtree(folder, ignore_errors=True)
    return [program for program in missing if program not in setupenvtest.PROGRAMS]


def _install(cached: Cache, program: str, built: Path, origin: str) -> None:
    if not answers(built):
        raise DevError(
            f"{program} was {origin} for {platform_name()} but does not run here: is {cached.folder} on a "
            "file system mounted noexec? Set KRONSTREAM_CACHE to another folder."
        )
    cached.install(program, built, origin, VERSIONS.get(program, ""))
