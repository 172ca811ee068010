"""The command line: `loopcast`. It reads the store and starts runs; it computes nothing that an asset computes."""

import sys
import warnings

import click

from loopcast.cli.accuracy import accuracy
from loopcast.cli.alerts import alerts
from loopcast.cli.audit import audit
from loopcast.cli.champion import CHAMPION_COMMANDS
from loopcast.cli.compare import compare_command
from loopcast.cli.contract import contract
from loopcast.cli.decision import decision
from loopcast.cli.diff import diff
from loopcast.cli.erase import erase, retain
from loopcast.cli.explain import explain
from loopcast.cli.export import export
from loopcast.cli.minimal import minimal
from loopcast.cli.overview import overview
from loopcast.cli.play import replay, serve
from loopcast.cli.profile import profile
from loopcast.cli.pull import pull
from loopcast.cli.quarantine import quarantine
from loopcast.cli.read import forecast, show, verify, versions
from loopcast.cli.slice import slice_version
from loopcast.cli.warehouse import warehouse
from loopcast.cli.write import update
from loopcast.cli.zoo import zoo
from loopcast.errors import LoopcastError


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]}, epilog="Example: loopcast versions interstate_traffic"
)
def cli() -> None:
    """The forecasting lifecycle that runs by itself, on Dagster.

    Run in the folder that holds dagster.yaml. Folders can be set by LOOPCAST_HOME, LOOPCAST_USE_CASES, LOOPCAST_LAKE,
    LOOPCAST_INBOX and LOOPCAST_WAREHOUSE.
    """


for command in (
    overview,
    update,
    pull,
    versions,
    show,
    diff,
    export,
    forecast,
    explain,
    accuracy,
    profile,
    minimal,
    slice_version,
    replay,
    compare_command,
    verify,
    erase,
    retain,
    quarantine,
    warehouse,
    contract,
    zoo,
    alerts,
    decision,
    audit,
    serve,
):
    cli.add_command(command)
for command in CHAMPION_COMMANDS:
    zoo.add_command(command)


def main() -> None:
    """Run the command line; an error of ours becomes one line and exit status 1."""
    if not sys.warnoptions:  # libraries' warnings are for developers: python -W brings them back
        warnings.simplefilter("ignore")
    try:
        cli(standalone_mode=True)
    except LoopcastError as error:
        click.echo(f"loopcast: {error}", err=True)
        sys.exit(1)
