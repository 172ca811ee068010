"""Signals of a variable's newest values: which control chart fired, when, at what value and limit.

The charts are in `loopcast.dataops.quality.control_charts`; here they are drawn on residuals, with limits from the
blocks of the reference, so that what the variable does all the time is no signal.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loopcast.dataops.quality.calibration import find_block_limit
from loopcast.dataops.quality.control_charts import (
    D2,
    NELSON,
    RANGE_FACTOR,
    WESTERN_ELECTRIC,
    Cusum,
    Ewma,
    Rule,
    any_rule,
    trace_cusum,
    trace_ewma,
)
from loopcast.dataops.quality.residuals import Residuals

Floats = npt.NDArray[np.float64]

STUCK_FLOOR, STUCK_FACTOR = 6.0, 1.5


@dataclass(frozen=True)
class Signal:
    """A chart that fired.

    Args:
        rule: which chart or rule.
        place: first step beyond the limit; of a count the first step that counts.
        value: the largest that the chart's statistic reached, in its own unit (see `trace_residuals`, `trace_values`).
        limit: what it may reach.
    """

    rule: str
    place: int
    value: float
    limit: float


@dataclass(frozen=True, eq=False)
class Path:
    """A chart's statistic over time.

    Args:
        values: shape (n,).
        floor: the textbook's limit: the calibrated one is never below it.
        adds_up: whether signals are counted over the judged values, in place of looking for the largest value.
    """

    values: Floats
    floor: float
    adds_up: bool = False


def find_signals(paths: Mapping[str, Path], *, n_reference: int, first: int, share: float) -> list[Signal]:
    """Return the charts that fired on the values from a step on, the one furthest beyond its limit first.

    Args:
        paths: see `trace_residuals` and `trace_values`.
        n_reference: first so many steps, which the limits come from; at least twice as many as are judged.
        first: first step that is judged.
        share: share of stretches of that length without a cause in which any chart may fire, in (0, 1).
    """
    found = []
    for rule, path in paths.items():
        limit = find_block_limit(
            path.values[:n_reference],
            length=len(path.values) - first,
            share=share / len(paths),
            adds_up=path.adds_up,
        )
        signal = _judge(rule, path, first=first, limit=max(limit, path.floor))
        found += [signal] if signal else []
    return sorted(found, key=lambda signal: -signal.value / signal.limit)


def trace_residuals(residuals: Residuals) -> dict[str, Path]:
    """Return the paths of the charts on standardized one-step residuals.

    - `individuals`: the residual's size in sigma; `moving_range`: its change from the one before;
    - `ewma`: the moving average's size in its own standard deviations; `cusum`: the larger cumulative sum;
    - `western_electric_2_4`, `nelson_2_8`: number of signals of the run rules (rule 1 is the individuals chart).
    """
    z, ewma, cusum = residuals.innovations / residuals.model.sigma, Ewma(), Cusum()
    average = np.abs(trace_ewma(z, weight=ewma.weight)) / np.sqrt(ewma.weight / (2.0 - ewma.weight))
    return {
        "individuals": Path(np.abs(z), floor=3.0),
        "moving_range": Path(np.abs(np.diff(z, prepend=np.nan)), floor=RANGE_FACTOR * D2),
        "ewma": Path(average, floor=ewma.width),
        "cusum": Path(np.maximum(*trace_cusum(z, slack=cusum.slack)), floor=cusum.limit),
        "western_electric_2_4": _count_rules(z, WESTERN_ELECTRIC),
        "nelson_2_8": _count_rules(z, NELSON),
    }


def trace_values(values: Floats, *, n_reference: int) -> dict[str, Path]:
    """Return the paths of the charts on the values themselves: `stuck` (steps at one value), `missing`.

    Steps at one value come in runs of very uneven length (a dry month, an overcast week): only what is half as long
    again as the longest of the reference stands out.
    """
    present, equal = np.isfinite(values), count_equal(values).astype(np.float64)
    longest = float(equal[:n_reference].max(initial=0.0))
    return {
        "stuck": Path(equal, floor=max(STUCK_FLOOR, STUCK_FACTOR * longest)),
        "missing": Path((~present).astype(np.float64), floor=1.0, adds_up=True),
    }


def count_equal(values: Floats) -> npt.NDArray[np.int64]:
    """Return how many values in a row, up to each, have been the same; 0 where missing; time on the last axis.

    Examples:
        >>> count_equal(np.array([1.0, 1.0, 1.0, 2.0, np.nan, 2.0])).tolist()
        [1, 2, 3, 1, 0, 1]
    """
    steps = np.arange(values.shape[-1])
    starts = np.ones(values.shape, dtype=bool)
    starts[..., 1:] = values[..., 1:] != values[..., :-1]
    since = np.maximum.accumulate(np.where(starts, steps, 0), axis=-1)
    return np.where(np.isfinite(values), steps - since + 1, 0)


def _count_rules(z: Floats, rules: Mapping[str, Rule]) -> Path:
    others = {name: rule for name, rule in rules.items() if not name.endswith("_1")}
    return Path(any_rule(z, others).astype(np.float64), floor=2.0, adds_up=True)


def _judge(rule: str, path: Path, *, first: int, limit: float) -> Signal | None:
    judged = np.nan_to_num(path.values[first:])
    value = float(judged.sum() if path.adds_up else judged.max())
    begins = int((judged > (0.0 if path.adds_up else limit)).argmax())
    return Signal(rule, first + begins, value, limit) if value > limit else None
