"""Concept drift: is what ties the target to calendar and predictors other than it was, as seen in production errors.

Here belong the signs that say *how* errors have changed. Whether they are worse is in
`loopcast.reflection.deterioration`; whether the data themselves have changed in `loopcast.dataops.quality.drift`.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from loopcast.reflection.blocks import Sequences, join_overlapping, take_blocks
from loopcast.reflection.change import find_change, find_limit

SignName = Literal["bias", "spread", "autocorrelation"]
# Standard deviation of a block that is usual before any is seen, each in its own unit.
USUAL: dict[SignName, float] = {"bias": 0.5, "spread": 0.3, "autocorrelation": 0.2}
FEWEST_CELLS = 4
MOST = 3.0  # logarithms and shares beyond this are as bad


@dataclass(frozen=True)
class DriftSign:
    """One way in which errors may differ from those of the backtest.

    Args:
        name: `bias` (the mean error moved), `spread` (errors about their mean are larger or smaller), `autocorrelation`
            (an error follows the one before it more, or less).
        score: how far from chance, in standard deviations; its sign is that of the change.
        limit: what its size must not exceed.
        size: of the change: target's unit for `bias`, percent for `spread`, -2 to 2 for `autocorrelation`.
        since: the first version after the change that is spoken for most.
    """

    name: SignName
    score: float
    limit: float
    size: float
    since: str

    @property
    def is_beyond(self) -> bool:
        """Whether the change is beyond chance."""
        return abs(self.score) > self.limit

    def explain(self) -> str:
        """Return the sign in words.

        Examples:
            >>> DriftSign("bias", 4.0, 3.0, 120.0, "v00000030").explain()
            'errors moved by +120 since v00000030'
        """
        words = {
            "bias": f"errors moved by {self.size:+.4g}",
            "spread": f"spread of errors {self.size:+.0f} %",
            "autocorrelation": f"correlation of neighbouring errors {self.size:+.2f}",
        }
        return f"{words[self.name]} since {self.since}"


def find_signs(sequences: Sequences, *, rate: float) -> tuple[DriftSign, ...]:
    """Return how errors differ from before; signs that cannot be told are left out.

    Args:
        sequences: errors of backtest and production.
        rate: alarms per block that all signs together may give without any change.
    """
    found = [_find_sign(name, sequences, limit=find_limit(rate / len(USUAL) / 2.0)) for name in USUAL]
    return tuple(sign for sign in found if sign is not None)


def _find_sign(name: SignName, sequences: Sequences, *, limit: float) -> DriftSign | None:
    measure = {"bias": _measure_bias, "spread": _measure_spread, "autocorrelation": _measure_autocorrelation}[name]
    parts = []
    for cells, overlap in zip((sequences.before, sequences.after), sequences.overlaps, strict=True):
        blocks, names = take_blocks(measure(cells, sequences.keys), cells["block"])
        parts.append(join_overlapping(blocks, names, overlap))
    (before, _), (after, names) = parts
    change = find_change(before, after, usual_spread=USUAL[name], two_sided=True)
    if change is None:
        return None
    since = names[change.first]
    scale = float(sequences.after.loc[sequences.after["block"] >= since, "expected"].mean())
    sizes = {"bias": change.size * scale, "spread": 100.0 * np.expm1(change.size), "autocorrelation": change.size}
    return DriftSign(name, change.score, limit, float(sizes[name]), since)


def _measure_bias(cells: pd.DataFrame, _: tuple[str, ...]) -> "pd.Series[float]":
    """Return each block's mean error, in the absolute error that is expected."""
    sums = cells.groupby("block")[["error", "expected"]].mean()
    return (sums["error"] / sums["expected"].where(sums["expected"] > 0)).clip(-MOST, MOST)


def _measure_spread(cells: pd.DataFrame, _: tuple[str, ...]) -> "pd.Series[float]":
    """Return the logarithm of each block's spread of errors about their mean, in the absolute error expected."""
    told = cells.groupby("block").agg(spread=("error", "std"), expected=("expected", "mean"), n=("error", "size"))
    known = (told["n"] >= FEWEST_CELLS) & (told["spread"] > 0) & (told["expected"] > 0)
    told = told.where(known)
    return (told["spread"] / told["expected"]).map(np.log).clip(-MOST, MOST)


def _measure_autocorrelation(cells: pd.DataFrame, keys: tuple[str, ...]) -> "pd.Series[float]":
    """Return each block's correlation of an error about the block's mean with the one before it in its series."""
    centred = cells["error"] - cells.groupby("block")["error"].transform("mean")
    earlier = centred.groupby([cells["block"], *(cells[name] for name in keys)]).shift(1)
    frame = pd.DataFrame({"block": cells["block"], "product": centred * earlier, "square": centred**2})
    told = frame.groupby("block").agg(product=("product", "sum"), square=("square", "sum"), n=("product", "count"))
    known = (told["n"] >= FEWEST_CELLS) & (told["square"] > 0)
    return (told["product"] / told["square"]).where(known)
