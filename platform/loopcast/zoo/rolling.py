"""Rolling-origin forecasts of all members over the windows before a panel's end: the zoo's only evidence.

Measures, tables and gates do not belong here, see `loopcast.experimentation`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from loopcast.dataops.frequency import is_sub_daily, steps_per_day
from loopcast.errors import DataError, ModelError
from loopcast.zoo.arrays import FloatArray, IntArray, take_positions
from loopcast.zoo.members.base import FittedMember, Member, Situation
from loopcast.zoo.members.registry import make_member
from loopcast.zoo.panel import Panel
from loopcast.zoo.spec import MemberSpec, ZooSpec, default_members


@dataclass(frozen=True)
class Failure:
    """A member that could not be fitted or applied, and is left out.

    Args:
        member: its name.
        cutoff: local time of the newest origin it was fitted for, ISO 8601.
        error: what was raised: type and message.
    """

    member: str
    cutoff: str
    error: str


@dataclass(frozen=True, eq=False)
class Rolling:
    """Forecasts of M members for S series of one situation at W origins.

    Args:
        panel: the S series.
        series: their numbers in the whole panel, shape (S,).
        situation: what is forecast.
        origins: shape (S, W), oldest first; negative before the panel's start.
        members: names of those that did not fail.
        forecasts: shape (S, W, steps, M).
        targets: shape (S, W, steps), NaN = missing or outside of the horizon.
        failures: those that failed.
    """

    panel: Panel
    series: IntArray
    situation: Situation
    origins: IntArray
    members: tuple[str, ...]
    forecasts: FloatArray
    targets: FloatArray
    failures: tuple[Failure, ...]


def resolve_members(spec: ZooSpec, frequency: str) -> tuple[MemberSpec, ...]:
    """Return the members asked for, or those that suit the frequency."""
    return spec.members or default_members(frequency)


def training_panel(panel: Panel, spec: ZooSpec) -> Panel:
    """Return the panel with targets and predictors older than the training length left out."""
    if spec.training_length is None:
        return panel
    return panel.since(max(0, int(panel.last.max()) + 1 - spec.training_length))


def find_situations(panel: Panel, spec: ZooSpec) -> list[tuple[Situation, IntArray, IntArray]]:
    """Return each situation at the panel's end with the numbers of its series and the positions of their origins.

    Series that end at the same local time of day share a situation. With `origin_time`, the origin is the newest one
    at that time of day whose period has passed.

    Raises:
        DataError: no series has a target value.
    """
    ends = panel.last
    if (ends < 0).all():
        raise DataError(f"found no value of {panel.spec.target}; expected at least one")
    stride = steps_per_day(panel.spec.frequency)
    if spec.origin_time is not None and is_sub_daily(panel.spec.frequency):
        minutes = panel.time_of_day(ends) - spec.origin_time
        ends = np.where(ends >= 0, ends - minutes % 1440 * stride // 1440, -1)
    times = np.where(ends >= 0, panel.time_of_day(ends), -1)
    found = []
    for time in sorted({int(value) for value in times if value >= 0}):
        series = np.flatnonzero(times == time).astype(np.int64)
        steps = spec.horizon.count_steps(panel.local[int(ends[series].max())], panel.spec.frequency)
        found.append((Situation(max(1, steps), time, stride, spec.holidays), series, ends[series]))
    return found


def plan_origins(ends: IntArray, situation: Situation, n_windows: int) -> IntArray:
    """Return the backtest origins, shape (S, W): over at most half of the longest history, oldest first.

    Where the history holds fewer than two such origins they are one step apart instead, so that a short series is
    judged as well; W is 0 for a single value.

    Examples:
        >>> plan_origins(np.array([99]), Situation(24, 0, 24), 28).tolist()
        [[51, 75]]
        >>> plan_origins(np.array([4]), Situation(24, 0, 24), 28).tolist()
        [[2, 3]]
    """
    half = (int(ends.max()) + 1) // 2
    stride = situation.stride if half >= 2 * situation.stride else 1
    count = min(n_windows, half // stride)
    back = np.arange(count, 0, -1, dtype=np.int64) * stride
    return np.asarray(ends[:, None] - back)


def roll(panel: Panel, spec: ZooSpec) -> tuple[Rolling, ...]:
    """Return the rolling-origin forecasts of every situation at the panel's end.

    Args:
        panel: everything known.
        spec: horizon, members, windows; a member is fitted anew every `refit` windows.

    Raises:
        DataError: no target value at all.
        ModelError: every member failed.
    """
    panel = training_panel(panel, spec)
    return tuple(
        roll_situation(panel.select(series), spec, situation, ends, series)
        for situation, series, ends in find_situations(panel, spec)
    )


def roll_situation(panel: Panel, spec: ZooSpec, situation: Situation, ends: IntArray, series: IntArray) -> Rolling:
    """Return the rolling-origin forecasts of one situation's series."""
    origins = plan_origins(ends, situation, spec.n_windows)
    padded = panel.cut(ends).extend(situation.steps)
    positions = origins[:, :, None] + np.arange(1, situation.steps + 1)
    targets = np.where(origins[:, :, None] >= 0, take_positions(padded.measured(panel.spec.target), positions), np.nan)
    made, failures = [], []
    for member_spec in resolve_members(spec, panel.spec.frequency):
        member = make_member(member_spec)
        try:
            parts = list(roll_member(member, padded, situation, origins, refit=spec.refit))
        except Exception as error:
            cutoff = padded.local[int(ends.max())].isoformat()
            failures.append(Failure(member.name, cutoff, f"{type(error).__name__}: {error}"))
            continue
        empty = np.empty((len(ends), 0, situation.steps))
        made.append((member.name, np.concatenate([empty, *parts], axis=1)))
    check_any(made, failures)
    forecasts = np.stack([forecast for _, forecast in made], axis=3)
    names = tuple(name for name, _ in made)
    return Rolling(panel, series, situation, origins, names, forecasts, targets, tuple(failures))


