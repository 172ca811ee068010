"""The calendar member: what the target usually is at that time of year, weekday and time of day, on its newest level.

For horizons so long that the last values tell little. Predictors that are not known ahead count by what they usually
are at that time. What looks at the values before an origin does not belong here.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from loopcast.errors import ModelError
from loopcast.zoo.arrays import BoolArray, FloatArray, IntArray, as_floats, from_floats, take_positions
from loopcast.zoo.calendar_columns import TERMS, YEAR_DAYS, Calendar
from loopcast.zoo.learning.responses import DEPTH_DAYS, Response, count_columns, find_response
from loopcast.zoo.members.base import Contributions, FittedMember, Json, Member, Offset, Situation, Term
from loopcast.zoo.panel import Panel

HALF_LIFE_YEARS = 2.0  # after which a value counts half
RIDGE_DAYS, TREND_RIDGE_DAYS, RESPONSE_RIDGE_DAYS = 0.125, 30.0, 0.5  # penalties, in days of data
RESPONSE_WAVES = 2  # harmonics of the time of day by which a response differs
FEWEST_DAYS = 14
MOST_PREDICTORS = 4
Responses = tuple[tuple[Response, ...], ...]  # of each series


@dataclass(frozen=True, eq=False)
class Sums:
    """What was learned of each series: sums over its values, older ones counting less.

    Args:
        gram: products of the calendar's columns, the trend and the responses' columns, shape (S, P, P).
        moment: products of these and the target, shape (S, P).
        usual: products of the calendar's columns with each other and the responses' columns, at every time with
            predictors, all counting the same, shape (S, K, K + R).
    """

    gram: FloatArray
    moment: FloatArray
    usual: FloatArray

    def forget(self, steps: IntArray, half_life: float) -> "Sums":
        """Return the sums some steps later, shape (S,)."""
        share = 0.5 ** (steps / half_life)
        return Sums(self.gram * share[:, None, None], self.moment * share[:, None], self.usual)

    def add(self, panel: Panel, calendar: Calendar, responses: Responses, since: IntArray, ends: IntArray) -> "Sums":
        """Return the sums with the values after `since` up to `ends`."""
        first, last = max(0, int(since.min()) + 1), int(ends.max()) + 1
        if first >= last:
            return self
        start = max(0, first - DEPTH_DAYS * calendar.per_day)
        position, target = np.arange(start, last), panel.measured(panel.spec.target)[:, start:last]
        columns = calendar.columns(panel.local[start:last])[0]
        trend = calendar.years(panel.local[start:last])[:, None]
        day = calendar.day_waves(panel.local[start:last])[:, : 2 * RESPONSE_WAVES]
        made = [arrays.copy() for arrays in (self.gram, self.moment, self.usual)]
        for series in range(len(ends)):
            values = [
                response.columns(panel.measured(response.predictor)[series, start:last], day, calendar.per_day)
                for response in responses[series]
            ]
            response_columns = np.concatenate([np.empty((len(day), 0)), *values], axis=1)
            new = (position > since[series]) & (position <= ends[series])
            age = (ends[series] - position) / half_life(calendar)
            products = multiply(columns, trend, response_columns, target[series], new, 0.5**age)
            for total, product in zip(made, products, strict=True):
                total[series][tuple(slice(0, size) for size in product.shape)] += product
        return Sums(*made)

    def solve(self, per_day: int) -> FloatArray:
        """Return the coefficients of the calendar and the trend, shape (S, K + 1); NaN for a series without a value.

        Responses act through what their predictors usually are: their columns are replaced by those columns' own
        regression on the calendar.
        """
        width = self.usual.shape[1]
        penalty = np.full(self.gram.shape[1], RIDGE_DAYS * per_day)
        penalty[0], penalty[width], penalty[width + 1 :] = (
            1e-9,
            TREND_RIDGE_DAYS * per_day,
            RESPONSE_RIDGE_DAYS * per_day,
        )
        made = np.linalg.solve(self.gram + np.diag(penalty), self.moment[..., None])[..., 0]
        usual = np.linalg.solve(self.usual[..., :width] + np.diag(penalty[:width]), self.usual[..., width:])
        made[:, :width] += (usual @ made[:, width + 1 :, None])[..., 0]
        return np.where(self.gram[:, :1, 0] > 0, made[:, : width + 1], np.nan)


def find_responses(panel: Panel, ends: IntArray) -> Responses:
    """Return what each series responds to: predictors that are not known ahead, up to `MOST_PREDICTORS` of them."""
    names = [name for name in panel.x if name not in panel.known_ahead]
    if len(names) > MOST_PREDICTORS:
        return tuple(() for _ in ends)
    target, time = panel.measured(panel.spec.target), np.arange(len(panel.local))
    found = []
    for series, end in enumerate(ends):
        known = np.isfinite(target[series]) & (time <= end)
        each = (find_response(name, panel.measured(name)[series, known]) for name in names)
        found.append(tuple(response for response in each if response is not None))
    return tuple(found)


def half_life(calendar: Calendar) -> float:
    """Return the steps after which a value counts half."""
    return HALF_LIFE_YEARS * YEAR_DAYS * calendar.per_day


def multiply(
    columns: FloatArray,
    trend: FloatArray,
    response: FloatArray,
    target: FloatArray,
    new: BoolArray,
    weight: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return one series' products of columns as in `Sums`: gram, moment, usual.

    Args:
        columns: of the calendar, shape (T, K).
        trend: shape (T, 1).
        response: columns of the predictors, shape (T, R).
        target: shape (T,).
        new: which rows count.
        weight: of each row in gram and moment.
    """
    known = new & np.isfinite(response).all(axis=1)
    usual = columns[known].T @ np.concatenate([columns[known], response[known]], axis=1)
    known &= np.isfinite(target)
    design = np.concatenate([columns[known], trend[known], response[known]], axis=1)
    weighted = design * weight[known, None]
    return weighted.T @ design, weighted.T @ target[known], usual


