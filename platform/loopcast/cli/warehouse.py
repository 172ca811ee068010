"""Commands on the warehouse: make it anew, query it."""

import click

from loopcast.cli.options import json_option
from loopcast.cli.output import print_frame, print_rows
from loopcast.cli.read import open_use_case
from loopcast.errors import LoopcastError
from loopcast.orchestration.instance import find_home, open_instance
from loopcast.orchestration.runs import Runner
from loopcast.orchestration.settings import read_settings
from loopcast.store.warehouse_file import query_warehouse
from loopcast.use_case.loader import load_use_cases


@click.group(epilog='Example: loopcast warehouse query "SELECT * FROM interstate_traffic.latest_forecast"')
def warehouse() -> None:
    """The DuckDB file that people and BI tools query: rebuild, query."""


@warehouse.command(epilog="Example: loopcast warehouse rebuild interstate_traffic")
@click.argument("use_case", required=False)
@json_option
def rebuild(use_case: str | None, as_json: bool) -> None:
    """Make the tables anew from the lake, those of one use case or of all; whoever reads them is not disturbed."""
    settings, done = read_settings(), []
    names = [use_case] if use_case else list(load_use_cases(settings.use_cases))
    with open_instance(find_home()) as instance:
        for name in names:
            outcome = Runner(open_use_case(name), instance).deliver(fresh=True)
            if not outcome.success:
                raise LoopcastError(f"{name}: {outcome.explanation}")
            done.append({"use_case": name, "warehouse": str(settings.warehouse), "run": outcome.run_id})
    print_rows(done, as_json=as_json)


@warehouse.command(
    epilog='Example: loopcast warehouse query "SELECT version, mae FROM interstate_traffic.leaderboard WHERE rank = 1"'
)
@click.argument("sql")
@click.option("--rows", type=click.IntRange(min=1), default=1000, show_default=True, help="At most so many rows.")
@json_option
def query(sql: str, rows: int, as_json: bool) -> None:
    """Print the answer to a query; the file is opened read-only."""
    print_frame(query_warehouse(read_settings().warehouse, sql, limit=rows), as_json=as_json)
