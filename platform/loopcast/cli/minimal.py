"""The command that says how little must be sent: minimal.

What is needed is computed in `loopcast.loop.minimal`.
"""

import click

from loopcast.cli.options import json_option, use_case_argument
from loopcast.cli.output import print_rows
from loopcast.cli.read import open_use_case
from loopcast.loop.minimal import describe_minimal


@click.command(epilog="Example: loopcast minimal interstate_traffic --zoo z0001 --json")
@use_case_argument
@click.option("--zoo", default=None, help="Key of a zoo that was in force, for instance z0001; default: the newest.")
@json_option
def minimal(use_case: str, zoo: str | None, as_json: bool) -> None:
    """Print the least history that a forecast from the newest version needs: per variable from, to, rows per series.

    A forecast reads exactly that. Without the oldest row of a variable, or without a row of the horizon where
    `refused without` is given, it is refused; a row missing in between counts as a missing value.
    """
    project = open_use_case(use_case)
    print_rows(describe_minimal(project, zoo), as_json=as_json, title=f"Minimal history of {use_case}")
