"""Concept drift: is what ties the target to calendar and predictors other than it was, as seen in production errors.

Here belong the signs that say *how* errors have changed. Whether they are worse is in
`loopcast.reflection.deterioration`; whether the data themselves have changed in `loopcast.dataops.quality.drift`.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from loopcast.reflection.blocks import Errors, Floats, Sequences, take_blocks
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
        rate: alarms per block that each sign may give without any change.
    """
    limit = find_limit(rate / 2.0)
    found = [_find_sign(name, sequences, limit=limit) for name in USUAL]
    return tuple(sign for sign in found if sign is not None)


def _find_sign(name: SignName, sequences: Sequences, *, limit: float) -> DriftSign | None:
    measure = {"bias": _measure_bias, "spread": _measure_spread, "autocorrelation": _measure_autocorrelation}[name]
    before, _ = take_blocks(sequences.before, measure(sequences.before))
    after, names = take_blocks(sequences.after, measure(sequences.after))
    change = find_change(before, after, usual_spread=USUAL[name], two_sided=True)
    if change is None:
        return None
    since = names[change.first]
    scale = float(sequences.after.since(since).expected.mean())
    sizes = {"bias": change.size * scale, "spread": 100.0 * np.expm1(change.size), "autocorrelation": change.size}
    return DriftSign(name, change.score, limit, float(sizes[name]), since)


def _measure_bias(errors: Errors) -> Floats:
    """Return each block's mean error, in the absolute error that is expected."""
    return np.clip(_divide(errors.mean(errors.error), errors.mean(errors.expected)), -MOST, MOST)


def _measure_spread(errors: Errors) -> Floats:
    """Return the logarithm of each block's spread of errors about their mean, in the absolute error expected."""
    counts = errors.counts
    variance = errors.mean(_centre(errors) ** 2) * _divide(counts, counts - 1.0)
    share = _divide(np.sqrt(variance), errors.mean(errors.expected))
    known = (counts >= FEWEST_CELLS) & (share > 0)
    return np.where(known, np.clip(np.log(np.where(known, share, 1.0)), -MOST, MOST), np.nan)


def _measure_autocorrelation(errors: Errors) -> Floats:
    """Return each block's correlation of an error about the block's mean with the one before it in its series."""
    centred = _centre(errors)
    follows = np.zeros(len(centred), dtype=bool)
    follows[1:] = (np.diff(errors.block) == 0) & (np.diff(errors.series) == 0)
    product = np.where(follows, centred * np.roll(centred, 1), 0.0)
    pairs = errors.mean(follows.astype(np.float64)) * errors.counts
    return np.where(pairs >= FEWEST_CELLS, _divide(errors.mean(product), errors.mean(centred**2)), np.nan)


def _centre(errors: Errors) -> Floats:
    """Return the errors about their block's mean."""
    return np.asarray(errors.error - errors.mean(errors.error)[errors.block])


def _divide(above: Floats, below: Floats) -> Floats:
    """Return the quotients, NaN where there is nothing to divide by."""
    return np.asarray(np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0))
