"""The command that shows all use cases at a glance: overview. It reads what the stages wrote."""

from datetime import UTC, datetime

import click

from loopcast.cli.options import json_option
from loopcast.cli.output import print_rows
from loopcast.loop.board import Board
from loopcast.loop.overview import to_document, to_row
from loopcast.orchestration.instance import find_home, open_instance
from loopcast.orchestration.run_health import RunHealth
from loopcast.orchestration.settings import read_settings


@click.command(epilog="Example: loopcast overview")
@json_option
def overview(as_json: bool) -> None:
    """Show every use case at a glance: its status, its accuracy, what comes next, and what needs a person."""
    now = datetime.now(UTC)
    with open_instance(find_home()) as instance:
        failed = RunHealth(instance).list_failed(now=now)
    found = Board(read_settings()).describe(now=now, failed=failed)
    if as_json:
        print_rows([to_document(one) for one in found], as_json=True)
        return
    print_rows([to_row(one) for one in found], as_json=False, title="Use cases")
    for one in found:
        if one.needs:
            click.echo(f"{one.use_case} needs a person: {one.why}: {one.needs}")
