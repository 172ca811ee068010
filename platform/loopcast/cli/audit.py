"""The command that prints the audit trail. What is in it is found in `loopcast.loop.judging.audit`."""

import click

from loopcast.cli.options import json_option, use_case_argument
from loopcast.cli.output import print_rows, to_records
from loopcast.cli.read import open_use_case
from loopcast.loop.judging.audit import list_trail


@click.command(epilog="Example: loopcast audit interstate_traffic --last 20")
@use_case_argument
@click.option("--last", type=click.IntRange(min=1), default=None, help="Only the newest so many.")
@json_option
def audit(use_case: str, last: int | None, as_json: bool) -> None:
    """List what was decided, ordered, built, judged, put in force and pinned: by whom, why, on what evidence."""
    trail = list_trail(open_use_case(use_case), last=last)
    print_rows(to_records(trail), as_json=as_json, title=f"Audit trail of {use_case}")
