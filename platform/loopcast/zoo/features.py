"""The dictionary of direct features: for each origin and step ahead, what is known about the target's time.

All features use values up to the origin only, but for predictors that are known ahead. Fitting does not belong here.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from loopcast.zoo.arrays import FloatArray, IntArray, take_positions
from loopcast.zoo.fill import rolling_mean, seasonal_profile
from loopcast.zoo.holiday import holiday_of_days
from loopcast.zoo.members.base import Offset, Situation, Term
from loopcast.zoo.panel import Panel

PROFILE_ALPHA = 0.2
PROFILE_DEPTH = 12
LEVEL_PERIODS = 3
LIKE_SUNDAY = "holiday:like_sunday"
SUNDAY_SHARE = 0.5  # before any holiday was seen, one is expected half way between its weekday and a Sunday
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def look_back(short: int, long: int) -> int:
    """Return how many steps of the target the features look at: the profile, and levels of deviations from it."""
    return PROFILE_DEPTH * long + max(long, LEVEL_PERIODS * short)


@dataclass(frozen=True)
class Recipe:
    """Which features there are, fixed when a member is fitted.

    Args:
        target: name of the target.
        short: first seasonal period in steps.
        long: longest seasonal period the history carries, in steps.
        steps: samples ahead.
        place: where public holidays are taken from, or None.
        holidays: names that get a term of their own.
        known_ahead: predictors known at the target's time.
        lagged: predictors known up to the origin only, with the steps by which they end before it (at most 0).
        weekdays: whether weekdays differ at all at this frequency.
    """

    target: str
    short: int
    long: int
    steps: int
    place: str | None
    holidays: tuple[str, ...]
    known_ahead: tuple[str, ...]
    lagged: tuple[tuple[str, int], ...]
    weekdays: bool

    def offsets(self) -> tuple[Offset, ...]:
        """Return the values that the features look at, relative to the origin."""
        target = Offset(self.target, 1 - look_back(self.short, self.long), 0)
        ahead = [Offset(name, 1 - self.long, self.steps) for name in self.known_ahead]
        lagged = [Offset(name, lead + 1 - self.short, lead) for name, lead in self.lagged]
        return (target, *ahead, *lagged)


@dataclass(frozen=True, eq=False)
class Design:
    """Features of S series, O origins, H steps.

    Args:
        terms: names of the K features.
        values: shape (S, O, H, K); NaN where unknown.
        fixed: coefficient each feature has before anything is learned: 1 for the seasonal profile, shape (K,).
    """

    terms: tuple[Term, ...]
    values: FloatArray
    fixed: FloatArray

    @property
    def base(self) -> FloatArray:
        """What fitted coefficients correct: the features times their fixed coefficients, shape (S, O, H)."""
        return np.asarray(self.values[..., self.fixed != 0] @ self.fixed[self.fixed != 0])


def make_recipe(panel: Panel, situation: Situation, ends: IntArray) -> Recipe:
    """Return the features that suit a panel's frequency, length, predictors and holidays."""
    periods = situation.periods
    length = int(np.max(ends, initial=0)) + 1
    carried = [period for period in periods if length >= 4 * period] or [periods[0]]
    place = situation.holidays if situation.calendar else None
    names = sorted(set(holiday_of_days(panel.local[:length], place)) - {""})
    predictors = [v for v in panel.spec.predictors if v.name in panel.x and np.isfinite(panel.x[v.name]).any()]
    known = tuple(v.name for v in predictors if v.known_ahead)
    newest = {v.name: np.isfinite(panel.x[v.name]) for v in predictors if not v.known_ahead}
    time = np.arange(len(panel.local))
    leads = {
        name: int(np.min((np.where(present, time, -1).max(axis=1) - ends)[present.any(axis=1)], initial=0))
        for name, present in newest.items()
    }
    return Recipe(
        target=panel.spec.target,
        short=periods[0],
        long=carried[-1],
        steps=situation.steps,
        place=place,
        holidays=tuple(names),
        known_ahead=known,
        lagged=tuple(leads.items()),
        weekdays=situation.calendar and (situation.stride > 1 or periods == (7,)),
    )


def build_design(panel: Panel, origins: IntArray, recipe: Recipe) -> Design:
    """Return the features of a recipe.

    Args:
        panel: its grid must reach `steps` beyond the last origin.
        origins: positions, shape (S, O).
        recipe: which features.
    """
    dictionary = Dictionary.of(panel, origins, recipe)
    parts = [*target_features(dictionary), *calendar_features(dictionary), *predictor_features(dictionary)]
    shape = dictionary.positions.shape
    values = np.empty((*shape, len(parts)))
    for index, (_, part) in enumerate(parts):
        values[..., index] = part
    terms = tuple(term for term, _ in parts)
    fixed = np.array([{0: 1.0}.get(k, SUNDAY_SHARE * (term.name == LIKE_SUNDAY)) for k, term in enumerate(terms)])
    return Design(terms=terms, values=values, fixed=fixed)


