"""The pipeline's own characteristics under control charts: rows per update, lateness, refused share, durations.

Numbers in, limits out; where the numbers come from is in `loopcast.loop.pipeline` and, for durations, in orchestration.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]

FEWEST = 8
LEAST = 0.01  # what the logarithm takes zero for
# 3 / d4 with d4 = 0.954, for the median of ranges of two points: Montgomery (2013), section 6.4.
MEDIAN_RANGE_FACTOR = 3.145
NORMAL_MAD = 1.4826
REFUSED_WINDOW = 10
PIPELINE_COLUMNS = ("characteristic", "value", "center", "lower", "upper", "n", "in_control")


@dataclass(frozen=True, eq=False)
class Characteristic:
    """One number per version, oldest first, the last of the version that is judged.

    Args:
        name: for instance `duration_s`.
        numbers: not negative, shape (n,); missing ones are left out.
        only_above: whether only large values are a reason to worry.
        least_spread: three sigma are never less than this, on the log scale.
        least_upper: values up to here are always in control, for instance an update within its cadence.
    """

    name: str
    numbers: Floats
    only_above: bool = True
    least_spread: float = 0.7
    least_upper: float = 0.0


def judge_characteristics(characteristics: Sequence[Characteristic]) -> pd.DataFrame:
    """Return one row per characteristic that has a newest value: `characteristic`, `value`, `center`, `lower`,
    `upper`, `n` earlier values, `in_control`; the limits are missing where fewer than eight are there.
    """  # noqa: D205
    rows = [_judge(item) for item in characteristics if len(item.numbers) and np.isfinite(item.numbers[-1])]
    numbers = dict.fromkeys(("value", "center", "lower", "upper"), "float64")
    kinds = {"characteristic": "str", **numbers, "n": "int64", "in_control": "bool"}
    return pd.DataFrame(rows, columns=list(PIPELINE_COLUMNS)).astype(kinds)


def explain_beyond(table: pd.DataFrame) -> list[str]:
    """Return a sentence for each characteristic that is beyond a limit.

    Args:
        table: what `judge_characteristics` returns.
    """
    return [
        f"{row['characteristic']} beyond the {'upper' if row['value'] > row['upper'] else 'lower'} limit: "
        f"found {row['value']:.3g}; expected {row['lower']:.3g} to {row['upper']:.3g}"
        for row in table[~table["in_control"]].to_dict("records")
    ]


def find_limits(values: Floats, *, least_spread: float) -> tuple[float, float, float]:
    """Return center, lower and upper limit for one more value, on the log scale and back.

    The center is the median, the spread the larger of what the median moving range and the median deviation tell, so
    that neither a slow drift nor one bad night widens or narrows it unduly. What was reached twice before is inside:
    a pipeline has its Mondays.

    Args:
        values: earlier values, not negative, shape (n,), n at least 2.
        least_spread: three sigma are at least so much of the log scale; 0.7 is a factor of two.

    References:
        Individuals chart with the median moving range: Montgomery (2013), section 6.4.

    Examples:
        >>> center, lower, upper = find_limits(np.full(10, 24.0), least_spread=0.7)
        >>> round(center), round(lower), round(upper)
        (24, 12, 48)
    """
    logs = np.log(np.maximum(values, LEAST))
    center = float(np.median(logs))
    from_ranges = MEDIAN_RANGE_FACTOR * float(np.median(np.abs(np.diff(logs))))
    spread = max(from_ranges, 3.0 * NORMAL_MAD * float(np.median(np.abs(logs - center))), least_spread)
    ordered = np.sort(logs)
    lower, upper = min(center - spread, float(ordered[1])), max(center + spread, float(ordered[-2]))
    return float(np.exp(center)), float(np.exp(lower)), float(np.exp(upper))


def judge_refusals(refused: npt.NDArray[np.bool_]) -> dict[str, object] | None:
    """Return the row of the refused share among the newest ten versions, against the versions before; None if too few.

    Args:
        refused: whether each version was refused, oldest first.

    References:
        Fraction nonconforming: Montgomery (2013), eq. 7.8; one refused and one accepted are added to the earlier ones.
    """
    newest, earlier = refused[-REFUSED_WINDOW:], refused[:-REFUSED_WINDOW]
    if len(earlier) < FEWEST:
        return None
    share = (float(earlier.sum()) + 1.0) / (len(earlier) + 2.0)
    upper = 100.0 * min(1.0, share + 3.0 * float(np.sqrt(share * (1.0 - share) / REFUSED_WINDOW)))
    value = 100.0 * float(newest.mean())
    cells = ("refused_pct", value, 100.0 * share, 0.0, upper, len(earlier), value <= upper)
    return dict(zip(PIPELINE_COLUMNS, cells, strict=True))


def _judge(item: Characteristic) -> dict[str, object]:
    values = item.numbers[np.isfinite(item.numbers)]
    newest, earlier = float(values[-1]), values[:-1]
    if len(earlier) < FEWEST:
        none = float("nan")
        return dict(zip(PIPELINE_COLUMNS, (item.name, newest, none, none, none, len(earlier), True), strict=True))
    center, lower, upper = find_limits(earlier, least_spread=item.least_spread)
    lower, upper = 0.0 if item.only_above else lower, max(upper, item.least_upper)
    cells = (item.name, newest, center, lower, upper, len(earlier), lower <= newest <= upper)
    return dict(zip(PIPELINE_COLUMNS, cells, strict=True))
