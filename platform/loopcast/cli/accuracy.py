"""The command `accuracy`: how good the forecasts were, over any of them, by any version's actuals."""

from datetime import datetime
from typing import Any, get_args

import click
import pandas as pd

from loopcast.cli.options import Moment, json_option, use_case_argument
from loopcast.cli.output import print_record, print_rows, to_records
from loopcast.cli.read import open_use_case
from loopcast.errors import CallerError
from loopcast.loop.clock import to_stored
from loopcast.loop.judging.accuracy import By, Reach, read_accuracy, read_report
from loopcast.loop.judging.unscored import list_unscored

SHOWN = 20


@click.command(
    epilog="Example: loopcast accuracy interstate_traffic --from v00000002 --to v00000057 --by samples_ahead"
)
@use_case_argument
@click.option("--from", "first", default=None, help="First version whose forecasts count; default: the first.")
@click.option("--to", "last", default=None, help="Last version whose forecasts count; default: the newest.")
@click.option("--start", type=Moment(), default=None, help="First timestamp, on the use case's own clock.")
@click.option("--end", type=Moment(is_end=True), default=None, help="Last timestamp; a date: that whole day.")
@click.option("--actuals", default=None, help="Version whose actuals count; default: the newest.")
@click.option("--latest-only", is_flag=True, help="Only the newest forecast of each timestamp.")
@click.option("--by", type=click.Choice(get_args(By)), default="all", show_default=True, help="What the rows are.")
@click.option("--report", default=None, help="The report of this version as it was made, and what it changed.")
@json_option
def accuracy(
    *,
    use_case: str,
    first: str | None,
    last: str | None,
    start: datetime | None,
    end: datetime | None,
    actuals: str | None,
    latest_only: bool,
    by: By,
    report: str | None,
    as_json: bool,
) -> None:
    """Print the production accuracy of forecasts, next to every seasonal naive.

    Corrected actuals count as corrected; `--actuals` gives those of an earlier version, and `--report` what was
    reported then. What cannot be evaluated is listed: forecasts whose actuals are missing or not there yet, versions
    without one.
    """
    project = open_use_case(use_case)
    begin, until = (None if at is None else to_stored(at, project.store.spec) for at in (start, end))
    reach = Reach(first, last, actuals, begin, until, latest_only)
    if report is None:
        told = read_accuracy(project, reach, by=by)
        unscored = list_unscored(project, until=str(told["actuals"] or ""), first=first or "")
        _print({**told, "not_evaluated": pd.DataFrame(unscored)}, by=by, as_json=as_json)
        return
    if reach != Reach():
        raise CallerError("found --report with a range; a report stands for itself: leave out everything but --by")
    _print(read_report(project, report, by=by), by=by, as_json=as_json)


def _print(told: dict[str, Any], *, by: By, as_json: bool) -> None:
    """Print the measures over all, and a table of each list beside them."""
    lists = {name: to_records(value) for name, value in told.items() if isinstance(value, pd.DataFrame)}
    if as_json:
        print_record({**told, **lists}, as_json=True)
        return
    print_record({name: value for name, value in told.items() if name not in lists}, as_json=False)
    titles = {"groups": f"By {by.replace('_', ' ')}", "rescored": "Scored again", "not_evaluated": "Not evaluated"}
    for name, rows in lists.items():
        if rows:
            print_rows(rows if name == "groups" else rows[-SHOWN:], as_json=False, title=titles[name])
