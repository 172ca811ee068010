"""Commands on the champion: roll back, promote, pin and unpin a zoo, and what was put in force when, by whom and why.

They run the asset `champion`; what is done is said in `loopcast.loop.zoos.champion`.
"""

import sys
from getpass import getuser

import click

from loopcast.cli.options import json_option, use_case_argument
from loopcast.cli.output import print_record, print_rows, to_records
from loopcast.cli.read import open_use_case
from loopcast.cli.write import take_turns
from loopcast.cli.zoo import zoo_argument
from loopcast.loop.project import Project
from loopcast.loop.zoos.champion import Action
from loopcast.loop.zoos.champion_sheet import describe_champion
from loopcast.orchestration.instance import find_home, open_instance
from loopcast.orchestration.runs import Runner

reason_option = click.option("--reason", default="", help="Why, kept in the audit trail.")


@click.command(epilog="Example: loopcast zoo rollback interstate_traffic --reason 'too high at night'")
@use_case_argument
@reason_option
@json_option
def rollback(use_case: str, reason: str, as_json: bool) -> None:
    """Put the previous champion in force again, from the next version on; what it missed it learns then."""
    _ask(use_case, Action.rollback, None, reason=reason, as_json=as_json)


@click.command(epilog="Example: loopcast zoo promote interstate_traffic b0004 --reason 'the road was widened'")
@use_case_argument
@click.argument("key")
@reason_option
@json_option
def promote(use_case: str, key: str, reason: str, as_json: bool) -> None:
    """Put a zoo in force, from the next version on, whatever its verdict.

    KEY is a zoo such as z0002, or a build such as b0004 whose zoo was rejected.
    """
    _ask(use_case, Action.promote, key, reason=reason, as_json=as_json)


@click.command(epilog="Example: loopcast zoo pin interstate_traffic z0002 --reason 'audit until Friday'")
@use_case_argument
@zoo_argument
@reason_option
@json_option
def pin(*, use_case: str, zoo: str | None, reason: str, as_json: bool) -> None:
    """Keep a zoo in force, by default the champion: no other takes its place, and no build is opened by itself."""
    _ask(use_case, Action.pin, zoo, reason=reason, as_json=as_json)


@click.command(epilog="Example: loopcast zoo unpin interstate_traffic")
@use_case_argument
@reason_option
@json_option
def unpin(use_case: str, reason: str, as_json: bool) -> None:
    """Remove the pin: builds are opened again, and a better zoo may take force."""
    _ask(use_case, Action.unpin, None, reason=reason, as_json=as_json)


@click.command(epilog="Example: loopcast zoo history interstate_traffic --last 10")
@use_case_argument
@click.option("--last", type=click.IntRange(min=1), default=20, show_default=True, help="Only the newest so many.")
@json_option
def history(use_case: str, last: int, as_json: bool) -> None:
    """List what was put in force and the verdicts on new zoos, newest first: when, by whom and why."""
    sheet = describe_champion(open_use_case(use_case), last=last)
    put, verdicts = to_records(sheet.history), to_records(sheet.verdicts)
    if as_json:
        print_record({**sheet.facts, "history": put, "verdicts": verdicts}, as_json=True)
        return
    print_record(sheet.facts, as_json=False)
    print_rows(put, as_json=False, title=f"Put in force, {use_case}")
    print_rows(verdicts, as_json=False, title="Verdicts")


CHAMPION_COMMANDS = (rollback, promote, pin, unpin, history)


def _ask(use_case: str, action: Action, key: str | None, *, reason: str, as_json: bool) -> None:
    """Run the asset `champion` with what a person asks for, then what follows from it, and print what is so now."""
    project = open_use_case(use_case)
    config = {"action": action.name, "zoo": key or "", "reason": reason, "actor": getuser()}
    failed = _run(project, config)
    if not failed or as_json:
        print_record(describe_champion(project).facts, as_json=as_json)
    sys.exit(1 if failed else 0)


def _run(project: Project, config: dict[str, str]) -> bool:
    """Run the asset and what follows; return whether anything failed."""
    with open_instance(find_home()) as instance:
        runner = Runner(project, instance)
        outcome = runner.materialize("champion", config=config)
        if not outcome.success:
            click.echo(f"loopcast: {outcome.explanation}", err=True)
            return True
        return bool(take_turns(runner))
