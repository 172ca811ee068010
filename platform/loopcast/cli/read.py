"""Commands that read the store: versions, show, forecast, verify."""

import sys
from datetime import datetime

import click

from loopcast.cli.options import Moment, json_option, use_case_argument, version_option
from loopcast.cli.output import print_frame, print_record, print_rows
from loopcast.errors import CallerError, NotFoundError
from loopcast.loop.clock import to_clock, to_stored
from loopcast.loop.history import explain_version, list_history, newest_version
from loopcast.loop.project import Project, find_project
from loopcast.loop.zoos.forces import FORECASTS
from loopcast.orchestration.settings import read_settings

TIMES = ("timestamp", "origin")


def open_use_case(name: str) -> Project:
    """Return the project of a use case on this machine."""
    return find_project(name, settings=read_settings())


@click.command(epilog="Example: loopcast versions interstate_traffic --last 10")
@use_case_argument
@click.option("--last", type=click.IntRange(min=1), default=None, help="Only the newest so many.")
@json_option
def versions(use_case: str, last: int | None, as_json: bool) -> None:
    """List the dataset versions: what each update did, the zoo, the decision, the errors."""
    print_rows(list_history(open_use_case(use_case), last=last), as_json=as_json, title=f"Versions of {use_case}")


@click.command(
    epilog="Example: loopcast show interstate_traffic --version v00000003 --start 2017-10-03 --columns traffic_volume"
)
@use_case_argument
@version_option
@click.option("--columns", default=None, help="Comma-separated variables; default: all.")
@click.option("--series", multiple=True, help="Only this series (repeat for more); several keys: key=value,key=value.")
@click.option("--start", type=Moment(), default=None, help="First timestamp, on the use case's own clock.")
@click.option("--end", type=Moment(is_end=True), default=None, help="Last timestamp; a date: that whole day.")
@click.option(
    "--rows", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many rows, the last ones."
)
@json_option
def show(
    *,
    use_case: str,
    version: str | None,
    columns: str | None,
    series: tuple[str, ...],
    start: datetime | None,
    end: datetime | None,
    rows: int,
    as_json: bool,
) -> None:
    """Show a version: its record, and the data as they were then."""
    project = open_use_case(use_case)
    spec, record = project.store.spec, project.store.versions.record(version or newest_version(project))
    frame = project.store.versions.read(
        record.version,
        columns=[name.strip() for name in columns.split(",")] if columns else None,
        series=to_series(project, series),
        start=None if start is None else to_stored(start, spec),
        end=None if end is None else to_stored(end, spec),
    )
    if not as_json:
        print_record({**record.to_dict(), "refused_because": explain_version(project, record.version)}, as_json=False)
    print_frame(to_clock(frame.tail(rows), [spec.timestamp], zone=spec.time_zone), as_json=as_json)


def to_series(project: Project, texts: tuple[str, ...]) -> list[dict[str, str]] | None:
    """Return the series asked for as keys and values; a bare value belongs to the first series key."""
    first = project.use_case.series_keys[0] if project.use_case.series_keys else "series"
    chosen = []
    for text in texts:
        parts = [part.split("=", 1) for part in text.split(",")] if "=" in text else [[first, text]]
        if any(len(part) < 2 for part in parts):
            raise CallerError(f"found the series {text!r}; expected key=value,key=value")
        chosen.append(dict(parts))
    return chosen or None


@click.command(epilog="Example: loopcast forecast interstate_traffic --json")
@use_case_argument
@version_option
@json_option
def forecast(use_case: str, version: str | None, as_json: bool) -> None:
    """Print the forecast of a version, with its interval."""
    project = open_use_case(use_case)
    outputs = project.store.outputs
    made = [version] if version else outputs.partitions(FORECASTS)[-1:]
    manifest = outputs.manifest(FORECASTS, made[0]) if made else None
    if manifest is None:
        raise NotFoundError(
            f"found no forecast of {version or 'any version'} of {use_case}; "
            "materialize it in the UI, or send an update with `loopcast update`"
        )
    title = f"{use_case} after {manifest.partition}, zoo {manifest.pins['zoo']}, digest {manifest.digest[:12]}"
    table = to_clock(outputs.read(FORECASTS, manifest.partition), TIMES, zone=project.store.spec.time_zone)
    print_frame(table, as_json=as_json, title=title)


@click.command(epilog="Example: loopcast verify interstate_traffic")
@use_case_argument
@json_option
def verify(use_case: str, as_json: bool) -> None:
    """Re-hash everything that is stored and check the chain of versions; exit status 1 names the damaged files."""
    from loopcast.store.verify import verify as verify_store

    report = verify_store(open_use_case(use_case).store)
    damages = [{"file": damage.file, "problem": damage.problem} for damage in report.damages]
    if as_json:
        print_record({"checked": report.checked, "damages": damages}, as_json=True)
    else:
        click.echo(f"{report.checked} files checked, {len(damages)} damaged")
        if damages:
            print_rows(damages, as_json=False)
    sys.exit(1 if damages else 0)
