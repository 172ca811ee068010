"""Commands on refused updates: list them, show their rows beside the reasons, repair them, send them again."""

import re
from datetime import UTC, datetime
from getpass import getuser
from pathlib import Path
from typing import Any

import click

from loopcast.cli.files import create_file, force_option
from loopcast.cli.options import json_option, use_case_argument
from loopcast.cli.output import print_frame, print_record, print_rows
from loopcast.cli.read import open_use_case
from loopcast.cli.write import send_upload
from loopcast.dataops.files.spreadsheet import to_safe_csv
from loopcast.dataops.repair import Changes, Correction, RepairedFile
from loopcast.errors import CallerError
from loopcast.loop.quarantine import list_refused, make_resubmission, read_refused, repair_version

CELL = re.compile(r"row=(?P<row>\d+),column=(?P<column>.+?),value=(?P<value>.*)", re.DOTALL)
version_argument = click.argument("version")


@click.group(epilog="Example: loopcast quarantine list interstate_traffic")
def quarantine() -> None:
    """Refused updates: list, show, repair, resubmit."""


@quarantine.command(name="list", epilog="Example: loopcast quarantine list interstate_traffic")
@use_case_argument
@json_option
def list_(use_case: str, as_json: bool) -> None:
    """List the refused updates: whence, when, who, which rules, and what became of them."""
    print_rows(list_refused(open_use_case(use_case)), as_json=as_json, title=f"Quarantine of {use_case}")


@quarantine.command(epilog="Example: loopcast quarantine show interstate_traffic v00000017 --output reasons.csv")
@use_case_argument
@version_argument
@click.option("--rows", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many violations.")
@click.option("--output", type=click.Path(path_type=Path), default=None, help="Write all of them to a CSV file.")
@force_option
@json_option
def show(*, use_case: str, version: str, rows: int, output: Path | None, force: bool, as_json: bool) -> None:
    """Show the refused rows beside the reasons; reasons for the whole file come first."""
    found = read_refused(open_use_case(use_case), version)
    if output is not None:
        with create_file(output, force=force) as sink:
            sink.write(to_safe_csv(found))
        click.echo(f"{len(found)} violations in {output}")
        return
    print_frame(found.head(rows), as_json=as_json, title=f"Violations of {version}")
    if len(found) > rows and not as_json:
        click.echo(f"and {len(found) - rows} more: --rows, or --output FILE.csv")


@quarantine.command(epilog="Example: loopcast quarantine repair interstate_traffic v00000017 --drop-rows")
@use_case_argument
@version_argument
@click.option("--drop-rows", is_flag=True, help="Leave out the rows that break rules, after all other changes.")
@click.option("--set", "cells", multiple=True, help="Correct a cell: row=12,column=x,value=3 (repeat for more).")
@click.option("--rename", "renames", multiple=True, help="Rename a column: old=new (repeat for more).")
@click.option("--drop-column", "left_out", multiple=True, help="Leave out a column (repeat for more).")
@click.option(
    "--output", type=click.Path(path_type=Path), default=None, help="The copy; default: VERSION-repaired.csv here."
)
@force_option
@json_option
def repair(
    *,
    use_case: str,
    version: str,
    drop_rows: bool,
    cells: tuple[str, ...],
    renames: tuple[str, ...],
    left_out: tuple[str, ...],
    output: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write a repaired copy of a refused file; without any change it is the file as it came, to be edited.

    Rows are counted as the violations count them. Nothing is sent: `loopcast quarantine resubmit` does that.
    """
    project = open_use_case(use_case)
    changes = Changes(
        renamed=dict(_to_rename(text) for text in renames),
        left_out=left_out,
        corrections=tuple(_to_correction(text) for text in cells),
        drop_rows=drop_rows,
    )
    file = output or Path(_default_name(version, project.store.versions.claim_of(version).name, changes))
    made = repair_version(project, version, output=file.name, changes=changes)
    with create_file(file, force=force) as sink:
        sink.write(made.content)
    print_record(_tell(use_case, version, file, made), as_json=as_json)


@quarantine.command(epilog="Example: loopcast quarantine resubmit interstate_traffic v00000017 --file repaired.csv")
@use_case_argument
@version_argument
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=None,
    help="The repaired file; default: what was sent, as it was (after a change of the use case).",
)
@click.option("--reason", default="", help="What was done, kept with the version.")
@json_option
def resubmit(use_case: str, version: str, file: Path | None, reason: str, as_json: bool) -> None:
    """Send a refused update again, repaired, and take it through the whole chain; the same content only once."""
    project = open_use_case(use_case)
    sent = None if file is None else (file.name, file.read_bytes())
    now = datetime.now(UTC)
    upload = make_resubmission(project, version, file=sent, actor=getuser(), now=now, reason=reason)
    send_upload(project, upload, as_json=as_json)


def _to_correction(text: str) -> Correction:
    match = CELL.fullmatch(text)
    if match is None:
        raise CallerError(f"found --set {text!r}; expected row=12,column=x,value=3")
    return Correction(int(match["row"]), match["column"], match["value"])


def _to_rename(text: str) -> tuple[str, str]:
    old, sign, new = text.partition("=")
    if not (old and sign and new):
        raise CallerError(f"found --rename {text!r}; expected old=new")
    return old, new


def _default_name(version: str, name: str, changes: Changes) -> str:
    """Return the copy's name: of the same kind where nothing changes, else CSV, or Parquet for a Parquet file."""
    if changes.is_empty:
        return f"{version}-{Path(name).name}"
    return f"{version}-repaired{'.parquet' if name.lower().endswith('.parquet') else '.csv'}"


def _tell(use_case: str, version: str, file: Path, made: RepairedFile) -> dict[str, Any]:
    return {
        "file": str(file),
        "rows": made.rows,
        "rows_dropped": list(made.dropped),
        "violations_left": made.left.total if made.left else 0,
        "left": made.left.summary() if made.left else None,
        "next": f"loopcast quarantine resubmit {use_case} {version} --file {file}",
    }
