"""The smoothing member: level, two nested seasonal patterns and an autocorrelated error, smoothed exponentially.

The filter is `loopcast.zoo.learning.smoothing_filter`; how members are combined does not belong here.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from loopcast.dataops.frequency import count_periods
from loopcast.errors import ModelError
from loopcast.zoo.arrays import BoolArray, FloatArray, IntArray, as_floats, first_present, from_floats, take_positions
from loopcast.zoo.learning.log_scale import LogScale, learn_log_scale
from loopcast.zoo.learning.smoothing_filter import Place, Smoothed, blank, fit_smoothing, smooth
from loopcast.zoo.members.autoregression import season_pair
from loopcast.zoo.members.base import Contributions, FittedMember, Json, Member, Offset, Situation, Term
from loopcast.zoo.panel import Panel

SERIES_AT_ONCE = 200
LONGEST_FIT = 16  # longest periods: what is older has no weight left
SHORTEST_FIT = 500  # steps
SEASONS_NEEDED = 1.5
GROWTH = 3


class Smoothing(Member):
    """Double seasonal exponential smoothing; no `parameters`: constants are chosen from a small grid per series."""

    kind = "smoothing"

    def fit(self, panel: Panel, situation: Situation, ends: IntArray) -> "FittedSmoothing":
        """Return the state of all series."""
        first = first_present(panel.y)
        lengths = (ends + 1 - first)[ends >= first]
        if not len(lengths):
            raise ModelError(f"found no value of {panel.spec.target}; smoothing needs one")
        length = float(np.median(lengths))
        short, long = (p if length >= SEASONS_NEEDED * p else 1 for p in season_pair(situation.periods))
        empty = FittedSmoothing(
            name=self.name,
            periods=(short, long),
            steps=situation.steps,
            target=panel.spec.target,
            anchor=panel.local[0].isoformat(),
            scaling=learn_log_scale(np.zeros((len(ends), 0))),
            state=blank(len(ends), (short, long)),
            until=np.full(len(ends), -1, dtype=np.int64),
            start=np.zeros(len(ends), dtype=np.int64),
        )
        return empty.refit(panel, ends, np.arange(len(ends)))


class FittedSmoothing(FittedMember):
    """See `Smoothing`. `until` and `start`, shape (S,): step after the anchor learned last; targets at the last fit."""

    kind = "smoothing"

    def __init__(
        self,
        *,
        name: str,
        periods: tuple[int, int],
        steps: int,
        target: str,
        anchor: str,
        scaling: LogScale,
        state: Smoothed,
        until: IntArray,
        start: IntArray,
    ) -> None:
        """Keep constants and state."""
        self.name, self.periods, self.steps, self.target, self.anchor = name, periods, steps, target, anchor
        self.scaling, self.state, self.until, self.start = scaling, state, until, start

    def refit(self, panel: Panel, ends: IntArray, series: IntArray) -> "FittedSmoothing":
        """Return the member with scale, constants and state of some series from everything the panel has of them."""
        scaling, state, until, start = self.scaling, self.state, self.until.copy(), self.start.copy()
        shift = self._shift(panel)
        for at in range(0, len(series), SERIES_AT_ONCE):
            some = series[at : at + SERIES_AT_ONCE]
            stop = ends[some]
            values = panel.select(some).measured(self.target)
            known = np.where(np.arange(values.shape[1]) <= stop[:, None], values, np.nan)
            found = learn_log_scale(known)
            length = max(SHORTEST_FIT, LONGEST_FIT * max(self.periods))
            first = max(0, int(stop.min()) + 1 - length)
            z = found.to_z(known[:, first : int(stop.max()) + 1])
            steps = np.arange(z.shape[1]) + first + shift
            phase = np.stack([steps % period for period in self.periods])
            scaling = scaling.put(some, found)
            state = state.put(some, fit_smoothing(z, self.periods, phase))
            until[some], start[some] = stop + shift, np.isfinite(known).sum(axis=1)
        return self._with(scaling, state, until, start)

    def update(self, panel: Panel, ends: IntArray, *, since: IntArray) -> "FittedSmoothing":
        """Return the member after the new values; a series three times as long as when it was fitted is refitted."""
        moved = np.flatnonzero(ends > since)
        if not len(moved):
            return self
        new = ends[moved] - since[moved]
        positions = ends[moved, None] + np.arange(1 - int(new.max()), 1)
        values = take_positions(panel.select(moved).measured(self.target), positions)
        z = np.where(positions > since[moved, None], self.scaling.select(moved).to_z(values), np.nan)
        places = self._places(positions + self._shift(panel))
        last = np.full(len(moved), len(places) - 1, dtype=np.int64)
        after, _ = smooth(self.state.select(moved), z.T, places, first=last + 1 - new, last=last)
        until = self.until.copy()
        until[moved] = ends[moved] + self._shift(panel)
        made = self._with(self.scaling, self.state.put(moved, after), until, self.start)
        count = (np.isfinite(panel.y) & (np.arange(panel.y.shape[1]) <= ends[:, None])).sum(axis=1)
        grown = np.flatnonzero((ends > since) & (count >= GROWTH * self.start))
        return made.refit(panel, ends, grown) if len(grown) else made

    def _shift(self, panel: Panel) -> int:
        """Return the steps from the anchor to the panel's start."""
        return count_periods(pd.Timestamp(self.anchor), panel.local[0], panel.spec.frequency)

    def _places(self, steps: IntArray) -> list[tuple[Place, Place]]:
        """Return the phases of each time as `smooth` wants them; `steps` after the anchor, shape (R, T)."""
        short, long = (steps % period for period in self.periods)
        if (steps[0] == steps).all():
            return list(zip(short[0], long[0], strict=True))
        rows = np.arange(len(steps))
        return [((a, rows), (b, rows)) for a, b in zip(short.T, long.T, strict=True)]

    def _with(self, scaling: LogScale, state: Smoothed, until: IntArray, start: IntArray) -> "FittedSmoothing":
        return FittedSmoothing(
            name=self.name, periods=self.periods, steps=self.steps, target=self.target, anchor=self.anchor,
            scaling=scaling, state=state, until=until, start=start,
        )  # fmt: skip

    def predict(self, panel: Panel, origins: IntArray) -> FloatArray:
        """Return level, seasonal effects and the fading error."""
        addends, scaling, known = self._addends(panel, origins)
        made = scaling.to_y(addends.sum(axis=2))
        return np.where(known[:, None], made, np.nan).reshape(*origins.shape, self.steps)

    def contributions(self, panel: Panel, origins: IntArray) -> Contributions:
        """Return the parts of the state."""
        addends, scaling, known = self._addends(panel, origins)
        split = np.where(known[:, None, None], scaling.split(addends), np.nan)
        short, long = self.periods
        parts = [
            (Term("level", self.target), True),
            (Term(f"season_{short}", ""), short > 1),
            (Term(f"season_{long}", ""), long > 1),
            (Term(f"{self.target}[0]", self.target), True),
            (Term("constant", ""), True),
        ]
        kept = tuple(term for term, is_there in parts if is_there)
        made = split[..., [is_there for _, is_there in parts]]
        return Contributions(kept, made.reshape(*origins.shape, self.steps, -1))

    def _addends(self, panel: Panel, origins: IntArray) -> tuple[FloatArray, LogScale, BoolArray]:
        """Return level, effects and error of each step on the scale, shape (R, H, 4), and whether there is a value."""
        rows = np.repeat(np.arange(len(origins)), origins.shape[1])
        flat, shift, window = origins.reshape(-1), self._shift(panel), self._window()
        back = np.arange(1 - window, 1)
        scaling = self.scaling.select(rows)
        y = take_positions(panel.measured(self.target), origins[:, :, None] + back).reshape(len(rows), -1)
        z = scaling.to_z(y)
        state = self._state_at(z, flat + shift, rows)
        ahead = flat[:, None] + np.arange(1, self.steps + 1) + shift
        short, long = (ahead % period for period in self.periods)
        number = np.arange(len(rows))[:, None]
        faded = state.constants[3][:, None] ** np.arange(1, self.steps + 1) * state.error[:, None]
        level = np.broadcast_to(state.level[:, None], faded.shape)
        parts = [level, state.short[short, number], state.long[long, number], faded]
        known = (self.start[rows] > 0) | np.isfinite(y).any(axis=1)
        return np.stack(parts, axis=2), scaling, known & (flat >= 0)

    def _window(self) -> int:
        """Return how many values before an origin are looked at where it is not the one learned last."""
        return max(2, *self.periods)

    def _state_at(self, z: FloatArray, steps: IntArray, rows: IntArray) -> Smoothed:
        """Return the state at origins: gone on from what was learned, or level and error anew for an earlier one.

        Args:
            z: values before each origin, shape (R, window).
            steps: origins, in steps after the anchor, shape (R,).
            rows: their series.
        """
        state, window = self.state.select(rows), z.shape[1]
        if (steps == self.until[rows]).all():
            return state
        times = steps[:, None] + np.arange(1 - window, 1)
        number = np.arange(len(rows))[:, None]
        new = np.where(times > self.until[rows, None], z, np.nan)
        first, last = (times <= self.until[rows, None]).sum(axis=1), np.full(len(rows), window - 1, dtype=np.int64)
        later, _ = smooth(state, new.T, self._places(times), first=first, last=last)
        rest = z - state.short[times % self.periods[0], number]
        rest -= state.long[times % self.periods[1], number]
        count = np.isfinite(rest).sum(axis=1)
        level = np.where(count > 0, np.nansum(rest, axis=1) / np.maximum(count, 1), state.level)
        error = np.where(np.isfinite(rest[:, -1]), rest[:, -1] - level, 0.0)
        earlier = steps < self.until[rows]
        return Smoothed(
            level=np.where(earlier, level, later.level),
            short=np.where(earlier, state.short, later.short),
            long=np.where(earlier, state.long, later.long),
            error=np.where(earlier, error, later.error),
            constants=state.constants,
        )

    def offsets(self) -> tuple[Offset, ...]:
        """Return the values it goes on from where it has not learned up to the origin."""
        return (Offset(self.target, 1 - self._window(), 0),)

    def importances(self) -> Mapping[str, float]:
        """Return the shares of the seasonal effects, which are the calendar's, and of level and error."""
        own = float(np.abs(self.state.level).sum() + np.abs(self.state.error).sum()) + 1e-12
        calendar = float(np.abs(self.state.short).mean(axis=0).sum() + np.abs(self.state.long).mean(axis=0).sum())
        return {self.target: 100.0 * own / (own + calendar), "": 100.0 * calendar / (own + calendar)}

    def to_document(self) -> Json:
        """Return constants and state."""
        return {
            "name": self.name,
            "periods": list(self.periods),
            "steps": self.steps,
            "target": self.target,
            "anchor": self.anchor,
            "scaling": self.scaling.to_document(),
            "state": self.state.to_document(),
            "until": as_floats(self.until.astype(np.float64)),
            "start": as_floats(self.start.astype(np.float64)),
        }

    @classmethod
    def from_document(cls, document: Json) -> "FittedSmoothing":
        """Return the member that `to_document` wrote."""
        return cls(
            name=document["name"],
            periods=(document["periods"][0], document["periods"][1]),
            steps=document["steps"],
            target=document["target"],
            anchor=document["anchor"],
            scaling=LogScale.from_document(document["scaling"]),
            state=Smoothed.from_document(document["state"]),
            until=from_floats(document["until"]).astype(np.int64),
            start=from_floats(document["start"]).astype(np.int64),
        )
