"""The command that tells what is different between two versions."""

import click

from loopcast.cli.options import json_option, use_case_argument
from loopcast.cli.output import print_frame, print_record
from loopcast.cli.read import open_use_case
from loopcast.loop.clock import to_clock


@click.command(epilog="Example: loopcast diff interstate_traffic v00000016 v00000017")
@use_case_argument
@click.argument("old")
@click.argument("new")
@click.option("--rows", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many cells.")
@json_option
def diff(use_case: str, old: str, new: str, rows: int, as_json: bool) -> None:
    """Tell which rows and cells are different in two versions: rows added, corrected, removed; values before, after."""
    store = open_use_case(use_case).store
    found = store.versions.diff(old, new)
    counts = {"added": found.added, "corrected": found.corrected, "removed": found.removed, "cells": len(found.cells)}
    shown = to_clock(found.cells.head(rows), [store.spec.timestamp], zone=store.spec.time_zone)
    if as_json:
        print_record({"old": old, "new": new, **counts, "differences": shown.to_dict("records")}, as_json=True)
        return
    print_record(counts, as_json=False)
    if len(shown):
        print_frame(shown, as_json=False, title=f"From {old} to {new}")
    if len(found.cells) > rows:
        click.echo(f"and {len(found.cells) - rows} more cells: --rows")
