"""The command that tells whether a version is fit to use: profile. It reads what the asset wrote."""

import click

from loopcast.cli.options import json_option, use_case_argument, version_option
from loopcast.cli.output import print_frame, print_record, to_records
from loopcast.cli.read import open_use_case
from loopcast.errors import NotFoundError
from loopcast.loop.pipeline import PIPELINES
from loopcast.loop.profile import CONTROLS, PROFILES

SHOWN = [
    "variable", "series", "n", "last", "ends_at", "minimum", "q50", "maximum", "missing_pct", "gaps", "longest_gap",
    "longest_run", "outliers", "drift_score", "note",
]  # fmt: skip


@click.command(epilog="Example: loopcast profile interstate_traffic --version v00000054")
@use_case_argument
@version_option
@json_option
def profile(use_case: str, version: str | None, as_json: bool) -> None:
    """Tell whether a version is fit to use: its variables, what is not as it used to be, how it came in."""
    outputs = open_use_case(use_case).store.outputs
    made = [version] if version else outputs.partitions(PROFILES)[-1:]
    if not made or outputs.manifest(PROFILES, made[0]) is None:
        raise NotFoundError(
            f"found no profile of {version or 'any version'} of {use_case}; "
            "materialize it in the UI, or send an update with `loopcast update`"
        )
    tables = {table: outputs.read(table, made[0]) for table in (PROFILES, CONTROLS, PIPELINES)}
    if as_json:
        told = {table: to_records(frame) for table, frame in tables.items()}
        print_record({"use_case": use_case, "version": made[0], **told}, as_json=True)
        return
    print_frame(tables[PROFILES][SHOWN], as_json=False, title=f"{use_case} {made[0]}")
    print_frame(tables[CONTROLS], as_json=False, title="Not as it used to be")
    print_frame(tables[PIPELINES], as_json=False, title="How it came in and went through")
