"""The use case's own clock: what a person writes on it becomes stored time, and stored time is shown on it.

Stored times are naive, in UTC where the use case has a time zone. Nothing here reads the clock.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pandas as pd

from loopcast.dataops.table import TableSpec
from loopcast.errors import CallerError


def to_stored(moment: datetime, spec: TableSpec) -> datetime:
    """Return a time as it is stored; a naive one is on the use case's own clock.

    Raises:
        CallerError: it has an offset, and the use case has no time zone.

    Examples:
        >>> spec = TableSpec("t", "D", "y", (), time_zone="Europe/Oslo")
        >>> to_stored(datetime(2026, 6, 11), spec).isoformat()
        '2026-06-10T22:00:00'
    """
    if spec.time_zone is None:
        if moment.tzinfo is not None:
            raise CallerError(f"found {moment.isoformat()}; the use case has no time zone: give a time without offset")
        return moment
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=ZoneInfo(spec.time_zone))
    return aware.astimezone(UTC).replace(tzinfo=None)


def to_clock(frame: pd.DataFrame, names: Collection[str], *, zone: str | None) -> pd.DataFrame:
    """Return a frame with some stored times on a zone's clock, with their offset; without a zone as it is.

    Args:
        frame: any frame; those of the names that it lacks are left out.
        names: columns of stored times.
        zone: IANA name, `UTC` for what is stored with its offset said, or None.
    """
    there = [name for name in names if name in frame.columns]
    if zone is None:
        return frame
    return frame.assign(**{name: frame[name].dt.tz_localize("UTC").dt.tz_convert(zone) for name in there})
