"""`kronstream dev`: everything on one machine, to try and to develop."""

import sys
from pathlib import Path

import click

FILE = click.Path(exists=True, path_type=Path)


@click.command()
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep data and logs here, and start from them again. Default: a temporary folder.",
)
@click.option(
    "--operators",
    type=click.IntRange(0, 16),
    help="Operator replicas, each with a router of events.  [default: 1; with --demo 2]",
)
@click.option("--workers", type=click.IntRange(0, 64), help="Workers.  [default: 1; with --demo 2]")
@click.option(
    "--apply",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="Apply this once the CRDs are there (repeatable; a folder too).",
)
@click.option("--for", "seconds", type=click.FloatRange(min=0), metavar="SECONDS", help="Stop by itself after so long.")
@click.option("--kubeconfig", type=click.Path(dir_okay=False, path_type=Path), help="Write the kubeconfig here too.")
@click.option("--controller-manager", is_flag=True, help="Run kube-controller-manager too.")
@click.option("--handlers", metavar="MODULE|FILE|FOLDER", help="Where the workers find handlers of your own.")
@click.option(
    "--demo", is_flag=True, help="Apply the examples and show their runs. With --for: fails unless runs succeeded."
)
def dev(
    *,
    data_dir: Path | None,
    operators: int | None,
    workers: int | None,
    apply: tuple[Path, ...],
    seconds: float | None,
    kubeconfig: Path | None,
    controller_manager: bool,
    handlers: str | None,
    demo: bool,
) -> None:
    """Run etcd, kube-apiserver, Redis, operators, routers and workers on loopback.

    All of them are real, with RBAC on; a part that dies is started again, as a Deployment would. DATA-DIR/dev.json
    tells programs where everything is. Ctrl-C stops it and leaves nothing behind.
    """
    from kronstream.dev.console import Console
    from kronstream.dev.errors import DevError
    from kronstream.dev.progress import Progress
    from kronstream.dev.session import Options, Session, explain

    usual = 2 if demo else 1
    options = Options(
        data_dir=data_dir,
        operators=usual if operators is None else operators,
        workers=usual if workers is None else workers,
        apply=apply,
        seconds=seconds,
        kubeconfig=kubeconfig,
        controller_manager=controller_manager,
        handlers=handlers,
        demo=demo,
    )
    try:
        well = Session(options, Console(sys.stdout), Progress(sys.stdout)).run()
    except DevError as error:
        raise click.ClickException(explain(error, options)) from error
    if not well:
        raise SystemExit(1)
