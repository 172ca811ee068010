"""Commands that forget: erase, retain. What they find and what goes is decided in `loopcast.loop.forget`."""

from datetime import UTC, datetime
from getpass import getuser
from secrets import token_hex

import click
import pandas as pd

from loopcast.cli.options import Moment, json_option, use_case_argument
from loopcast.cli.output import print_record
from loopcast.cli.read import open_use_case, to_series
from loopcast.errors import CallerError
from loopcast.loop.forget import erase_rows, list_taken, make_request, plan, retain_uploads


@click.command(epilog="Example: loopcast erase heat_demand --series meter=4711 --reason 'article 17, ticket 12'")
@use_case_argument
@click.option("--series", multiple=True, help="Only this series (repeat for more); several keys: key=value,key=value.")
@click.option("--key", "at", type=Moment(), default=None, help="Only this timestamp, on the use case's own clock.")
@click.option("--from", "start", type=Moment(), default=None, help="First timestamp.")
@click.option("--to", "end", type=Moment(is_end=True), default=None, help="Last timestamp; a date: that whole day.")
@click.option("--reason", required=True, help="Why; kept for ever, so it must not name what is erased.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def erase(
    *,
    use_case: str,
    series: tuple[str, ...],
    at: datetime | None,
    start: datetime | None,
    end: datetime | None,
    reason: str,
    yes: bool,
    as_json: bool,
) -> None:
    """Erase a series, keys or a range of time from all versions, uploads and outputs, for good."""
    project, salt, now = open_use_case(use_case), token_hex(16), datetime.now(UTC)
    if at is not None and (start is not None or end is not None):
        raise CallerError("found --key beside --from or --to; give one timestamp or a range")
    request = make_request(
        project, series=to_series(project, series), start=at or start, end=at or end, actor=getuser(), reason=reason
    )
    found = plan(project, request, salt=salt, now=now)
    files = len(found.files) + sum(len(list_taken(project, version)) for version in found.versions)
    told = {"rows": found.rows, "versions": len(found.versions), "files": files}
    if not yes and files:
        click.echo("{rows} rows in {versions} versions and {files} files are concerned".format(**told), err=True)
        click.confirm("Erase them for good?", abort=True, err=True)
    done = erase_rows(project, request, salt=salt, now=now)
    print_record({**told, "erased": bool(done), "erasures": [one.tombstone.number for one in done]}, as_json=as_json)
    if done:
        click.echo(
            "Copies outside the lake and the inbox are yours: Dagster's history and exports may show rows. The "
            f"warehouse forgets them with its next delivery, or now: loopcast warehouse rebuild {use_case}",
            err=True,
        )


@click.command(epilog="Example: loopcast retain interstate_traffic --uploads-older-than 365D")
@use_case_argument
@click.option("--uploads-older-than", "age", required=True, help="Age of the uploads that go, for instance 365D.")
@json_option
def retain(use_case: str, age: str, as_json: bool) -> None:
    """Let the raw files of old versions go; the versions themselves stay readable."""
    now = datetime.now(UTC)
    try:
        since = now - pd.Timedelta(age).to_pytimedelta()
    except ValueError as error:
        raise CallerError(f"found the age {age!r}; expected one such as 365D or 48h") from error
    gone = retain_uploads(
        open_use_case(use_case), since=since, actor=getuser(), reason=f"uploads older than {age}", now=now
    )
    print_record({"uploads_deleted": len(gone)}, as_json=as_json)
