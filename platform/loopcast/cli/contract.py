"""Commands about contracts: what the data's provider promises, whether it is kept, what a new version would break."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import click

from loopcast.cli.options import json_option, use_case_argument
from loopcast.cli.output import print_frame, print_record, print_rows
from loopcast.cli.read import open_use_case
from loopcast.dataops.contract.attainment import to_table
from loopcast.dataops.contract.changes import Change, compare_contracts, required_bump
from loopcast.loop.contract import check_contract, find_contract, list_changes, list_contracts, read_status
from loopcast.use_case.contract import contract_of, to_contract_yaml, to_odcs

NEEDS = {
    "major": "needs a new major version",
    "minor": "needs a new minor version",
    "patch": "may have a new patch version",
    "none": "no change",
}


@click.group(epilog="Example: loopcast contract status interstate_traffic")
def contract() -> None:
    """What the data's provider promises, in the Open Data Contract Standard, and how it is kept."""


@contract.command(epilog="Example: loopcast contract status interstate_traffic")
@use_case_argument
@json_option
def status(use_case: str, as_json: bool) -> None:
    """List each promise: observed, deviation, attainment of the last 30 days, error budget left, burn rate."""
    project = open_use_case(use_case)
    title = f"Contract {project.use_case.contract.version} of {use_case}"
    print_frame(to_table(read_status(project, now=datetime.now(UTC))), as_json=as_json, title=title)


@contract.command(epilog="Example: loopcast contract show interstate_traffic > contract.yaml")
@use_case_argument
@click.option("--version", default=None, help="A version that was in force; default: what the files say now.")
@json_option
def show(use_case: str, version: str | None, as_json: bool) -> None:
    """Print the contract as YAML; where there is no contract.yaml, the one that defs.yaml makes."""
    project = open_use_case(use_case)
    document = find_contract(project, version).document if version else to_odcs(project.use_case)
    if as_json:
        print_record(document, as_json=True)
    else:
        click.echo(to_contract_yaml(document), nl=False)


@contract.command(epilog="Example: loopcast contract check interstate_traffic")
@use_case_argument
@json_option
def check(use_case: str, as_json: bool) -> None:
    """Say what the contract as written now changes, and refuse it where its version is not raised enough."""
    project = open_use_case(use_case)
    changes = list_changes(project)
    _print_changes(changes, as_json=as_json)
    check_contract(project)
    if not as_json:
        known = [entry.version for entry in list_contracts(project)]
        in_force = f"{known[-1]} is in force" if known else "none was in force yet"
        click.echo(f"{project.use_case.contract.version} may be put in force; {in_force}")


@contract.command(epilog="Example: loopcast contract diff interstate_traffic 1.0.0 --to 1.1.0")
@use_case_argument
@click.argument("version")
@click.option("--to", "later", default=None, help="A later version; default: what the files say now.")
@json_option
def diff(use_case: str, version: str, later: str | None, as_json: bool) -> None:
    """List what changed since a version that was in force: each change, whom it breaks, and why."""
    project = open_use_case(use_case)
    new = find_contract(project, later) if later else contract_of(project.use_case)
    changes = compare_contracts(find_contract(project, version), new)
    _print_changes(changes, as_json=as_json)
    if not as_json:
        click.echo(f"{version} to {new.version}: {NEEDS[required_bump(changes)]}")


def _print_changes(changes: Sequence[Change], *, as_json: bool) -> None:
    if changes or as_json:
        print_rows([asdict(change) for change in changes], as_json=as_json)
