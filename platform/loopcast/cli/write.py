"""Commands that bring something in: update."""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from getpass import getuser
from pathlib import Path
from typing import NoReturn

import click

from loopcast.cli.options import json_option, use_case_argument
from loopcast.cli.output import print_record
from loopcast.cli.read import open_use_case
from loopcast.loop.history import describe_version, explain_version
from loopcast.loop.project import Project
from loopcast.orchestration.instance import find_home, is_daemon_running, open_instance
from loopcast.orchestration.runs import Runner, RunOutcome
from loopcast.store.version_records import Upload


@click.command(epilog="Example: loopcast update interstate_traffic monday.csv --reason 'recount of October'")
@use_case_argument
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--reason", default="", help="Why, kept with the version.")
@click.option("--key", default=None, help="Idempotency key; default: source, file name and content.")
@json_option
def update(use_case: str, file: Path, reason: str, key: str | None, as_json: bool) -> None:
    """Send an update and take it through the whole chain, in this process: no daemon is needed."""
    project = open_use_case(use_case)
    upload = Upload(
        name=file.name, content=file.read_bytes(), source="cli", actor=getuser(), reason=reason, idempotency_key=key
    )
    send_upload(project, upload, as_json=as_json)


def send_upload(project: Project, upload: Upload, *, as_json: bool) -> NoReturn:
    """Take an upload through the whole chain, print what became of it, and end: with status 1 where it was refused."""
    with open_instance(find_home()) as instance:
        claim = project.store.versions.claim(upload, now=datetime.now(UTC))
        failed = take_turns(Runner(project, instance))
    told = describe_version(project, claim.version)
    why = explain_version(project, claim.version)
    print_record({**told, "duplicate": claim.duplicate, "refused_because": why}, as_json=as_json)
    sys.exit(1 if told["status"] != "accepted" or claim.version in failed else 0)


def take_turns(runner: Runner) -> set[str]:
    """Run every unfinished version and what follows from it; return the versions that failed, each told in words."""
    failed = _tell_failures({turn.version: outcome for turn, outcome in runner.turn_all()})
    if not is_daemon_running(runner.instance):  # a daemon's conditions look after what follows
        failed |= _tell_failures(runner.follow())
        deliver(runner)
    return failed


def _tell_failures(outcomes: Mapping[str, RunOutcome]) -> set[str]:
    """Print why runs failed, and return what they were for."""
    failed = {key: outcome for key, outcome in outcomes.items() if not outcome.success}
    for key, outcome in failed.items():
        click.echo(f"loopcast: {key}: {outcome.explanation}", err=True)
    return set(failed)


def deliver(runner: Runner) -> None:
    """Bring the warehouse up to date; that it could not be is told, and is no failure of what came before."""
    outcome = runner.deliver()
    if not outcome.success:
        click.echo(f"loopcast: the warehouse was not brought up to date: {outcome.explanation}", err=True)
