"""What a person reads when everything is up: where it is, and three things to try."""

import shutil
from pathlib import Path

from kronstream.dev.controlplane import ControlPlane
from kronstream.dev.demo import first_job


def invitation(plane: ControlPlane, kubeconfig: Path, api: str, seconds: float) -> str:
    """Several lines, to be copied from."""
    job = first_job(plane.api)
    kubectl = "kubectl" if shutil.which("kubectl") else str(plane.kubectl.path)
    lines = [
        "",
        f"kronstream is up after {seconds:.1f} s. Redis: {plane.redis_url}   logs: {plane.logs}",
        f"HTTP API: {api} (everybody on this machine may call it)",
        "In another terminal:",
        "",
        f"  export KUBECONFIG={kubeconfig.absolute()} KRONSTREAM_SERVER={api.removesuffix('/api/v1/scheduler')}",
        f"  {kubectl} get scheduledjobs -A -w",
    ]
    if job is None:
        lines += [
            f"  {kubectl} explain scheduledjob.spec",
            f"  {kubectl} apply -f examples/scheduledjob.yaml",
        ]
    else:
        namespace, name = job
        lines += [
            f"  {kubectl} describe scheduledjob {name} -n {namespace}",
            f'  {kubectl} patch scheduledjob {name} -n {namespace} --type=merge -p \'{{"spec":{{"suspend":true}}}}\'',
        ]
    return "\n".join([*lines, "  kronstream top", "", "Ctrl-C stops everything.", ""])