@dataclass(frozen=True, eq=False)
class Dictionary:
    """Everything the features share: positions, seasonal profile, deviations from it, holidays.

    Args:
        panel: the data.
        recipe: which features.
        origins: shape (S, O).
        positions: of the targets, shape (S, O, H).
        back: steps from each target to the newest known value of the same long season, shape (H,).
        ordinary: the target, NaN on holidays; shape (S, T).
        deviations: ordinary target minus the profile one long season earlier; shape (S, T).
        profile: shape (S, T); knows times up to its own.
        base: profile known at the origin for the target's season, shape (S, O, H).
        holidays: holiday of each time on the grid, empty text for none.
    """

    panel: Panel
    recipe: Recipe
    origins: IntArray
    positions: IntArray
    back: IntArray
    ordinary: FloatArray
    deviations: FloatArray
    profile: FloatArray
    base: FloatArray
    holidays: list[str]

    @classmethod
    def of(cls, panel: Panel, origins: IntArray, recipe: Recipe) -> "Dictionary":
        """Return the shared parts of a panel at some origins."""
        holidays = holiday_of_days(panel.local, recipe.place)
        ordinary = np.where(np.array([not name for name in holidays], dtype=bool), panel.y, np.nan)
        profile = seasonal_profile(ordinary, recipe.long, alpha=PROFILE_ALPHA, depth=PROFILE_DEPTH)
        before = np.full(profile.shape, np.nan)
        before[:, recipe.long :] = profile[:, : -recipe.long]
        ahead = np.arange(1, recipe.steps + 1, dtype=np.int64)
        positions = origins[:, :, None] + ahead
        back = recipe.long * -(-ahead // recipe.long)
        base = take_positions(profile, positions - back)
        return cls(panel, recipe, origins, positions, back, ordinary, ordinary - before, profile, base, holidays)


Feature = tuple[Term, FloatArray]


def target_features(shared: Dictionary) -> Iterator[Feature]:
    """Yield the profile, recent seasons, recent days, the last values and recent levels of the target."""
    recipe, name = shared.recipe, shared.recipe.target
    short, long = recipe.short, recipe.long
    yield Term(f"{name}:profile_{long}", name), shared.base
    for season in (0, 1):
        positions = shared.positions - shared.back - season * long
        yield Term(f"{name}[-{(season + 1) * long}]", name), take_positions(shared.ordinary, positions) - shared.base
    if short < long:
        ahead = np.arange(1, recipe.steps + 1)
        newest = short * -(-ahead // short)
        for day in range(3):
            positions = shared.positions - newest - day * short
            yield Term(f"{name}:deviation[-{(day + 1) * short}]", name), take_positions(shared.deviations, positions)
    shape = (1, 1, recipe.steps)
    for lag in range(3):
        last = take_positions(shared.deviations, shared.origins - lag)
        yield Term(f"{name}:last_deviation[-{lag}]", name), np.tile(last[:, :, None], shape)
    for window in sorted({max(2, short // 4), short, LEVEL_PERIODS * short, long}):
        level = take_positions(rolling_mean(shared.deviations, window), shared.origins)
        yield Term(f"{name}:level_{window}", name), np.tile(level[:, :, None], shape)


def calendar_features(shared: Dictionary) -> Iterator[Feature]:
    """Yield weekdays and holidays of the target's time."""
    recipe = shared.recipe
    if not recipe.weekdays:
        return
    inside = np.clip(shared.positions, 0, len(shared.panel.local) - 1)
    weekday = shared.panel.local.dayofweek.to_numpy()[inside]
    for number, name in enumerate(WEEKDAYS):
        yield Term(f"weekday:{name}", ""), (weekday == number).astype(np.float64)
    if recipe.place is not None:
        yield from holiday_features(shared, inside)


def holiday_features(shared: Dictionary, inside: IntArray) -> Iterator[Feature]:
    """Yield the holiday itself, its likeness to a Sunday, the days beside it, and each holiday by name."""
    recipe, panel = shared.recipe, shared.panel
    local = panel.local
    day = np.timedelta64(1, "D")
    names = np.array(shared.holidays, dtype=object)[inside]
    is_holiday = (names != "").astype(np.float64)
    yield Term("holiday", ""), is_holiday
    if recipe.long == 7 * recipe.short:
        since_sunday = (local.dayofweek.to_numpy()[inside] + 1) % 7 * recipe.short
        too_new = shared.positions - since_sunday > shared.origins[:, :, None]
        sunday = shared.positions - since_sunday - np.where(too_new, shared.back, 0)
        unlike = take_positions(shared.profile, sunday) - shared.base
        yield Term(LIKE_SUNDAY, ""), np.where(is_holiday > 0, np.nan_to_num(unlike), 0.0)
    for word, shift in (("before", day), ("after", -day)):
        beside = np.array([bool(name) for name in holiday_of_days(local + shift, recipe.place)])
        yield Term(f"holiday:day_{word}", ""), beside[inside].astype(np.float64) * (1 - is_holiday)
    for name in recipe.holidays:
        yield Term(f"holiday:{name}", ""), (names == name).astype(np.float64)


def predictor_features(shared: Dictionary) -> Iterator[Feature]:
    """Yield predictors at the target's time and their change, or their last values and recent level."""
    recipe, x = shared.recipe, shared.panel.x
    for name in recipe.known_ahead:
        now = take_positions(x[name], shared.positions)
        yield Term(name, name), now
        for period in sorted({recipe.short, recipe.long}):
            ahead = np.arange(1, recipe.steps + 1)
            before = take_positions(x[name], shared.positions - period * -(-ahead // period))
            yield Term(f"{name}:change_{period}", name), now - before
    shape = (1, 1, recipe.steps)
    for name, lead in recipe.lagged:
        last = take_positions(x[name], shared.origins + lead)
        level = take_positions(rolling_mean(x[name], recipe.short), shared.origins + lead)
        yield Term(f"{name}[last]", name), np.tile(last[:, :, None], shape)
        yield Term(f"{name}:level_{recipe.short}", name), np.tile(level[:, :, None], shape)
