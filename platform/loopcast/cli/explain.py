"""The command that says why a forecast is what it is: explain. It puts together what the store has; it fits nothing."""

from datetime import datetime

import click

from loopcast.cli.options import Moment, json_option, use_case_argument
from loopcast.cli.output import print_frame, print_record, to_records
from loopcast.cli.read import open_use_case, to_series
from loopcast.loop.explaining.point import View, describe_point, explain_point, list_effects
from loopcast.reflection.root_cause import sum_parts

TITLES = {
    "term": "Terms, largest first; they sum to the forecast",
    "buildup": "The forecast after each term",
    "predictor": "By variable; they sum to the forecast",
    "change": "Why it is not what was forecast before; they sum to the difference",
    "parts": "Parts, and the variables that moved them",
    "cells": "Corrected cells, each alone",
}


@click.command(epilog="Example: loopcast explain interstate_traffic v00000054 --at 2017-11-24T08:00 --view predictor")
@use_case_argument
@click.argument("version", required=False)
@click.option("--at", type=Moment(), required=True, help="The time that was forecast, on the use case's own clock.")
@click.option("--series", multiple=True, help="The series: key=value, several keys: key=value,key=value.")
@click.option(
    "--view",
    type=click.Choice([view.value for view in View]),
    default=View.term.value,
    show_default=True,
    help="How it is taken apart: by term, built up term by term, by predictor, or against the previous forecast.",
)
@click.option(
    "--top", type=click.IntRange(min=1), default=15, show_default=True, help="So many rows; the others become one."
)
@json_option
def explain(
    *, use_case: str, version: str | None, at: datetime, series: tuple[str, ...], view: str, top: int, as_json: bool
) -> None:
    """Explain one point of a stored forecast: what it is made of, and why it is not what was forecast before.

    Without VERSION, of the newest forecast that covers the time.
    """
    project, chosen = open_use_case(use_case), View(view)
    found = explain_point(project, at, version=version, series=to_series(project, series))
    tables = {"view": found.view(chosen, top=top)}
    if chosen is View.change and found.made.changes is not None:
        tables = {"parts": sum_parts(found.made.changes), **tables, "cells": list_effects(project, found)}
    point, notes = describe_point(project, found), list(found.made.notes)
    if as_json:
        told = {name: to_records(table) for name, table in tables.items()}
        print_record({**point, "notes": notes, **told}, as_json=True)
        return
    print_record(point, as_json=False)
    for name, table in tables.items():
        if len(table):
            print_frame(table, as_json=False, title=TITLES.get(name) or TITLES[view])
    if chosen is View.change and tables["view"].empty:
        click.echo("Nobody forecast this time before." if found.previous.empty else "It is what was forecast before.")
    for note in notes:
        click.echo(note)
