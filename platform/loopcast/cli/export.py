"""The command that writes a table to a file."""

from pathlib import Path

import click

from loopcast.cli.files import create_file, force_option
from loopcast.cli.options import use_case_argument
from loopcast.cli.read import open_use_case
from loopcast.errors import CallerError
from loopcast.loop.export import TABLES, FileKind, iter_table, write_frames


@click.command(epilog="Example: loopcast export interstate_traffic --version v00000003 --output october.csv.gz")
@use_case_argument
@click.option("--what", type=click.Choice(TABLES), default="dataset", show_default=True, help="Which table.")
@click.option(
    "--version", default=None, help="Of the dataset, default the newest; or the forecasts, the accuracy of one version."
)
@click.option("--output", type=click.Path(path_type=Path), required=True, help="The file.")
@click.option(
    "--format",
    "kind",
    type=click.Choice([kind.value for kind in FileKind]),
    default=None,
    help="Default: as the file's name ends. Parquet is exact; CSV marks text that a spreadsheet would run.",
)
@click.option("--local-time", is_flag=True, help="Times on the use case's own clock, with offset, instead of in UTC.")
@force_option
def export(
    *, use_case: str, what: str, version: str | None, output: Path, kind: str | None, local_time: bool, force: bool
) -> None:
    """Write a table to a file, whole or not at all: the dataset as of any version, forecasts, accuracy and more."""
    chosen = FileKind(kind) if kind else _kind_of(output)
    frames = iter_table(open_use_case(use_case), what, version=version, is_local=local_time)
    with create_file(output, force=force) as sink:
        rows = write_frames(frames, sink, kind=chosen)
    click.echo(f"{rows} rows in {output}, {output.stat().st_size} bytes")


def _kind_of(path: Path) -> FileKind:
    """Return the kind of file that a name speaks of."""
    for kind in (FileKind.csv_gz, FileKind.csv, FileKind.parquet):
        if path.name.lower().endswith(f".{kind.value}"):
            return kind
    raise CallerError(f"found the name {path.name!r}; expected one in .parquet, .csv or .csv.gz, or give --format")
