"""The updates of the lifecycle benchmark: the demo's days from April 2017 on, and what is planted in them.

Here belongs what arrives. Not here: how it is delivered and what becomes of it (`bench_lifecycle`, `lifecycle_report`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

START, TIME, TARGET = pd.Timestamp("2017-04-01"), "datetime", "traffic_volume"
DAY, WEEK = pd.Timedelta("1D"), pd.Timedelta("7D")
Change = Callable[[pd.DataFrame, "Plan"], pd.DataFrame]


@dataclass(frozen=True)
class Event:
    """Something planted.

    Args:
        name: what it is.
        by: what may notice it, see `lifecycle_report.list_notices`; the first that does counts.
        act: what is done to the platform at its first update: `kill`, `stop`, or nothing.
    """

    name: str
    by: tuple[str, ...] = ()
    act: str = ""


@dataclass(frozen=True)
class Delivery:
    """One update.

    Args:
        name: file name.
        content: CSV bytes.
        event: what is planted in it; None: an ordinary day.
    """

    name: str
    content: bytes
    event: Event | None = None


DRIFT = ("check profile in_control", "check accuracy_report", "decision worse_than_promised")
INVALID = Event("invalid version", ("refused",))
KILLED = Event("killed run", ("run failed",), act="kill")
STOPPED = Event("daemon stop", ("health",), act="stop")
DEAD = Event("dead predictor", DRIFT)
CORRECTED = Event("corrected week", ("corrected",))
MISSING = Event("missing week", ("overdue", "check dataset contract", "check profile in_control"))
HOLIDAY = Event("holiday regime", DRIFT)
LEVEL = Event("level shift", DRIFT)
VARIANCE = Event("variance change", DRIFT)


@dataclass
class Plan:
    """The days as they really were, and how far they have been delivered.

    Args:
        history: the demo's whole record.
        day: the next day to deliver.
        changes: what is planted in every day from now on.
    """

    history: pd.DataFrame
    day: pd.Timestamp = START
    changes: list[Change] = field(default_factory=list)

    def rows(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        """Return the record from a time up to before another."""
        times = self.history[TIME]
        return self.history[(times >= start) & (times < end)]

    def deliver(self, event: Event | None = None) -> Delivery:
        """Return the next day's update, with what is planted from now on."""
        rows = self.rows(self.day, self.day + DAY)
        for change in self.changes:
            rows = change(rows, self)
        made = Delivery(f"{self.day:%Y-%m-%d}.csv", to_csv(rows), event)
        self.day += DAY
        return made


def plan_deliveries(history: pd.DataFrame, *, quiet: int = 1) -> Iterator[Delivery]:
    """Yield the first upload and then one update per day with its events, each after some ordinary days.

    Args:
        history: the demo's record: `datetime`, `traffic_volume` and the predictors.
        quiet: how many times as many ordinary days; 0: none, for a quick look.
    """
    plan = Plan(history)
    yield Delivery("until-2017-04-01.csv", to_csv(plan.rows(pd.Timestamp.min, START)))
    yield from _days(plan, 8 * quiet)
    yield Delivery("broken.csv", b"datetime,traffic_volume\n2017-04-10 00:00:00,many\n2017-04-10 00:30:00,5\n", INVALID)
    yield from _days(plan, 2 * quiet)
    yield plan.deliver(KILLED)
    yield from _days(plan, 2 * quiet)
    yield from (plan.deliver(STOPPED) for _ in range(3))
    yield from _days(plan, 2 * quiet)
    yield from _spell(plan, DEAD, kill_predictor, days=6)
    yield from _days(plan, 2 * quiet)
    yield _correct(plan)
    yield from _days(plan, 2 * quiet)
    plan.day += WEEK
    yield plan.deliver(MISSING)
    yield from _days(plan, 3 * quiet)
    yield from _spell(plan, HOLIDAY, rest_like_sunday, days=6)
    yield from _days(plan, 9 * quiet)
    plan.changes.append(shift_level)
    yield from (plan.deliver(LEVEL) for _ in range(11))
    plan.changes.append(spread_out)
    yield from (plan.deliver(VARIANCE) for _ in range(9))


def kill_predictor(rows: pd.DataFrame, _: Plan) -> pd.DataFrame:
    """Return the rows with a thermometer that stands still."""
    return rows.assign(temp=285.0)


def rest_like_sunday(rows: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    """Return the rows with 70 percent of the last Sunday's traffic, hour by hour."""
    start = rows[TIME].min().normalize()
    sunday = start - (start.dayofweek + 1) % 7 * DAY
    values = plan.rows(sunday, sunday + DAY).set_index(plan.rows(sunday, sunday + DAY)[TIME].dt.hour)[TARGET]
    return rows.assign(**{TARGET: (0.7 * rows[TIME].dt.hour.map(values)).round()})


def shift_level(rows: pd.DataFrame, _: Plan) -> pd.DataFrame:
    """Return the rows with 30 percent more traffic."""
    return rows.assign(**{TARGET: (1.3 * rows[TARGET]).round()})


def spread_out(rows: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    """Return the rows with traffic that is 25 percent more or less than it was, at random from hour to hour."""
    rng = np.random.default_rng(plan.day.dayofyear)
    return rows.assign(**{TARGET: (rows[TARGET] * np.exp(rng.normal(0.0, 0.25, len(rows)))).round()})


def to_csv(rows: pd.DataFrame) -> bytes:
    """Return rows as a file."""
    return rows.to_csv(index=False).encode()


def _days(plan: Plan, days: int) -> Iterator[Delivery]:
    yield from (plan.deliver() for _ in range(days))


def _spell(plan: Plan, event: Event, change: Change, *, days: int) -> Iterator[Delivery]:
    """Yield the days of a change that passes."""
    plan.changes.append(change)
    yield from (plan.deliver(event) for _ in range(days))
    plan.changes.remove(change)


def _correct(plan: Plan) -> Delivery:
    """Return an ordinary day together with the actuals of the week before, 4 percent higher than they were told."""
    week = plan.rows(plan.day - WEEK, plan.day)
    corrected = week.assign(**{TARGET: (1.04 * week[TARGET]).round()})[[TIME, TARGET]]
    made = plan.deliver(CORRECTED)
    today = plan.rows(plan.day - DAY, plan.day)[[TIME, TARGET]]
    return replace(made, content=to_csv(pd.concat([corrected, today], ignore_index=True)))
