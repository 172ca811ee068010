"""Which blocks of features suit a panel: from its periods, predictors, length and calendar, never from its values.

What the blocks compute is in `loopcast.zoo.dictionary.blocks` and `loopcast.zoo.dictionary.calendar`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, combinations_with_replacement
from math import gcd

import numpy as np

from loopcast.dataops.frequency import is_sub_daily, step_ns, steps_per_day
from loopcast.zoo.arrays import IntArray
from loopcast.zoo.dictionary.blocks import (
    Average,
    Block,
    Change,
    Extremes,
    PeriodMeans,
    Profile,
    Values,
    Volatility,
)
from loopcast.zoo.dictionary.calendar import Fourier, Holidays, Phases, Weekdays, Weekend, Year
from loopcast.zoo.dictionary.dictionary import Dictionary, Scale
from loopcast.zoo.dictionary.products import Contrast, Product
from loopcast.zoo.members.base import Situation
from loopcast.zoo.panel import Panel, find_predictor_ends

WITHOUT_SEASON = 12  # values looked at where no season is known
NEWEST_PERIODS = 3
FEWEST_PERIODS = 2  # that the median of a scale's center must span
FINEST_SCALE = 24  # values per period that scales are taken from
WEEK = 7  # days of a week; periods in the short averages where there is no longer period
MONTH = 28  # periods in the long averages
DECAY = 0.2  # by which a period counts less than the next newer one
LONG_PERIODS = 8  # in the profile of the longest period
MOST_VALUES = 96  # of one block of target values; more are averaged with their neighbours
MOST_PREDICTOR_VALUES = 640  # of all predictors together
MOST_IN_PRODUCTS = 3  # predictors; of more there would be too many pairs
MOST_PHASES = 31
FEW_HARMONICS = 3


@dataclass(frozen=True)
class Memory:
    """How far back an origin's scale looks, in strides, see `loopcast.zoo.dictionary.dictionary.Scale`.

    Args:
        level: strides whose median is the center.
        spread: strides whose median absolute deviation is the scale.
        factor: by which the scale is multiplied.
    """

    level: int = 28
    spread: int = 364
    factor: float = 1.0


def choose_dictionary(panel: Panel, situation: Situation, ends: IntArray, memory: Memory) -> Dictionary:
    """Return the dictionary for a situation of a panel.

    Args:
        panel: what is known.
        situation: what is to be forecast.
        ends: position of each series' origin, shape (S,).
        memory: of the scales.
    """
    name, length = panel.spec.target, int(np.max(ends, initial=0)) + 1
    short, long = choose_periods(situation.periods, length)
    known, measured = predictor_ends(panel, situation)
    unit = max(situation.stride, -(-FEWEST_PERIODS * short // memory.level))
    scale = Scale(memory.level * unit, memory.spread * unit, memory.factor, every=max(1, short // FINEST_SCALE))
    blocks = (
        *target_blocks(name, situation.steps, short, long),
        Volatility(name, 1 - scale.spread, 0),
        *predictor_blocks(known, measured, short, long),
        *calendar_blocks(panel, situation, length),
        *product_blocks(panel, situation, known, short),
    )
    return Dictionary(
        target=name,
        steps=situation.steps,
        period=short,
        reach=long if long > short else 2 * short,
        scale=scale,
        leads=tuple(measured.items()),
        blocks=blocks,
    )


def choose_periods(periods: tuple[int, ...], length: int) -> tuple[int, int]:
    """Return the shortest period and the longest that the history holds at least four times.

    Examples:
        >>> choose_periods((24, 168), 1000), choose_periods((24, 168), 400), choose_periods((1,), 50)
        ((24, 168), (24, 24), (12, 12))
    """
    short = periods[0] if periods[0] > 1 else WITHOUT_SEASON
    carried = [period for period in periods if period > short and length >= 4 * period]
    return short, max(carried, default=short)


def target_blocks(name: str, steps: int, short: int, long: int) -> Iterator[Block]:
    """Yield the newest periods and that one long period ago, their means and averages, and the extremes."""
    width = divide(short, MOST_VALUES)
    week = long // short if long > short else WEEK
    for back in range(NEWEST_PERIODS):
        yield Values(name, 1 - (back + 1) * short, -back * short, width)
    if long > NEWEST_PERIODS * short:
        yield Values(name, 1 - long, short - long, width)
    yield PeriodMeans(name, short, week)
    yield Average(name, short, week)
    yield Average(name, short, MONTH)
    yield Average(name, short, MONTH, DECAY)
    yield Profile(name, 1 - short, 0, short, week, width=width)
    if long > short:
        ahead = min(steps, long)
        yield Profile(name, 1 - long, ahead - long, long, LONG_PERIODS, DECAY, divide(ahead, MOST_VALUES))
    yield Extremes(name, short)


def predictor_ends(panel: Panel, situation: Situation) -> tuple[dict[str, int], dict[str, int]]:
    """Return the last known step of each predictor known ahead, 1 .. steps, and of each other one, at most 0."""
    ends = situation.predictor_ends or find_predictor_ends(panel, situation.steps)
    return {name: end for name, end in ends if end > 0}, {name: end for name, end in ends if end <= 0}


def predictor_blocks(known: Mapping[str, int], measured: Mapping[str, int], short: int, long: int) -> Iterator[Block]:
    """Yield each predictor over the steps ahead and the same steps earlier, or up to where it was measured.

    Args:
        known: last step of predictors known ahead, by name.
        measured: last step of the others, at most 0.
        short: shortest period in steps.
        long: longest period in steps.
    """
    count = sum(2 * ahead + short for ahead in known.values()) + len(measured) * short
    share = max(1, -(-count // MOST_PREDICTOR_VALUES))
    week = long // short if long > short else WEEK
    last_period = divide(short, -(-short // share))
    for name, ahead in known.items():
        yield Values(name, 1, ahead, divide(ahead, -(-ahead // share)))
        yield Values(name, 1 - short, 0, last_period)
        if long > short:
            before = min(ahead, long)
            yield Values(name, 1 - long, before - long, divide(before, -(-before // share)))
        yield Change(name, 1, ahead, short, week)
        yield Change(name, 1, ahead, short, MONTH)
    for name, lead in measured.items():
        yield Values(name, lead + 1 - short, lead, last_period)
        yield Change(name, lead + 1 - short, lead, short, MONTH, until=lead)


def calendar_blocks(panel: Panel, situation: Situation, length: int) -> Iterator[Block]:
    """Yield what the first step ahead's place in each period, week and year says, and holidays around it."""
    frequency = panel.spec.frequency
    daily = has_weeks(panel, situation)
    if daily:
        yield Weekdays()
    for period in situation.periods:
        phases = period // gcd(period, situation.stride)
        is_week = daily and phases == WEEK
        if phases == 1 or is_week or length < 2 * period:
            continue
        yield Phases(period) if phases == period <= MOST_PHASES else Fourier(period, FEW_HARMONICS)
    if situation.calendar:
        yield Year(1)
    if daily and situation.holidays is not None:
        yield Holidays(situation.holidays, holiday_days(situation, steps_per_day(frequency)))


