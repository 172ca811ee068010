"""The dictionary of origin-level features: blocks fixed when a member is fitted, one matrix for all steps ahead.

Every origin has its own scale per variable, from values up to the origin, so that a row once made stays as it is.
Missing values: one that lacks counts as that of the same season before, at most `reach` steps older; where that lacks
as well it is unknown, and means are of what is there. Which blocks suit a panel is in `loopcast.zoo.dictionary.choice`.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from loopcast.dataops.frequency import count_periods
from loopcast.zoo.arrays import FloatArray, IntArray
from loopcast.zoo.dictionary.blocks import (
    Average,
    Block,
    Change,
    Extremes,
    Feature,
    PeriodMeans,
    Profile,
    Values,
    Volatility,
)
from loopcast.zoo.dictionary.calendar import Fourier, Holidays, Phases, Weekdays, Weekend, Year
from loopcast.zoo.dictionary.products import Contrast, Product
from loopcast.zoo.dictionary.view import View, close_gaps, take_window
from loopcast.zoo.learning.scaling import Scaling, median_of, spread_of
from loopcast.zoo.members.base import Offset
from loopcast.zoo.panel import Panel

KINDS: dict[str, type[Block]] = {
    block.kind: block
    for block in (
        *(Average, Change, Extremes, PeriodMeans, Profile, Values, Volatility),
        *(Fourier, Holidays, Phases, Weekdays, Weekend, Year),
        *(Contrast, Product),
    )
}
EPOCH = pd.Timestamp("1970-01-01")
CELLS_AT_ONCE = 2_000_000
Json = dict[str, Any]


@dataclass(frozen=True)
class Scale:
    """Where an origin's scale comes from: values up to the origin, or to where the variable ends before it.

    Args:
        level: steps whose median is the center.
        spread: steps whose median absolute deviation is the scale.
        factor: by which the scale is multiplied; a larger one draws extremes in less.
        every: only every so many steps count, so that fine grids cost no more than coarse ones.
    """

    level: int
    spread: int
    factor: float = 1.0
    every: int = 1


@dataclass(frozen=True)
class Dictionary:
    """Features of an origin, shared by all steps of a situation.

    Args:
        target: name of the target.
        steps: samples ahead.
        period: seasonal period over which gaps are closed, in steps.
        reach: how much older the value may be that closes a gap, in steps.
        scale: of every variable.
        leads: steps by which measured predictors end before the origin, at most 0, by name.
        blocks: the blocks, in the order of their features.
    """

    target: str
    steps: int
    period: int
    reach: int
    scale: Scale
    leads: tuple[tuple[str, int], ...]
    blocks: tuple[Block, ...]

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """The K features, in the order of the matrix's columns."""
        return tuple(feature for block in self.blocks for feature in block.features())

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """Columns that the features look at, the target first."""
        return tuple(dict.fromkeys((self.target, *(name for f in self.features for name in f.variables if name))))

    def offsets(self, older: int = 0) -> tuple[Offset, ...]:
        """Return the values looked at of each variable, for its scale and for closing gaps among them.

        Args:
            older: steps by which the oldest origin lies before the one that offsets are relative to.
        """
        return tuple(
            Offset(
                name,
                min(self._scale_first(name), *(f.first for f in self.features if name in f.variables))
                - self.reach
                - older,
                max(f.last for f in self.features if name in f.variables),
            )
            for name in self.variables
        )

    def values(self, panel: Panel, origins: IntArray) -> tuple[FloatArray, Scaling]:
        """Return the features and the target's scale.

        Args:
            panel: the data; nothing beyond the features' offsets is looked at.
            origins: positions, shape (S, O).

        Returns:
            Shape (S, O, K), NaN where unknown; a pair of numbers per origin, shape (S, O).
        """
        beyond = int(np.max(origins, initial=0)) + self.steps + 1 - len(panel.local)
        panel = panel.extend(max(0, beyond))
        values = {name: close_gaps(panel.values(name), self.period, self.reach) for name in self.variables}
        number = count_periods(EPOCH, panel.local[0], panel.spec.frequency)
        made = []
        for part in self._parts(origins):
            scalings = {name: self._learn_scale(values[name], part, name) for name in self.variables}
            view = View(values=values, scalings=scalings, local=panel.local, number=number, origins=part)
            made.append((np.concatenate([block.values(view) for block in self.blocks], axis=2), scalings[self.target]))
        center, scale = (np.concatenate([getattr(s, name) for _, s in made], axis=1) for name in ("center", "scale"))
        return np.concatenate([features for features, _ in made], axis=1), Scaling(center, scale)

    def share_importance(self, weights: FloatArray) -> dict[str, float]:
        """Return the share of each variable in percent; a product counts for its factors in equal parts.

        Args:
            weights: of the features, at least 0, shape (K,).
        """
        total = {self.target: 1e-12}
        for feature, weight in zip(self.features, weights, strict=True):
            for name in feature.variables:
                total[name] = total.get(name, 0.0) + float(weight) / len(feature.variables)
        whole = sum(total.values())
        return {variable: 100.0 * weight / whole for variable, weight in total.items()}

    def _parts(self, origins: IntArray) -> Iterator[IntArray]:
        width = max(self.scale.spread // self.scale.every, len(self.features))
        count = max(1, CELLS_AT_ONCE // (width * len(origins)))
        for start in range(0, max(1, origins.shape[1]), count):
            yield origins[:, start : start + count]

    def _learn_scale(self, values: FloatArray, origins: IntArray, name: str) -> Scaling:
        scale, lead = self.scale, dict(self.leads).get(name, 0)
        levels = take_window(values, origins, lead + 1 - scale.level, lead, scale.every)
        spreads = take_window(values, origins, lead + 1 - scale.spread, lead, scale.every)
        return Scaling(median_of(levels), scale.factor * spread_of(spreads))

    def _scale_first(self, name: str) -> int:
        return dict(self.leads).get(name, 0) + 1 - max(self.scale.level, self.scale.spread)

    def to_document(self) -> Json:
        """Return the dictionary as JSON values."""
        blocks = [_write_block(block) for block in self.blocks]
        return {
            "target": self.target,
            "steps": self.steps,
            "period": self.period,
            "reach": self.reach,
            "scale": asdict(self.scale),
            "leads": [list(lead) for lead in self.leads],
            "blocks": blocks,
        }

    @classmethod
    def from_document(cls, document: Json) -> "Dictionary":
        """Return the dictionary that `to_document` wrote."""
        return cls(
            **{
                **document,
                "scale": Scale(**document["scale"]),
                "leads": tuple((name, lead) for name, lead in document["leads"]),
                "blocks": tuple(_read_block(block) for block in document["blocks"]),
            }
        )


def _write_block(block: Block) -> Json:
    values = {name: _write_block(value) if isinstance(value, Block) else value for name, value in vars(block).items()}
    return {"kind": block.kind, **values}


def _read_block(document: Json) -> Block:
    return KINDS[document["kind"]](**{name: _read_value(value) for name, value in document.items() if name != "kind"})


def _read_value(value: Any) -> Any:
    if isinstance(value, dict):
        return _read_block(value)
    return tuple(value) if isinstance(value, list) else value
