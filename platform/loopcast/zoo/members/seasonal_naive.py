"""The seasonal naive member: the latest known value of the same season. The measure of all other members.

Anything with a coefficient does not belong here.
"""

from collections.abc import Mapping

import numpy as np

from loopcast.zoo.arrays import FloatArray, IntArray, take_positions
from loopcast.zoo.fill import fill_seasonal
from loopcast.zoo.members.base import Contributions, FittedMember, Json, Member, Offset, Situation, Term
from loopcast.zoo.panel import Panel

GAP_PERIODS = 4  # so many periods are looked back where newer ones have a gap


class SeasonalNaive(Member):
    """The value one seasonal period earlier; `parameters`: `period` in steps."""

    kind = "seasonal_naive"
    accepts = needs = frozenset({"period"})

    def default_name(self) -> str:
        """Return `seasonal_naive_24` and the like."""
        return f"{self.kind}_{self.parameters['period']}"

    def fit(self, panel: Panel, situation: Situation, ends: IntArray) -> "FittedSeasonalNaive":
        """Return the member; there is nothing to learn."""
        del ends
        period = int(self.parameters["period"])
        return FittedSeasonalNaive(name=self.name, period=period, steps=situation.steps, target=panel.spec.target)


class FittedSeasonalNaive(FittedMember):
    """See `SeasonalNaive`."""

    kind = "seasonal_naive"

    def __init__(self, *, name: str, period: int, steps: int, target: str) -> None:
        """Keep what is needed to predict."""
        self.name, self.period, self.steps, self.target = name, period, steps, target

    def predict(self, panel: Panel, origins: IntArray) -> FloatArray:
        """Return the latest values of the same season up to the origin; gaps take the season's one before."""
        ahead = np.arange(1, self.steps + 1)
        back = self.period * -(-ahead // self.period)
        positions = origins[:, :, None] + (ahead - back)
        known = take_positions(fill_seasonal(panel.y, self.period), positions)
        latest = take_positions(fill_seasonal(panel.y, 1), origins)
        return np.where(np.isnan(known), latest[:, :, None], known)

    def contributions(self, panel: Panel, origins: IntArray) -> Contributions:
        """Return the one term there is."""
        term = Term(name=f"{self.target}[-{self.period}]", variable=self.target)
        return Contributions(terms=(term,), addends=self.predict(panel, origins)[..., None])

    def offsets(self) -> tuple[Offset, ...]:
        """Return the last periods: one, and those before it for its gaps."""
        return (Offset(self.target, 1 - GAP_PERIODS * self.period, 0),)

    def importances(self) -> Mapping[str, float]:
        """Return the target alone."""
        return {self.target: 100.0}

    def to_document(self) -> Json:
        """Return the parameters."""
        return {"name": self.name, "period": self.period, "steps": self.steps, "target": self.target}

    @classmethod
    def from_document(cls, document: Json) -> "FittedSeasonalNaive":
        """Return the member that `to_document` wrote."""
        return cls(**document)
