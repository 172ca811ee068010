"""The command that shows data as jobs see them: slice.

What jobs see is decided in `loopcast.loop.slices`.
"""

from datetime import datetime

import click

from loopcast.cli.options import json_option, use_case_argument, version_option
from loopcast.cli.output import print_frame
from loopcast.cli.read import open_use_case
from loopcast.loop.history import newest_version
from loopcast.loop.slices import Job, read_features, read_slice


@click.command(name="slice", epilog="Example: loopcast slice interstate_traffic --job build --rows 48")
@use_case_argument
@version_option
@click.option(
    "--job", type=click.Choice(["predict", "build"]), default="predict", show_default=True, help="As which job sees it."
)
@click.option(
    "--origin", type=click.DateTime(), default=None, help="Last target known, local time; default: the newest."
)
@click.option("--features", is_flag=True, help="Instead, the features of the linear members at that origin.")
@click.option(
    "--rows", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many rows, the last ones."
)
@json_option
def slice_version(
    *,
    use_case: str,
    version: str | None,
    job: Job,
    origin: datetime | None,
    features: bool,
    rows: int,
    as_json: bool,
) -> None:
    """Print a version exactly as a job sees it, with what was imputed.

    A forecast sees the minimal history of its zoo, a build all of it, both after the use case's preprocessing.
    """
    project = open_use_case(use_case)
    chosen = version or newest_version(project)
    if features:
        print_frame(read_features(project, chosen, [origin] if origin else None).tail(rows), as_json=as_json)
        return
    seen = read_slice(project, chosen, for_job=job, origin=origin)
    frame, reader = seen.frame, {"predict": "forecast"}.get(job, job)
    if not as_json:
        click.echo(f"{use_case} {chosen} as a {reader} sees it: {len(frame)} rows, {seen.rows_read} read")
        flags = [str(name) for name in frame if str(name).endswith("_was_imputed")]
        frame = frame.drop(columns=[name for name in flags if not frame[name].any()])
    print_frame(frame.tail(rows), as_json=as_json)