class CalendarProfile(Member):
    """Ridge regression on the calendar and on what predictors usually are at that time; `parameters`: none."""

    kind = "calendar_profile"

    def fit(self, panel: Panel, situation: Situation, ends: IntArray) -> "FittedCalendarProfile":
        """Return the profile of each series."""
        count = np.isfinite(panel.y[:, : int(ends.max(initial=-1)) + 1]).sum(axis=1).max(initial=0)
        days = int(count) / situation.stride
        if days < FEWEST_DAYS:
            raise ModelError(f"found {days:.1f} days of history; a calendar profile needs {FEWEST_DAYS}")
        calendar = Calendar(situation.stride, situation.holidays, panel.local[int(ends.max())].isoformat())
        responses = find_responses(panel, ends)
        width = calendar.columns(panel.local[:1])[0].shape[1]
        each = count_columns(min(2 * RESPONSE_WAVES, 2 * calendar.day_count), situation.stride)
        more = each * max((len(response) for response in responses), default=0)
        size, n_series = width + 1 + more, len(ends)
        nothing = Sums(
            np.zeros((n_series, size, size)), np.zeros((n_series, size)), np.zeros((n_series, width, width + more))
        )
        sums = nothing.add(panel, calendar, responses, np.full(n_series, -1, dtype=np.int64), ends)
        return FittedCalendarProfile(self.name, panel.spec.target, situation.steps, calendar, responses, sums)


class FittedCalendarProfile(FittedMember):
    """See `CalendarProfile`."""

    kind = "calendar_profile"

    def __init__(
        self, name: str, target: str, steps: int, calendar: Calendar, responses: Responses, sums: Sums
    ) -> None:
        """Keep what was learned."""
        self.name, self.target, self.steps = name, target, steps
        self.calendar, self.responses, self.sums = calendar, responses, sums
        self.coefficients = sums.solve(calendar.per_day)

    def update(self, panel: Panel, ends: IntArray, *, since: IntArray) -> "FittedCalendarProfile":
        """Return the profile after new values; the cost does not depend on the history."""
        sums = self.sums.forget(np.maximum(ends - since, 0), half_life(self.calendar))
        sums = sums.add(panel, self.calendar, self.responses, since, ends)
        return FittedCalendarProfile(self.name, self.target, self.steps, self.calendar, self.responses, sums)

    def predict(self, panel: Panel, origins: IntArray) -> FloatArray:
        """Return the profile at the targets' times on the level of the origin."""
        return np.asarray(self._addends(panel, origins).sum(axis=3))

    def contributions(self, panel: Panel, origins: IntArray) -> Contributions:
        """Return level with trend, time of year, kind of day, and time of day with what kinds of day do to it."""
        return Contributions(tuple(Term(name, "") for name in TERMS), self._addends(panel, origins))

    def _addends(self, panel: Panel, origins: IntArray) -> FloatArray:
        beyond = int(np.max(origins, initial=0)) + self.steps + 1 - len(panel.local)
        grid = panel.extend(max(0, beyond)).local
        known = origins >= 0
        first = int(origins[known].min()) if known.any() else 0
        columns, term = self.calendar.columns(grid[first:])
        positions = origins[:, :, None] - first + np.arange(1, self.steps + 1)
        parts = [
            take_positions(self.coefficients[:, :-1][:, term == number] @ columns[:, term == number].T, positions)
            for number in range(len(TERMS))
        ]
        years = self.calendar.years(grid[np.clip(origins, 0, None).ravel()]).reshape(origins.shape)
        parts[0] = parts[0] + (self.coefficients[:, -1:] * years)[:, :, None]
        return np.where(known[:, :, None, None], np.stack(parts, axis=3), np.nan)

    def offsets(self) -> tuple[Offset, ...]:
        """Return the origin's value, and the days of predictors that an update looks at."""
        names = dict.fromkeys(response.predictor for each in self.responses for response in each)
        depth = -DEPTH_DAYS * self.calendar.per_day
        return (Offset(self.target, 0, 0), *(Offset(name, depth, 0) for name in names))

    def importances(self) -> Mapping[str, float]:
        """Return the calendar alone."""
        return {"": 100.0}

    def to_document(self) -> Json:
        """Return calendar, coefficients to be read, and sums as arrays."""
        return {
            "name": self.name,
            "target": self.target,
            "steps": self.steps,
            "per_day": self.calendar.per_day,
            "place": self.calendar.place,
            "anchor": self.calendar.anchor,
            "coefficients": as_floats(self.coefficients),
            "responses": [[asdict(response) for response in each] for each in self.responses],
            "gram": self.sums.gram,
            "moment": self.sums.moment,
            "usual": self.sums.usual,
        }

    @classmethod
    def from_document(cls, document: Json) -> "FittedCalendarProfile":
        """Return the member that `to_document` wrote."""
        calendar = Calendar(document["per_day"], document["place"], document["anchor"])
        sums = Sums(*(from_floats(document[name]) for name in ("gram", "moment", "usual")))
        responses = tuple(
            tuple(Response(item["predictor"], tuple(item["knots"]), item["scale"]) for item in each)
            for each in document["responses"]
        )
        return cls(document["name"], document["target"], document["steps"], calendar, responses, sums)
