"""Commands on alerts: what is open, whether messages arrive, not being told for a while.

They read the store and append to it; what is found is the sensor's.
"""

import sys
from datetime import UTC, datetime
from getpass import getuser

import click
import pandas as pd

from loopcast.cli.options import json_option, use_case_argument
from loopcast.cli.output import print_rows
from loopcast.cli.read import open_use_case
from loopcast.errors import CallerError
from loopcast.loop.alerts.book import read_book
from loopcast.loop.alerts.mutes import Mute, is_muted, mute, read_mutes
from loopcast.loop.alerts.rounds import try_targets
from loopcast.orchestration.settings import read_alert_settings


@click.group(epilog="Example: loopcast alerts list interstate_traffic")
def alerts() -> None:
    """Alerts: what is the matter, who was told, whether messages arrive."""


@alerts.command(name="list", epilog="Example: loopcast alerts list interstate_traffic")
@use_case_argument
@json_option
def list_(use_case: str, as_json: bool) -> None:
    """List what is open, and the messages that could not be delivered yet."""
    project, now = open_use_case(use_case), datetime.now(UTC)
    book, mutes = read_book(project), read_mutes(project, now=now)
    rows = [
        {
            "alert": alert.key,
            "severity": alert.newest.severity,
            "since": alert.since,
            "count": alert.count,
            "version": alert.newest.version,
            "found": alert.newest.found,
            "told": sorted(alert.told),
            "muted": is_muted(alert, mutes, now=now),
        }
        for alert in book.open
    ]
    print_rows(rows, as_json=as_json, title=f"Open alerts of {use_case}")
    for letter in book.letters:
        click.echo(f"{letter.target}: {letter.message.subject}: {letter.problem or 'on its way'}", err=True)


@alerts.command(epilog="Example: loopcast alerts test interstate_traffic")
@use_case_argument
@json_option
def test(use_case: str, as_json: bool) -> None:
    """Send a trial message to everybody who would be told, and say where it did not arrive."""
    found = try_targets(open_use_case(use_case), settings=read_alert_settings(), now=datetime.now(UTC))
    rows = [{"target": target, "arrived": not problem, "problem": problem} for target, problem in found.items()]
    print_rows(rows, as_json=as_json, title=f"Targets of {use_case}")
    sys.exit(1 if any(found.values()) else 0)


@alerts.command(
    name="mute",
    epilog="Example: loopcast alerts mute interstate_traffic --alert overdue --for 2D --reason 'the plant is closed'",
)
@use_case_argument
@click.option("--alert", "pattern", default="*", help="An alert as listed, or a kind such as overdue; default: all.")
@click.option("--for", "duration", default="4h", show_default=True, help="How long, such as 30min, 4h, 2D; 0: no more.")
@click.option("--reason", default="", help="Why, kept with it.")
@json_option
def mute_(use_case: str, pattern: str, duration: str, reason: str, as_json: bool) -> None:
    """Tell nobody of an alert for a while; it is found, counted and listed as ever, and told afterwards."""
    now = datetime.now(UTC)
    wanted = Mute(pattern, now + _to_delta(duration), getuser(), reason)
    rows = [vars(known) for known in mute(open_use_case(use_case), wanted, now=now)]
    print_rows(rows, as_json=as_json, title=f"Muted alerts of {use_case}")


def _to_delta(text: str) -> pd.Timedelta:
    try:
        return pd.Timedelta(0) if text == "0" else pd.Timedelta(text)
    except ValueError as error:
        raise CallerError(f"found --for {text!r}; expected a duration such as 30min, 4h or 2D") from error