def product_blocks(panel: Panel, situation: Situation, known: Mapping[str, int], short: int) -> Iterator[Block]:
    """Yield what two factors say together: predictors known ahead, the last period, weekends, the season of the year.

    Weekends change what the first predictor, and the last period of the target, say of every single step; everything
    else changes it in proportion to the whole horizon.
    """
    if len(known) > MOST_IN_PRODUCTS or situation.steps > MOST_VALUES:
        return
    week = has_weeks(panel, situation)
    means = {name: Values(name, 1, ahead, ahead) for name, ahead in known.items()}
    for (left, first), (right, second) in combinations(known.items(), 2):
        both = min(first, second)
        yield Product(Values(left, 1, both), Values(right, 1, both))
        yield Contrast(Values(left, 1, both), Values(right, 1, both))
    for mean, other in combinations_with_replacement(means.values(), 2):
        yield Product(mean, other)
    if situation.calendar:
        yield from (Product(mean, Year(1)) for mean in means.values())
    if week and known:
        name = next(iter(known))
        yield Product(Values(name, 1, known[name]), Weekend(apart=True))
    if week and is_sub_daily(panel.spec.frequency):
        yield Product(Values(panel.spec.target, 1 - short, 0, divide(short, MOST_VALUES)), Weekend())
        yield Product(Year(1), Weekend())
        yield Product(Year(1), PeriodMeans(panel.spec.target, short, 1))


def has_weeks(panel: Panel, situation: Situation) -> bool:
    """Return whether the first step ahead has a weekday of its own."""
    frequency = panel.spec.frequency
    return situation.calendar and (is_sub_daily(frequency) or step_ns(frequency) == step_ns("D"))


def holiday_days(situation: Situation, day: int) -> tuple[int, ...]:
    """Return the days, relative to the origin's, whose being a holiday matters: ahead, beside, and looked back at.

    Examples:
        >>> holiday_days(Situation(24, 23 * 60, 24), 24)
        (-6, 0, 1, 2)
    """
    minutes = 1440 // day if day > 1 else 1440
    ahead = [(situation.time_of_day + step * minutes) // 1440 for step in (1, situation.steps)]
    first, last = ahead[0], min(ahead[1], ahead[0] + 7)
    return tuple(sorted({first - 7, first - 1, *range(first, last + 1), last + 1}))


def divide(length: int, most: int) -> int:
    """Return the smallest divisor of a length that leaves at most so many parts.

    Examples:
        >>> divide(24, 96), divide(1440, 96), divide(7, 3)
        (1, 15, 7)
    """
    return next(width for width in range(1, length + 1) if length % width == 0 and length // width <= most)
