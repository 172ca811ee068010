"""Commands on zoos: show what one is made of, take it out as a file, bring one in.

What is shown is found in `loopcast.loop.zoos.sheet`, files are written and judged by `loopcast.loop.zoos.zoo_files`.
"""

import sys
from datetime import UTC, datetime
from getpass import getuser
from pathlib import Path

import click

from loopcast.cli.files import create_file, force_option
from loopcast.cli.options import json_option, use_case_argument
from loopcast.cli.output import print_frame, print_record
from loopcast.cli.read import open_use_case
from loopcast.cli.write import take_turns
from loopcast.errors import CallerError
from loopcast.loop.zoos.sheet import describe_zoo
from loopcast.loop.zoos.verdicts import find_verdict
from loopcast.loop.zoos.zoo_files import export_zoo, import_zoo
from loopcast.orchestration.instance import add_keys, find_home, open_instance
from loopcast.orchestration.names import Names
from loopcast.orchestration.runs import Runner

zoo_argument = click.argument("zoo", required=False)


@click.group(epilog="Example: loopcast zoo show interstate_traffic z0002")
def zoo() -> None:
    """The models: show, export, import; roll back, promote, pin, unpin, history."""


@zoo.command(epilog="Example: loopcast zoo show interstate_traffic z0002 --ahead 24")
@use_case_argument
@zoo_argument
@click.option("--ahead", type=click.IntRange(min=1), default=1, show_default=True, help="Whose terms.")
@click.option("--terms", type=click.IntRange(min=1), default=15, show_default=True, help="At most so many terms.")
@json_option
def show(*, use_case: str, zoo: str | None, ahead: int, terms: int, as_json: bool) -> None:
    """Print a zoo as it is now: promise, members and why they take part, models, terms, importances, offsets.

    ZOO is a key such as z0002; default: the newest in force. Terms are those of the first series.
    """
    told = describe_zoo(open_use_case(use_case), zoo, ahead=ahead, most_terms=terms)
    if as_json:
        tables = {name: table.to_dict("records") for name, table in told.tables.items()}
        print_record({**told.facts, **tables}, as_json=True)
        return
    print_record(told.facts, as_json=False)
    for title, table in told.tables.items():
        print_frame(table, as_json=False, title=title.replace("_", " "))


@zoo.command(epilog="Example: loopcast zoo export interstate_traffic z0002 --to traffic.json")
@use_case_argument
@zoo_argument
@click.option("--to", "output", type=click.Path(path_type=Path), required=True, help="The JSON file.")
@force_option
def export(*, use_case: str, zoo: str | None, output: Path, force: bool) -> None:
    """Write a zoo, with all it has learned until now, to a JSON file, and its arrays to the .npz beside it."""
    if output.suffix != ".json":
        raise CallerError(f"found the name {output.name!r}; expected one in .json: the arrays go to a .npz beside it")
    content, arrays = export_zoo(open_use_case(use_case), zoo, actor=getuser(), now=datetime.now(UTC))
    parts = {output.with_suffix(".npz"): arrays, output: content} if arrays else {output: content}
    for path, part in parts.items():
        with create_file(path, force=force) as sink:
            sink.write(part)
        click.echo(f"{path}, {len(part)} bytes")


@zoo.command("import", epilog="Example: loopcast zoo import bridge_traffic traffic.json --map traffic_volume=vehicles")
@use_case_argument
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--map", "names", multiple=True, help="A variable of the file by its name here: OLD=NEW.")
@json_option
def import_(*, use_case: str, file: Path, names: tuple[str, ...], as_json: bool) -> None:
    """Bring in an exported zoo: a build judges it on the newest version, and it goes into force when better."""
    project, beside = open_use_case(use_case), file.with_suffix(".npz")
    request = import_zoo(
        project,
        file.read_bytes(),
        beside.read_bytes() if beside.is_file() else b"",
        names=_to_names(names),
        actor=getuser(),
        now=datetime.now(UTC),
    )
    with open_instance(find_home()) as instance:
        add_keys(instance, Names(project.name).builds, [request.build])  # a daemon's conditions wait for new keys
        failed = take_turns(Runner(project, instance))
    verdict = find_verdict(project, request.build)
    told = {
        "build": request.build,
        "version": request.version,
        "zoo": verdict.zoo if verdict else None,
        "reason": request.reason,
        "verdict": verdict.outcome if verdict else None,
        "verdict_reason": verdict.reason if verdict else None,
    }
    print_record(told, as_json=as_json)
    sys.exit(1 if request.build in failed else 0)


def _to_names(pairs: tuple[str, ...]) -> dict[str, str]:
    """Return the names that `--map` gives."""
    wrong = [pair for pair in pairs if pair.count("=") != 1 or pair.startswith("=") or pair.endswith("=")]
    if wrong:
        raise CallerError(f"found --map {wrong[0]!r}; expected OLD=NEW")
    return dict(pair.split("=") for pair in pairs)
