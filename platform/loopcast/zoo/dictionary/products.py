"""Blocks of two factors: an effect that depends on another predictor, the day or the season; how two shapes differ.

What the factors compute is in `loopcast.zoo.dictionary.blocks` and `loopcast.zoo.dictionary.calendar`.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from loopcast.zoo.arrays import FloatArray
from loopcast.zoo.dictionary.blocks import Block, Feature
from loopcast.zoo.dictionary.view import View, mean_present
from loopcast.zoo.terms import PRODUCT


@dataclass(frozen=True)
class Product(Block):
    """Each feature of a block times its neighbour in another of as many; else each times each.

    Args:
        left: a block.
        right: a block.
    """

    kind: ClassVar[str] = "product"
    left: Block
    right: Block

    def features(self) -> tuple[Feature, ...]:
        """Return one feature per product, which counts for both of its variables."""
        return tuple(
            Feature(
                f"{a.name}{PRODUCT}{b.name}",
                f"{a.variable}{PRODUCT}{b.variable}",
                min(a.first, b.first),
                max(a.last, b.last),
            )
            for a, b in self._pairs(self.left.features(), self.right.features())
        )

    def values(self, view: View) -> FloatArray:
        """Return the products."""
        left, right = self.left.values(view), self.right.values(view)
        if left.shape[2] == right.shape[2]:
            return np.asarray(left * right)
        return np.asarray((left[..., None] * right[:, :, None]).reshape(*left.shape[:2], -1))

    @staticmethod
    def _pairs(left: tuple[Feature, ...], right: tuple[Feature, ...]) -> list[tuple[Feature, Feature]]:
        if len(left) == len(right):
            return list(zip(left, right, strict=True))
        return [(a, b) for a in left for b in right]


@dataclass(frozen=True)
class Contrast(Block):
    """How the shape of one block over its steps differs from that of another, both without their means.

    Args:
        left: a block.
        right: a block of as many features.
    """

    kind: ClassVar[str] = "contrast"
    left: Block
    right: Block

    def features(self) -> tuple[Feature, ...]:
        """Return one feature per step, which counts for both of its variables."""
        return tuple(
            Feature(
                f"{a.name}-{b.name}:shape",
                f"{a.variable}{PRODUCT}{b.variable}",
                min(f.first for f in (*self.left.features(), *self.right.features())),
                max(f.last for f in (*self.left.features(), *self.right.features())),
            )
            for a, b in zip(self.left.features(), self.right.features(), strict=True)
        )

    def values(self, view: View) -> FloatArray:
        """Return the differences."""
        shapes = [block - mean_present(block)[..., None] for block in (self.left.values(view), self.right.values(view))]
        return np.asarray(shapes[0] - shapes[1])
