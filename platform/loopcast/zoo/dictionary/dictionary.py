"""The dictionary of origin-level features: blocks fixed when a member is fitted, one matrix for all steps ahead.

Which blocks suit a panel is in `loopcast.zoo.dictionary.choice`. Missing values: a value that lacks counts as that of
the same season before, at most `reach` steps older; one that lacks even then is NaN, and means are of what is there.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from loopcast.dataops.frequency import count_periods
from loopcast.zoo.arrays import FloatArray, IntArray
from loopcast.zoo.dictionary.blocks import Average, Block, Change, Extremes, Feature, PeriodMeans, Profile, Values
from loopcast.zoo.dictionary.calendar import Fourier, Holidays, Phases, Weekdays, Year
from loopcast.zoo.dictionary.view import View, close_gaps
from loopcast.zoo.members.base import Offset
from loopcast.zoo.panel import Panel
from loopcast.zoo.scaling import Scaling

KINDS: dict[str, type[Block]] = {
    block.kind: block
    for block in (Average, Change, Extremes, Fourier, Holidays, PeriodMeans, Phases, Profile, Values, Weekdays, Year)
}
EPOCH = pd.Timestamp("1970-01-01")
Json = dict[str, Any]


@dataclass(frozen=True)
class Dictionary:
    """Features of an origin, shared by all steps of a situation.

    Args:
        target: name of the target.
        steps: samples ahead.
        period: seasonal period over which gaps are closed, in steps.
        reach: how much older the value may be that closes a gap, in steps.
        blocks: the blocks, in the order of their features.
    """

    target: str
    steps: int
    period: int
    reach: int
    blocks: tuple[Block, ...]

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """The K features, in the order of the matrix's columns."""
        return tuple(feature for block in self.blocks for feature in block.features())

    @property
    def variables(self) -> tuple[str, ...]:
        """Columns that the features look at, the target first."""
        return tuple(dict.fromkeys((self.target, *(f.variable for f in self.features if f.variable))))

    def offsets(self) -> tuple[Offset, ...]:
        """Return the values looked at of each variable, those that may close gaps among them."""
        return tuple(
            Offset(
                name,
                min(f.first for f in self.features if f.variable == name) - self.reach,
                max(f.last for f in self.features if f.variable == name),
            )
            for name in self.variables
        )

    def values(self, panel: Panel, origins: IntArray, scalings: Mapping[str, Scaling]) -> FloatArray:
        """Return the features.

        Args:
            panel: the data; nothing beyond the features' offsets is looked at.
            origins: positions, shape (S, O).
            scalings: of the variables that have one; the others are taken as they are.

        Returns:
            Shape (S, O, K), NaN where unknown.
        """
        beyond = int(np.max(origins, initial=0)) + self.steps + 1 - len(panel.local)
        panel = panel.extend(max(0, beyond))
        values = {name: self._prepare(panel, name, scalings) for name in self.variables}
        number = count_periods(EPOCH, panel.local[0], panel.spec.frequency)
        view = View(values=values, local=panel.local, number=number, origins=origins)
        return np.concatenate([block.values(view) for block in self.blocks], axis=2)

    def _prepare(self, panel: Panel, name: str, scalings: Mapping[str, Scaling]) -> FloatArray:
        values = panel.values(name)
        scaled = scalings[name].forward(values) if name in scalings else values
        return close_gaps(scaled, self.period, self.reach)

    def to_document(self) -> Json:
        """Return the dictionary as JSON values."""
        blocks = [{"kind": block.kind, **asdict(block)} for block in self.blocks]  # type: ignore[call-overload]
        return {
            "target": self.target,
            "steps": self.steps,
            "period": self.period,
            "reach": self.reach,
            "blocks": blocks,
        }

    @classmethod
    def from_document(cls, document: Json) -> "Dictionary":
        """Return the dictionary that `to_document` wrote."""
        blocks = tuple(_read_block(dict(block)) for block in document["blocks"])
        return cls(**{**document, "blocks": blocks})


def _read_block(document: Json) -> Block:
    kind = KINDS[document.pop("kind")]
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in document.items()})
