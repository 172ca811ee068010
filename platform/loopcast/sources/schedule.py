"""When a source is asked next: every so often while it answers, ever more rarely while it does not.

Pure: times and randomness come in, a new state comes out. Who keeps the state is not said here.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from loopcast.use_case.sources import Polled

SHORTEST, LONGEST = timedelta(minutes=1), timedelta(hours=1)
POLLS_PER_UPDATE = 24
FIRST_RETRY, LAST_RETRY = timedelta(seconds=30), timedelta(hours=1)
DOUBLINGS = 10  # beyond, only the cap counts


@dataclass(frozen=True)
class Health:
    """How a source has answered lately.

    Args:
        polled_at: when it was asked last; None: never.
        next_at: when it is asked next; None: now.
        failures: how often in a row it has failed.
        since: when it failed first.
        problem: what was wrong last, in words.
    """

    polled_at: datetime | None = None
    next_at: datetime | None = None
    failures: int = 0
    since: datetime | None = None
    problem: str | None = None

    def is_due(self, now: datetime) -> bool:
        """Return whether it is time to ask again."""
        return self.next_at is None or now >= self.next_at

    def is_alarming(self, source: Polled) -> bool:
        """Return whether it has failed so often that somebody must look."""
        return self.failures >= source.alert_after


def polling_interval(source: Polled, *, cadence: str) -> timedelta:
    """Return the time between two polls: as the source says, else a 24th of the cadence, a minute to an hour.

    Examples:
        >>> from loopcast.use_case.sources import FilesSource
        >>> polling_interval(FilesSource(kind="files", url="file:///data"), cadence="6h")
        datetime.timedelta(seconds=900)
    """
    if source.every is not None:
        return pd.Timedelta(source.every).to_pytimedelta()
    share: timedelta = pd.Timedelta(cadence).to_pytimedelta() / POLLS_PER_UPDATE
    return min(max(share, SHORTEST), LONGEST)


def after_success(now: datetime, *, interval: timedelta) -> Health:
    """Return the state of a source that has answered."""
    return Health(polled_at=now, next_at=now + interval)


def after_failure(
    health: Health, problem: str, *, now: datetime, rng: np.random.Generator, retry_after_s: float | None = None
) -> Health:
    """Return the state of a source that has failed: exponential backoff with jitter, at most an hour.

    Args:
        health: its state before.
        problem: what was wrong.
        now: the present time, aware.
        rng: spreads the retries of many, over the upper half of the wait.
        retry_after_s: how long it asks to be left alone, in seconds; at most an hour of it is granted.

    References:
        Brooker (2015), Exponential Backoff and Jitter, AWS Architecture Blog: "equal jitter".
    """
    wait = min(FIRST_RETRY * 2 ** min(health.failures, DOUBLINGS), LAST_RETRY) * rng.uniform(0.5, 1.0)
    asked = min(timedelta(seconds=retry_after_s or 0.0), LAST_RETRY)
    return Health(
        polled_at=now,
        next_at=now + max(wait, asked),
        failures=health.failures + 1,
        since=health.since or now,
        problem=problem,
    )


def dump_health(health: Mapping[str, Health]) -> str:
    """Return the states of sources as JSON."""
    return json.dumps({label: asdict(one) for label, one in health.items()}, default=datetime.isoformat)


def load_health(text: str | None) -> dict[str, Health]:
    """Return the states that `dump_health` wrote; what cannot be read counts as never asked."""
    try:
        found = json.loads(text or "{}")
        return {label: _read_health(one) for label, one in found.items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}


def _read_health(content: Mapping[str, Any]) -> Health:
    times = {
        name: content[name] and datetime.fromisoformat(content[name]) for name in ("polled_at", "next_at", "since")
    }
    return Health(**{**content, **times})
