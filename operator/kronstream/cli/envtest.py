"""`kronstream envtest`: sees to it that the control-plane programs are there."""

import os
import sys

import click


@click.command()
@click.option("--controller-manager", is_flag=True, help="kube-controller-manager too.")
@click.option("--helm", is_flag=True, help="helm too.")
@click.option("--print-path", is_flag=True, help="Print the folder of the programs, for KUBEBUILDER_ASSETS.")
def envtest(*, controller_manager: bool, helm: bool, print_path: bool) -> None:
    """Fetch or build kube-apiserver, etcd and kubectl.

    They are taken from KUBEBUILDER_ASSETS when that is set, else from the cache ($KRONSTREAM_CACHE, else
    ~/.cache/kronstream), which is filled by setup-envtest where the internet is, else by a build with Go: minutes
    the first time. What is broken in the cache is replaced.
    """
    from kronstream.dev.binaries import ensure, wanted
    from kronstream.dev.errors import DevError
    from kronstream.dev.progress import Progress

    progress = Progress(sys.stderr)
    try:
        found = ensure(wanted(controller_manager=controller_manager, helm=helm), os.environ, progress, thorough=True)
    except DevError as error:
        raise click.ClickException(str(error)) from error
    folders = sorted({str(path.parent) for path in found.paths.values()})
    if print_path:
        click.echo("\n".join(folders))
    else:
        click.echo(f"{', '.join(sorted(found.paths))}: in {' and '.join(folders)}")
