"""`kronstream crds`: the CustomResourceDefinitions, shown, written or compared."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "--write", "write_to", type=click.Path(file_okay=False, path_type=Path), help="Write them into this folder."
)
@click.option(
    "--check",
    "compare_with",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Compare this folder with them; exit 1 where they differ.",
)
def crds(write_to: Path | None, compare_with: Path | None) -> None:
    """Print the CustomResourceDefinitions of this version, ready for `kubectl apply -f -`."""
    from kronstream import crdgen

    if write_to and compare_with:
        raise click.UsageError("--write and --check exclude each other")
    files = crdgen.files()
    if write_to:
        write_to.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (write_to / name).write_text(text, encoding="utf-8")
    elif compare_with:
        stale = [name for name, text in files.items() if _read(compare_with / name) != text]
        extra = sorted(file.name for file in compare_with.iterdir() if file.name not in files)
        if stale or extra:
            raise click.ClickException(
                f"{compare_with} differs from the models in {', '.join(stale + extra)}; run `make manifests` and commit"
            )
    else:
        manifests = [text for name, text in files.items() if name.endswith(".yaml")]
        click.echo("---\n".join(manifests), nl=False)


def _read(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.exists() else None
