"""Commands that run for a while: replay a recorded history, serve the platform."""

import signal
import threading
import time
from datetime import UTC, datetime
from getpass import getuser
from itertools import islice
from types import FrameType

import click
from tqdm import tqdm

from loopcast.cli.compare import (
    Edge,
    choose_policy,
    from_option,
    plan,
    play,
    recorded_option,
    to_option,
)
from loopcast.cli.options import json_option, use_case_argument
from loopcast.cli.output import print_record, print_rows
from loopcast.cli.read import open_use_case
from loopcast.cli.write import deliver
from loopcast.errors import CallerError, LoopcastError
from loopcast.loop.contract import put_in_force
from loopcast.loop.history import list_history
from loopcast.loop.judging.accuracy import read_accuracy
from loopcast.loop.past.comparison import DECISION, NAMES
from loopcast.loop.past.replay import plan_replay
from loopcast.loop.project import Project, open_project
from loopcast.orchestration.instance import find_home, open_instance
from loopcast.orchestration.runs import Runner
from loopcast.orchestration.serve import Platform, pick_port
from loopcast.orchestration.settings import read_settings, write_settings
from loopcast.use_case.loader import load_use_cases


@click.command(epilog="Example: loopcast replay interstate_traffic --updates 7")
@use_case_argument
@click.option("--updates", type=click.IntRange(min=1), default=None, help="Play only so many; default: all.")
@click.option(
    "--fast", is_flag=True, help="Simulate: no runs, and a lake of its own in memory. The options below take this."
)
@click.option("--policy", default=DECISION, show_default=True, help=f"{', '.join(NAMES)}, or a YAML file.")
@from_option
@to_option
@recorded_option
@json_option
def replay(
    *,
    use_case: str,
    updates: int | None,
    fast: bool,
    policy: str,
    first: Edge,
    last: Edge,
    recorded: bool,
    as_json: bool,
) -> None:
    """Play a recorded history through the very same assets, update by update.

    What was played before is known by its idempotency key and not played again, so an interrupted replay goes on
    where it stood. With --fast, the updates in the store (or recorded ones) are simulated: each forecast and decision
    as it would have been, under any policy; nothing is written to the lake.
    """
    project = open_use_case(use_case)
    if not fast and (policy != DECISION or first or last or recorded):
        raise CallerError("found --policy, --from, --to or --recorded without --fast; they say what is simulated")
    if fast:
        deliveries, total = plan(project, first, last, recorded=recorded)
        chosen = choose_policy(project, policy)
        limit = total if updates is None else min(updates, total)
        simulation, _ = play(project, [chosen], (islice(deliveries, limit), limit), quiet=as_json)
        _tell(simulation.projects[chosen.name], as_json=as_json)
        return
    _play_assets(project, updates, quiet=as_json)
    _tell(project, as_json=as_json)


def _play_assets(project: Project, updates: int | None, *, quiet: bool) -> None:
    use_case = project.name
    planned = plan_replay(project.use_case, folder=read_settings().use_cases / use_case)[:updates]
    with open_instance(find_home()) as instance:
        runner = Runner(project, instance)
        for item in tqdm(planned, desc=f"Playing {use_case}", unit="version", disable=quiet):
            project.store.versions.claim(item.delivery.upload, now=datetime.now(UTC))
            for turn, outcome in runner.turn_all():
                if not outcome.success:
                    raise LoopcastError(f"{turn.version} ({item.name}): {outcome.explanation}")
            runner.follow()
        deliver(runner)


def _tell(project: Project, *, as_json: bool) -> None:
    print_rows(list_history(project), as_json=as_json, title=f"Versions of {project.name}")
    if not as_json:
        click.echo(f"Production accuracy of {project.name}:")
        print_record(read_accuracy(project), as_json=False)


@click.command(epilog="Example: loopcast serve --port 3000")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=3000,
    show_default=True,
    help="Port of the UI; taken: the next free one.",
)
def serve(port: int) -> None:
    """Serve the Dagster UI and run the daemon until Ctrl-C or SIGTERM."""
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        stopping.set()

    settings = read_settings()
    for found in load_use_cases(settings.use_cases).values():  # a wrong YAML is told here, not in a log
        put_in_force(open_project(found, settings=settings), by=getuser(), now=datetime.now(UTC))
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    free = pick_port(port)
    if port not in (0, free):
        click.echo(f"Port {port} is taken; using {free}.")
    click.echo("Starting the platform ...")
    with Platform(home=find_home(), port=free, environment=write_settings(settings)) as platform:
        platform.wait_ready()
        click.echo(f"\n  Dagster UI  {platform.url}")
        click.echo(f"  API         {platform.url}/api/use_cases/<use case>/updates")
        click.echo(f"  Inbox       {settings.inbox}/<use case>/\n\nCtrl-C ends it.")
        while not stopping.is_set():
            ended = platform.find_ended()
            if ended:
                raise LoopcastError(f"the {ended} has ended by itself; see {platform.logs / ended}.log")
            time.sleep(0.2)
        click.echo("Ending ...")
