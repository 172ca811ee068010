"""The command that asks the sources of a use case for news at once: pull."""

import sys
from datetime import UTC, datetime

import click

from loopcast.cli.options import json_option, use_case_argument
from loopcast.cli.output import print_rows
from loopcast.cli.read import open_use_case
from loopcast.cli.write import take_turns
from loopcast.loop.history import describe_version
from loopcast.loop.pull import choose_sources
from loopcast.loop.pull import pull as pull_sources
from loopcast.orchestration.instance import find_home, open_instance
from loopcast.orchestration.runs import Runner
from loopcast.orchestration.settings import read_environment


@click.command(epilog="Example: loopcast pull heat_demand --source scada")
@use_case_argument
@click.option("--source", "names", multiple=True, help="Only this one; may be given several times. Default: all.")
@json_option
def pull(use_case: str, names: tuple[str, ...], as_json: bool) -> None:
    """Ask the sources for what is new and take it through the whole chain, in this process: no daemon is needed."""
    project = open_use_case(use_case)
    sources = choose_sources(project, names)
    with open_instance(find_home()) as instance:
        pulled = pull_sources(project, sources, clock=lambda: datetime.now(UTC), environment=read_environment())
        failed = take_turns(Runner(project, instance))
    rows = [
        {
            "source": one.source,
            "versions": [claim.version for claim in one.claims],
            "status": [describe_version(project, claim.version)["status"] for claim in one.claims],
            "problem": one.problem,
        }
        for one in pulled
    ]
    print_rows(rows, as_json=as_json, title=f"Sources of {use_case}")
    sys.exit(1 if failed or any(one.problem for one in pulled) else 0)
