"""Commands on decisions: list and show them, approve or overrule one, ask for an action.

Orders are checked in `loopcast.loop.judging.orders` and carried out by the asset `reflection`.
"""

import sys
from datetime import UTC, datetime
from getpass import getuser
from typing import Any

import click

from loopcast.cli.options import json_option, use_case_argument
from loopcast.cli.output import print_record, print_rows, to_records
from loopcast.cli.read import open_use_case
from loopcast.cli.write import take_turns
from loopcast.errors import NotFoundError
from loopcast.loop.judging.decisions import DecisionRecord, find_decision, list_decisions, read_newest
from loopcast.loop.judging.orders import Extent, Order, Wish, give_order
from loopcast.loop.project import Project
from loopcast.orchestration.instance import find_home, open_instance
from loopcast.orchestration.runs import Runner

decision_argument = click.argument("decision", required=False)
reason_option = click.option("--reason", default="", help="Why, kept in the audit trail.")
scope_option = click.option(
    "--scope",
    type=click.Choice([extent.value for extent in Extent]),
    default="all",
    show_default=True,
    help="Of a rebuild: every situation anew, or those without models only.",
)


@click.group(epilog="Example: loopcast decision show interstate_traffic")
def decision() -> None:
    """Decisions of reflection: list, show, approve, overrule; or ask for an action."""


@decision.command("list", epilog="Example: loopcast decision list interstate_traffic --last 10")
@use_case_argument
@click.option("--last", type=click.IntRange(min=1), default=20, show_default=True, help="Only the newest so many.")
@json_option
def list_(use_case: str, last: int, as_json: bool) -> None:
    """List the decisions: action, rule, what it waits for, build, who asked, reason."""
    found = list_decisions(open_use_case(use_case), last=last)
    print_rows(to_records(found), as_json=as_json, title=f"Decisions of {use_case}")


@decision.command(epilog="Example: loopcast decision show interstate_traffic d00000007")
@use_case_argument
@decision_argument
@json_option
def show(use_case: str, decision: str | None, as_json: bool) -> None:
    """Show a decision, by default the newest: its evidence, what each action costs, what a person could do."""
    project = open_use_case(use_case)
    record = find_decision(project, decision) if decision else read_newest(project)
    if record is None:
        raise NotFoundError(f"{use_case} has no decision yet; the first is taken after the first version")
    _print_decision(record, as_json=as_json)


@decision.command(epilog="Example: loopcast decision approve interstate_traffic --reason 'the new meter is in'")
@use_case_argument
@decision_argument
@reason_option
@json_option
def approve(*, use_case: str, decision: str | None, reason: str, as_json: bool) -> None:
    """Carry out now what a decision waits to do, by default the newest: whatever it waits for."""
    _give(use_case, Order("approve", getuser(), reason, decision), as_json=as_json)


@decision.command(epilog="Example: loopcast decision overrule interstate_traffic d00000007 --action keep")
@use_case_argument
@decision_argument
@click.option(
    "--action",
    type=click.Choice([wish.value for wish in Wish]),
    default=None,
    help="What is to be done instead; default, where a build waits: keep.",
)
@scope_option
@reason_option
@json_option
def overrule(*, use_case: str, decision: str | None, action: Any, scope: Any, reason: str, as_json: bool) -> None:
    """Do something else than was decided; a build that was kept from starting is not asked for during a rest."""
    _give(use_case, Order("overrule", getuser(), reason, decision, action, scope), as_json=as_json)


@decision.command(epilog="Example: loopcast decision ask interstate_traffic rebuild --reason 'the road was widened'")
@use_case_argument
@click.argument("action", type=click.Choice(["retrain", "rebuild", "experiment"]))
@scope_option
@reason_option
@json_option
def ask(*, use_case: str, action: Any, scope: Any, reason: str, as_json: bool) -> None:
    """Ask for an action, whatever was decided; an experiment is a rebuild with more members than usual."""
    _give(use_case, Order("ask", getuser(), reason, None, action, scope), as_json=as_json)


def _give(use_case: str, order: Order, *, as_json: bool) -> None:
    """Give an order, let reflection carry it out, and print what was decided; without a daemon builds run here."""
    project = open_use_case(use_case)
    give_order(project, order, now=datetime.now(UTC))
    failed = _carry_out(project)
    newest = read_newest(project)
    if newest is not None:
        _print_decision(newest, as_json=as_json)
    sys.exit(1 if failed else 0)


def _carry_out(project: Project) -> bool:
    """Reflect, and run what follows; return whether anything failed."""
    with open_instance(find_home()) as instance:
        runner = Runner(project, instance)
        outcome = runner.materialize("reflection")
        if not outcome.success:
            click.echo(f"loopcast: {outcome.explanation}", err=True)
            return True
        return bool(take_turns(runner))


def _print_decision(record: DecisionRecord, *, as_json: bool) -> None:
    document = record.to_document()
    if as_json:
        print_record(document, as_json=True)
        return
    judgement = record.decision.evidence.get("judgement") or {}
    bins = judgement.get("bins", [])
    plain = {name: value for name, value in document.items() if name not in {"evidence", "costs", "hints"}}
    print_record(plain, as_json=False)
    tables = {"Evidence": _flatten(record.decision.evidence), "Bins": bins, "Costs": list(record.costs)}
    for title, rows in tables.items():
        if rows:
            print_rows(rows, as_json=False, title=title)
    for hint in record.hints:
        click.echo(f"- {hint}")


def _flatten(evidence: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the evidence as rows `known`, `value`; what is in it by bin is left out."""
    rows = []
    for name, value in evidence.items():
        inner = value.items() if isinstance(value, dict) else ()
        rows += [{"known": f"{name}.{key}", "value": str(item)} for key, item in inner if key != "bins"]
        rows += [] if isinstance(value, dict) else [{"known": name, "value": str(value)}]
    return rows
