"""Commands that play past updates again in a lake of their own: `compare-policies`, and `replay --fast`.

The assets are played by `loopcast.cli.play`.
"""

import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pandas as pd
from tqdm import tqdm

from loopcast.cli.options import VersionOrMoment, json_option, use_case_argument
from loopcast.cli.output import print_rows
from loopcast.cli.read import open_use_case
from loopcast.errors import CallerError
from loopcast.loop.clock import to_stored
from loopcast.loop.history import newest_version
from loopcast.loop.past.comparison import NAMES, compare_policies, name_policies
from loopcast.loop.past.replay import Delivery, find_range, plan_replay, resend_versions, shift_period
from loopcast.loop.past.simulation import Policy, SimulatedTurn, Simulation
from loopcast.loop.project import Project
from loopcast.orchestration.charts import draw_policies, to_png
from loopcast.orchestration.settings import read_settings
from loopcast.store.version_records import version_number
from loopcast.use_case.policy_file import read_policies

Edge = str | datetime | None

from_option = click.option(
    "--from", "first", type=VersionOrMoment(), default=None, help="First version, or time of data, looked at."
)
to_option = click.option(
    "--to", "last", type=VersionOrMoment(is_end=True), default=None, help="Last version, or time of data."
)
recorded_option = click.option(
    "--recorded", is_flag=True, help="Play the recorded history of the use case, not the versions in its store."
)


@click.command(
    "compare-policies", epilog="Example: loopcast compare-policies interstate_traffic --recorded --output policies.png"
)
@use_case_argument
@click.option(
    "--policy", "chosen", multiple=True, help=f"{', '.join(NAMES)}, or a YAML file (repeat for more); default: all."
)
@from_option
@to_option
@recorded_option
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), default=None, help="Draw a chart: .png or .svg."
)
@json_option
def compare_command(
    *,
    use_case: str,
    chosen: tuple[str, ...],
    first: Edge,
    last: Edge,
    recorded: bool,
    output: Path | None,
    as_json: bool,
) -> None:
    """Play past updates under several policies, side by side: error, cost, builds, alarms.

    Nothing is written to the use case's own lake. Ctrl-C ends it, and what was played until then is compared.
    """
    if output is not None and output.suffix not in (".png", ".svg"):
        raise CallerError(f"found the file {output.name}; expected one that ends in .png or .svg")
    project = open_use_case(use_case)
    policies = [choose_policy(project, name) for name in chosen or NAMES]
    _, turns = play(project, policies, plan(project, first, last, recorded=recorded), quiet=as_json)
    rows = compare_policies(turns, project.store.spec)
    _print(rows, title=f"Policies of {use_case}, {_tell_period(turns)}", as_json=as_json)
    if output is not None and rows:
        chart = draw_policies(
            pd.DataFrame(rows), title=f"{use_case}, {_tell_period(turns)}", unit=project.use_case.target.unit
        )
        output.write_bytes(to_png(chart) if output.suffix == ".png" else chart.encode())


def _print(rows: Sequence[dict[str, Any]], *, title: str, as_json: bool) -> None:
    """Print the comparison as one JSON list, or as two tables that a screen has room for."""
    if as_json:
        print_rows(rows, as_json=True)
        return
    errors = ("policy", "n", "mae", "rmse", "skill_pct", "coverage_pct", "alarms", "failed", "error_vs_daily_pct")
    print_rows([{name: row[name] for name in errors if name in row} for row in rows], as_json=False, title=title)
    costs = [{name: value for name, value in row.items() if name == "policy" or name not in errors} for row in rows]
    print_rows(costs, as_json=False, title="What they cost")


def choose_policy(project: Project, name: str) -> Policy:
    """Return the policy of a name, or of a YAML file."""
    declared = project.use_case.policies
    named = name_policies(declared)
    if name in named:
        return named[name]
    if Path(name).suffix not in (".yaml", ".yml"):
        raise CallerError(f"found the policy {name!r}; expected {', '.join(named)}, or a YAML file")
    return Policy(Path(name).stem, read_policies(Path(name), declared))


def plan(project: Project, first: Edge, last: Edge, *, recorded: bool) -> tuple[Iterator[Delivery], int]:
    """Return the updates to be played, and how many there are."""
    if not recorded:
        begin, end = _to_versions(project, first, last)
        return resend_versions(project, first=begin, last=end), version_number(end)
    if isinstance(first, str) or isinstance(last, str):
        raise CallerError("found a version with --recorded; expected days: a recorded history has no versions yet")
    start = None if first is None else first.date()
    after = None if last is None else (last + timedelta.resolution).date()
    use_case = shift_period(project.use_case, start=start, end=after)
    planned = plan_replay(use_case, folder=read_settings().use_cases / project.name)
    return (item.delivery for item in planned), len(planned)


def _to_versions(project: Project, first: Edge, last: Edge) -> tuple[str, str]:
    """Return the first and the last version of a range of versions or of times."""
    if project.store.versions.newest() is None and project.use_case.replay is not None:
        raise CallerError(f"{project.name} has no version yet; play its recorded history with --recorded")
    newest_version(project)
    start, end = (to_stored(edge, project.store.spec) if isinstance(edge, datetime) else None for edge in (first, last))
    found = find_range(project, start=start, end=end)
    return first if isinstance(first, str) else found[0], last if isinstance(last, str) else found[1]


def play(
    project: Project, policies: Sequence[Policy], planned: tuple[Iterator[Delivery], int], *, quiet: bool
) -> tuple[Simulation, list[SimulatedTurn]]:
    """Play updates under some policies, as far as nobody interrupts it, and return what came of it."""
    deliveries, total = planned
    simulation = Simulation(project, policies, clock=time.process_time)
    turns: list[SimulatedTurn] = []
    with tqdm(total=total, desc=f"Simulating {project.name}", unit="version", disable=quiet) as bar:
        try:
            for delivery in deliveries:
                turns += simulation.play(delivery)
                bar.update()
        except KeyboardInterrupt:
            click.echo("Interrupted: this is what was played until then.", err=True)
    return simulation, turns


def _tell_period(turns: Sequence[SimulatedTurn]) -> str:
    return f"{turns[0].version} to {turns[-1].version}" if turns else "no version"
