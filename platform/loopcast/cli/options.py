"""Options and arguments that several commands share."""

from datetime import datetime, timedelta
from typing import Any

import click

from loopcast.store.version_records import is_version

use_case_argument = click.argument("use_case")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
version_option = click.option(
    "--version", "version", default=None, help="Version key, for instance v00000017; default: the newest."
)


class Moment(click.ParamType[datetime]):
    """A time on the use case's own clock, or with an offset; as an end, a date means the whole day."""

    name = "time"

    def __init__(self, *, is_end: bool = False) -> None:
        """Keep whether it ends a range."""
        self._is_end = is_end

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the time; naive where no offset is given."""
        text = str(value).strip()
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"found {text!r}; expected a time such as 2026-03-01 or 2026-03-01 14:00", param, ctx)
        is_day = self._is_end and len(text) == len("2026-03-01")
        return moment + timedelta(days=1) - timedelta.resolution if is_day else moment


class VersionOrMoment(click.ParamType[str | datetime]):
    """A version, or a time as `Moment` takes it."""

    name = "version or time"

    def __init__(self, *, is_end: bool = False) -> None:
        """Keep whether it ends a range."""
        self._moment = Moment(is_end=is_end)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | datetime:
        """Return the version as text, or the time."""
        text = str(value).strip()
        return text if is_version(text) else self._moment.convert(text, param, ctx)
