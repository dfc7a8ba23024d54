"""``kronstream openapi``: the HTTP API's document, as it is served."""

import json
import sys
from pathlib import Path

import click


@click.command()
@click.option("--write", type=click.Path(dir_okay=False, path_type=Path), help="Write it into this file.")
@click.option(
    "--check",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Compare this file with it; exit 1 where they differ.",
)
def openapi(write: Path | None, check: Path | None) -> None:
    """Print the OpenAPI 3.1 document of the HTTP API, write it, or check a file that holds it."""
    from kronstream.api.app import routed

    text = json.dumps(routed().openapi(), indent=1, ensure_ascii=False) + "\n"
    if write is not None:
        write.write_text(text, encoding="utf-8")
    elif check is not None:
        if not check.exists() or check.read_text(encoding="utf-8") != text:
            click.echo(
                f"{check} is not what the code says; write it with: kronstream openapi --write {check}", err=True
            )
            sys.exit(1)
    else:
        click.echo(text, nl=False)
