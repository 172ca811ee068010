"""The bias correction: a tenth of the median of each step's recent errors, per series.

Anything that looks at features does not belong here.
"""

from collections.abc import Mapping

import numpy as np

from loopcast.zoo.arrays import FloatArray, as_floats, from_floats
from loopcast.zoo.corrections.base import Correction, FittedCorrection, Json, Made
from loopcast.zoo.members.base import Contributions, Offset, Situation, Term

SHARE = 0.1
WINDOWS = 28
FEWEST = 14


class Bias(Correction):
    """Adds a tenth of the median of the last 28 errors of the same step."""

    kind = "bias"

    def fit(
        self, made: Made, targets: FloatArray, situation: Situation, *, delay: int, seed: int
    ) -> tuple["FittedBias", FloatArray] | None:
        """Return the correction, and what it would have added to each window from earlier windows only."""
        del situation, seed
        errors = targets - made.base
        n_windows = errors.shape[1]
        if n_windows < FEWEST:
            return None
        past = np.zeros(errors.shape)
        for window in range(n_windows):
            past[:, window] = find_bias(errors[:, max(0, window - delay + 1 - WINDOWS) : max(0, window - delay + 1)])
        target = made.panel.spec.target
        return FittedBias(errors=errors[:, -WINDOWS:], target=target), past


class FittedBias(FittedCorrection):
    """See `Bias`; `errors` are those of the last windows, actual minus forecast, shape (S, at most 28, H)."""

    kind = "bias"

    def __init__(self, *, errors: FloatArray, target: str) -> None:
        """Keep the errors."""
        self.errors, self.target = errors, target

    def predict(self, made: Made) -> FloatArray:
        """Return the same addition for every origin."""
        return np.broadcast_to(find_bias(self.errors)[:, None], made.base.shape).copy()

    def contributions(self, made: Made) -> Contributions:
        """Return the one term there is."""
        term = Term(f"{self.target}:bias", self.target)
        return Contributions(terms=(term,), addends=self.predict(made)[..., None])

    def update(self, made: Made, targets: FloatArray) -> "FittedBias":
        """Return the correction that has forgotten as many old windows as new ones came."""
        errors = np.concatenate([self.errors, targets - made.base], axis=1)[:, -WINDOWS:]
        return FittedBias(errors=errors, target=self.target)

    def offsets(self) -> tuple[Offset, ...]:
        """Return nothing: past errors are kept."""
        return ()

    def importances(self) -> Mapping[str, float]:
        """Return the target alone."""
        return {self.target: 100.0}

    def to_document(self) -> Json:
        """Return the errors."""
        return {"errors": as_floats(self.errors), "target": self.target}

    @classmethod
    def from_document(cls, document: Json) -> "FittedBias":
        """Return the correction that `to_document` wrote."""
        return cls(errors=from_floats(document["errors"]), target=document["target"])


def find_bias(errors: FloatArray) -> FloatArray:
    """Return the addition that errors of shape (S, W, H) suggest, shape (S, H); 0 where fewer than 14 are known."""
    known = np.isfinite(errors).sum(axis=1)
    if errors.shape[1] < FEWEST:
        return np.zeros((errors.shape[0], errors.shape[2]))
    ordered = np.sort(errors, axis=1)  # NaN stand last
    low = np.take_along_axis(ordered, (np.maximum(known - 1, 0) // 2)[:, None], axis=1)[:, 0]
    high = np.take_along_axis(ordered, (known // 2).clip(max=np.maximum(known - 1, 0))[:, None], axis=1)[:, 0]
    return np.where(known >= FEWEST, SHARE * np.nan_to_num((low + high) / 2.0), 0.0)
