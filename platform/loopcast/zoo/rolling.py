"""Rolling-origin forecasts of all members over the windows before a panel's end: the zoo's only evidence.

The production protocol replayed: every member is fitted once, at the first origin, then predicts and is updated from
window to window; what it has learned after the last one goes into production. Measures, tables and gates do not belong
here, see `loopcast.experimentation`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import joblib
import numpy as np

from loopcast.dataops.frequency import is_sub_daily, seasonal_periods, steps_per_day
from loopcast.errors import DataError, ModelError
from loopcast.zoo.arrays import FloatArray, IntArray, take_positions
from loopcast.zoo.ask import ask_member
from loopcast.zoo.corrections.base import FittedCorrection, Made
from loopcast.zoo.corrections.registry import all_corrections
from loopcast.zoo.members.base import FittedMember, Situation, is_far
from loopcast.zoo.members.registry import make_member
from loopcast.zoo.panel import Panel, find_predictor_ends
from loopcast.zoo.regime import MemberChoice, choose_members, find_regime
from loopcast.zoo.spec import ZooSpec
from loopcast.zoo.weights import WeightState, combine, start_weights

SERIES_AT_ONCE = 2_000
CELLS_AT_ONCE = 8_000_000
FEWEST_WINDOWS = 4
SEASON_WEEKS = (-3, -2, -1, 0, 1, 2, 3)  # around the same day of former years
Report = Callable[[str], None]
T = TypeVar("T")


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
    """Forecasts of M members for S series of one situation at W origins, and what was learned on the way.

    Args:
        panel: the S series.
        series: their numbers in the whole panel, shape (S,).
        situation: what is forecast.
        ends: position of each series' last origin, up to which members have learned, shape (S,).
        origins: shape (S, W), oldest first; negative before the panel's start.
        members: names of those that did not fail.
        fitted: the same members after the last window.
        forecasts: shape (S, W, steps, M).
        targets: shape (S, W, steps), NaN = missing or outside of the horizon.
        weights: of the combination, after the last window.
        combined: the combination's forecasts, each weighted and corrected by what was known at its origin, shape
            (S, W, steps). The first windows, for which nothing was known, are NaN where they are less than half.
        corrections: what is added to the combination, in this order.
        choices: which members take part, and why.
        failures: those that failed.
    """

    panel: Panel
    series: IntArray
    situation: Situation
    ends: IntArray
    origins: IntArray
    members: tuple[str, ...]
    fitted: tuple[FittedMember, ...]
    forecasts: FloatArray
    targets: FloatArray
    weights: WeightState
    combined: FloatArray
    corrections: tuple[FittedCorrection, ...]
    choices: tuple[MemberChoice, ...]
    failures: tuple[Failure, ...]


def training_panel(panel: Panel, spec: ZooSpec) -> Panel:
    """Return the panel with targets and predictors older than the training length left out."""
    if spec.training_length is None:
        return panel
    return panel.since(max(0, int(panel.last.max()) + 1 - spec.training_length))


def find_situations(panel: Panel, spec: ZooSpec) -> list[tuple[Situation, IntArray, IntArray]]:
    """Return each situation at the panel's end with the numbers of its series and the positions of their origins.

    Series that end at the same local time of day share a situation; of a large panel, each so many. With
    `origin_time`, the origin is the newest one at that time of day whose period has passed.

    Raises:
        DataError: no series has a target value.
    """
    ends = panel.last
    if (ends < 0).all():
        raise DataError(f"found no value of {panel.spec.target}; expected at least one")
    per_day = steps_per_day(panel.spec.frequency)
    if spec.origin_time is not None and is_sub_daily(panel.spec.frequency):
        minutes = panel.time_of_day(ends) - spec.origin_time
        ends = np.where(ends >= 0, ends - minutes % 1440 * per_day // 1440, -1)
    times = np.where(ends >= 0, panel.time_of_day(ends), -1)
    periods = spec.periods or seasonal_periods(panel.spec.frequency)
    found = []
    for time in sorted({int(value) for value in times if value >= 0}):
        everyone = np.flatnonzero(times == time).astype(np.int64)
        steps = max(1, spec.horizon.count_steps(panel.local[int(ends[everyone].max())], panel.spec.frequency))
        stride = per_day if spec.calendar else find_stride(periods, steps)
        shape = find_predictor_ends(panel, steps)
        situation = Situation(steps, time, stride, spec.holidays, periods, spec.calendar, shape)
        n_parts = -(-len(everyone) // SERIES_AT_ONCE)
        found += [(situation, series, ends[series]) for series in np.array_split(everyone, n_parts)]
    return found


def find_stride(periods: tuple[int, ...], steps: int) -> int:
    """Return the steps between two origins where there is no calendar: the shortest period that the horizon holds.

    Examples:
        >>> find_stride((24, 168), 48), find_stride((24,), 10), find_stride((1,), 6)
        (24, 5, 3)
    """
    return periods[0] if 1 < periods[0] <= steps else max(1, steps // 2)


def plan_origins(ends: IntArray, situation: Situation, n_windows: int) -> IntArray:
    """Return the backtest origins, shape (S, W): over at most half of the longest history, oldest first.

    Where the history holds fewer than two such origins they are one step apart instead, so that a short series is
    judged as well; W is 0 for a single value. A large panel has fewer windows.

    Examples:
        >>> plan_origins(np.array([99]), Situation(24, 0, 24), 28).tolist()
        [[51, 75]]
        >>> plan_origins(np.array([4]), Situation(24, 0, 24), 28).tolist()
        [[2, 3]]
    """
    if is_far(situation):
        back = far_windows(int(ends.max()) + 1, situation, n_windows)
        if len(back):
            return np.asarray(ends[:, None] - back)
    half = (int(ends.max()) + 1) // 2
    stride = situation.stride if half >= 2 * situation.stride else 1
    most = max(FEWEST_WINDOWS, CELLS_AT_ONCE // (len(ends) * situation.steps))
    count = min(n_windows, half // stride, most)
    back = np.arange(count, 0, -1, dtype=np.int64) * stride
    return np.asarray(ends[:, None] - back)


def far_windows(length: int, situation: Situation, n_windows: int) -> IntArray:
    """Return how far back the backtest origins lie where the horizon is long: at the same season of former years.

    The size of errors at that season is what is asked for, and the newest windows could hardly tell it: they overlap,
    and know but one month. Every origin has two years before it and lies a whole horizon before the end.

    Args:
        length: steps of the longest history.
        situation: gives horizon and day.
        n_windows: at most so many.

    Returns:
        Steps before the end, falling; none where the history is too short.

    Examples:
        >>> (far_windows(24 * 2000, Situation(744, 0, 24, periods=(24, 168)), 14) // 24).tolist()
        [749, 742, 735, 728, 721, 714, 707, 385, 378, 371, 364, 357, 350, 343]
    """
    week, year = 7 * situation.stride, 364 * situation.stride
    years = min((length - 2 * year) // year, max(1, n_windows // len(SEASON_WEEKS)))
    back = np.array([k * year - week * shift for k in range(years, 0, -1) for shift in SEASON_WEEKS], dtype=np.int64)
    return back[(back >= situation.steps) & (back <= length - 2 * year)]


def roll(panel: Panel, spec: ZooSpec, *, report: Report | None = None) -> tuple[Rolling, ...]:
    """Return the rolling-origin forecasts of every situation at the panel's end.

    Situations are independent of each other: `joblib.parallel_config` decides where they are worked on.

    Args:
        panel: everything known.
        spec: horizon, members, windows.
        report: is told, in words, how far the work is.

    Raises:
        DataError: no target value at all.
        ModelError: every member failed.
    """
    panel = training_panel(panel, spec)
    told = report if joblib.effective_n_jobs(None) == 1 else None  # another process cannot tell
    return tuple(
        joblib.Parallel()(
            joblib.delayed(roll_situation)(panel.select(series), spec, situation, ends, series, report=told)
            for situation, series, ends in find_situations(panel, spec)
        )
    )


def roll_situation(
    panel: Panel, spec: ZooSpec, situation: Situation, ends: IntArray, series: IntArray, *, report: Report | None = None
) -> Rolling:
    """Return the rolling-origin forecasts of one situation's series."""
    origins = plan_origins(ends, situation, spec.n_windows)
    padded = panel.cut(ends, ahead=situation.steps)
    positions = origins[:, :, None] + np.arange(1, situation.steps + 1)
    targets = np.where(origins[:, :, None] >= 0, take_positions(padded.measured(panel.spec.target), positions), np.nan)
    choices = choose_members(spec, find_regime(padded, situation, ends))
    crew = Crew(choices, seed=spec.seed)
    for window in range(origins.shape[1] + 1):
        here = origins[:, window] if window < origins.shape[1] else ends
        since = origins[:, window - 1] if window else here
        view = padded.cut(here, ahead=situation.steps)
        crew.learn(view, situation, here, since=since)
        if window < origins.shape[1]:
            crew.predict(view, here)
        if report is not None and (window % 7 == 0 or window == origins.shape[1]):
            report(f"{len(ends)} series: window {window} of {origins.shape[1]}, {len(crew.fitted)} members")
    names = crew.check_any()
    forecasts = crew.forecasts(len(ends), situation.steps)
    prior = np.array([crew.priors[name] for name in names])
    delay = known_delay(origins, situation)
    base, weights = combine_online(forecasts, targets, prior, delay=delay)
    combined, corrections = correct(
        Made(padded, origins, names, forecasts, base), targets, situation, delay=delay, seed=spec.seed
    )
    if 2 * delay < origins.shape[1]:
        combined[:, :delay] = np.nan
    return Rolling(
        panel, series, situation, ends, origins, names, tuple(crew.fitted.values()), forecasts, targets, weights,
        combined, corrections, choices, tuple(crew.failures),
    )  # fmt: skip


class Crew:
    """The members on their way through the windows; one that fails is left out from then on."""

    def __init__(self, choices: tuple[MemberChoice, ...], *, seed: int) -> None:
        """Make the members that take part."""
        taken = [(make_member(choice.spec, seed=seed), choice.prior) for choice in choices if choice.taken]
        self.members = {member.name: member for member, _ in taken}
        self.priors = {member.name: prior for member, prior in taken}
        self.fitted: dict[str, FittedMember] = {}
        self.made: dict[str, list[FloatArray]] = {name: [] for name in self.members}
        self.failures: list[Failure] = []

    def learn(self, view: Panel, situation: Situation, ends: IntArray, *, since: IntArray) -> None:
        """Fit every member, or update it where it is fitted already."""

        def one(name: str) -> FittedMember:
            if name in self.fitted:
                return self.fitted[name].update(view, ends, since=since)
            return self.members[name].fit(view, situation, ends)

        for name, fitted in list(self._try(one, view, ends)):
            self.fitted[name] = fitted

    def predict(self, view: Panel, ends: IntArray) -> None:
        """Keep what every member forecasts."""
        for name, made in list(self._try(lambda name: ask_member(self.fitted[name], view, ends[:, None]), view, ends)):
            self.made[name].append(made)

    def _try(self, work: Callable[[str], T], view: Panel, ends: IntArray) -> Iterator[tuple[str, T]]:
        for name in list(self.members):
            try:
                yield name, work(name)
            except Exception as error:
                cutoff = view.local[int(ends.max())].isoformat()
                self.failures.append(Failure(name, cutoff, f"{type(error).__name__}: {error}"))
                del self.members[name]
                self.fitted.pop(name, None)

    def forecasts(self, n_series: int, steps: int) -> FloatArray:
        """Return the forecasts of the members that did not fail, shape (S, W, steps, M)."""
        empty = np.empty((n_series, 0, steps))
        return np.stack([np.concatenate([empty, *self.made[name]], axis=1) for name in self.fitted], axis=3)

    def check_any(self) -> tuple[str, ...]:
        """Return the names of the members that are left.

        Raises:
            ModelError: none is; with the first reasons.
        """
        if not self.fitted:
            reasons = "; ".join(f"{failure.member}: {failure.error}" for failure in self.failures[:5])
            raise ModelError(f"found no member that could be fitted; expected one at least ({reasons})")
        return tuple(self.fitted)


def known_delay(origins: IntArray, situation: Situation) -> int:
    """Return after how many windows all targets of a window are known."""
    if origins.shape[1] < 2:
        return 1
    between = int((origins[:, 1] - origins[:, 0]).max())
    return max(1, -(-situation.steps // between))


def combine_online(
    forecasts: FloatArray, targets: FloatArray, prior: FloatArray, *, delay: int
) -> tuple[FloatArray, WeightState]:
    """Return the combination, each window weighted by what was known at its origin, and the weights after all of them.

    Args:
        forecasts: shape (S, W, H, M).
        targets: shape (S, W, H), NaN = unknown.
        prior: weights before anything is known, shape (M,).
        delay: windows after which a window's targets are known, at least 1.
    """
    state = start_weights(len(forecasts), forecasts.shape[2], prior)
    base = np.full(targets.shape, np.nan)
    n_windows = forecasts.shape[1]
    for window in range(n_windows + delay):
        if window >= delay:
            state = state.learn(forecasts[:, window - delay], targets[:, window - delay])
        if window < n_windows:
            now = slice(window, window + 1)
            base[:, now] = combine(forecasts[:, now], state.weights[:, None])
    return base, state


def correct(
    made: Made, targets: FloatArray, situation: Situation, *, delay: int, seed: int
) -> tuple[FloatArray, tuple[FittedCorrection, ...]]:
    """Return the combination after all corrections, out of sample, and the corrections that could be fitted."""
    base, fitted = made.base.copy(), []
    for correction in all_corrections():
        so_far = Made(made.panel, made.origins, made.members, made.forecasts, base)
        found = correction.fit(so_far, targets, situation, delay=delay, seed=seed)
        if found is not None:
            fitted.append(found[0])
            base = base + found[1]
    return base, tuple(fitted)