def roll_member(
    member: Member, panel: Panel, situation: Situation, origins: IntArray, *, refit: int
) -> Iterator[FloatArray]:
    """Yield one member's forecasts, shape (S, windows, steps), for each fit."""
    for start in range(0, origins.shape[1], refit):
        block = origins[:, start : start + refit]
        fitted = member.fit(panel.cut(block[:, 0]), situation, block[:, 0])
        # What was imputed may come from values after an earlier origin: then each origin gets its own view.
        width = 1 if panel.imputed else block.shape[1]
        for first in range(0, block.shape[1], width):
            part = block[:, first : first + width]
            yield fitted.predict(panel.cut(part[:, -1]), part)


def fit_members(
    panel: Panel, spec: ZooSpec, situation: Situation, ends: IntArray, names: tuple[str, ...]
) -> tuple[tuple[FittedMember, ...], tuple[Failure, ...]]:
    """Return the named members fitted on everything up to the ends, and those that failed.

    Raises:
        ModelError: every member failed.
    """
    known = panel.cut(ends)
    made, failures = [], []
    for member_spec in resolve_members(spec, panel.spec.frequency):
        member = make_member(member_spec)
        if member.name not in names:
            continue
        try:
            made.append((member.name, member.fit(known, situation, ends)))
        except Exception as error:
            cutoff = known.local[int(ends.max())].isoformat()
            failures.append(Failure(member.name, cutoff, f"{type(error).__name__}: {error}"))
    check_any(made, failures)
    return tuple(fitted for _, fitted in made), tuple(failures)


def check_any(made: list[tuple[str, FloatArray]] | list[tuple[str, FittedMember]], failures: list[Failure]) -> None:
    """Raise a ModelError with the first reasons where no member is left."""
    if not made:
        reasons = "; ".join(f"{failure.member}: {failure.error}" for failure in failures[:5])
        raise ModelError(f"found no member that could be fitted; expected one at least ({reasons})")
