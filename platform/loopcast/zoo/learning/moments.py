"""Weighted sums of rows and of their products, kept so that older rows count less: all that a regression needs to know.

How regressions are solved does not belong here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from loopcast.zoo.arrays import FloatArray

SMALLEST_SPREAD = 1e-4
ROUNDING = 1e-3  # standard deviations below this share of the mean may be rounding of single precision


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over rows of K columns x and H targets y; a row's weight halves with every half-life.

    Sums of products are kept in single precision, which halves what every update stores. An unknown column counts as
    the column's mean so far, an unknown target as no row for that target.

    Args:
        weight: sum of the rows' weights.
        squared: sum of the squared weights.
        known: sum of the weights of the rows that know each target, shape (H,).
        x: weighted sum of the columns, shape (K,).
        y: of the known targets, shape (H,).
        xx: of the columns' products, shape (K, K).
        xy: of the products of known targets with columns, shape (H, K).
        yy: of the squared targets, shape (H,).
    """

    weight: float
    squared: float
    known: FloatArray
    x: FloatArray
    y: FloatArray
    xx: npt.NDArray[np.float32]
    xy: npt.NDArray[np.float32]
    yy: FloatArray

    @classmethod
    def start(cls, columns: int, targets: int) -> "Moments":
        """Return the sums over no row."""
        k, h = np.zeros(columns), np.zeros(targets)
        xx, xy = np.zeros((columns, columns), np.float32), np.zeros((targets, columns), np.float32)
        return cls(0.0, 0.0, h, k, h, xx, xy, h)

    @property
    def rows(self) -> float:
        """Number of equally weighted rows that would know as much."""
        return self.weight**2 / self.squared if self.squared else 0.0

    def add(self, x: FloatArray, y: FloatArray, half_life: float) -> "Moments":
        """Return the sums with some more rows, newest last.

        Args:
            x: shape (N, K), NaN = unknown.
            y: shape (N, H), NaN = unknown.
            half_life: rows.
        """
        keep = 0.5 ** (len(x) / half_life)
        weights = 0.5 ** (np.arange(len(x))[::-1] / half_life)
        columns = np.where(np.isfinite(x), x, self._typical(x, weights))
        is_known = np.isfinite(y)
        targets = np.where(is_known, y, 0.0)
        weighted = columns * weights[:, None]
        share = is_known * weights[:, None]
        return Moments(
            weight=float(keep * self.weight + weights.sum()),
            squared=float(keep**2 * self.squared + (weights**2).sum()),
            known=keep * self.known + share.sum(axis=0),
            x=keep * self.x + weighted.sum(axis=0),
            y=keep * self.y + (share * targets).sum(axis=0),
            xx=(keep * self.xx + columns.T @ weighted).astype(np.float32),
            xy=(keep * self.xy + targets.T @ weighted).astype(np.float32),
            yy=keep * self.yy + (share * targets**2).sum(axis=0),
        )

    def _typical(self, x: FloatArray, weights: FloatArray) -> FloatArray:
        present = np.isfinite(x)
        total = self.x + weights @ np.where(present, x, 0.0)
        count = self.weight + weights @ present
        return np.asarray(np.divide(total, count, out=np.zeros_like(total), where=count > 0))

    def describe(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Return means and spreads of the columns, shape (K,), and of the targets, shape (H,); spread 0: constant."""
        center = self.x / max(self.weight, 1e-300)
        spread = np.sqrt(np.maximum(np.diag(self.xx).astype(np.float64) / max(self.weight, 1e-300) - center**2, 0.0))
        count = np.maximum(self.known, 1e-300)
        mean = self.y / count
        deviation = np.sqrt(np.maximum(self.yy / count - mean**2, 0.0))
        varies = spread > SMALLEST_SPREAD + ROUNDING * np.abs(center)
        return center, np.where(varies, spread, 0.0), mean, deviation

    def correlations(self) -> tuple[FloatArray, FloatArray]:
        """Return the correlations of the columns, shape (K, K), and of targets with columns, shape (H, K).

        A constant column or target has none: its correlations are 0.
        """
        center, spread, mean, deviation = self.describe()
        inverse = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)
        gram = (self.xx.astype(np.float64) / max(self.weight, 1e-300) - np.outer(center, center)) * np.outer(
            inverse, inverse
        )
        unit = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > SMALLEST_SPREAD)
        # Rows that lack a target lack its products: what there is stands for all.
        cov = self.xy.astype(np.float64) / np.maximum(self.known, 1e-300)[:, None] - np.outer(mean, center)
        return gram, cov * np.outer(unit, inverse)

    def pack(self) -> dict[str, Any]:
        """Return the sums by name, of the symmetric one the upper triangle."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**named, "xx": self.xx[np.triu_indices(len(self.x))]}

    @classmethod
    def unpack(cls, named: Mapping[str, Any]) -> "Moments":
        """Return the sums that `pack` named."""
        count = len(named["x"])
        upper = np.zeros((count, count), np.float32)
        upper[np.triu_indices(count)] = named["xx"]
        single = {"xx": upper + np.triu(upper, 1).T, "xy": np.asarray(named["xy"], dtype=np.float32)}
        return cls(**{**named, **single, "weight": float(named["weight"]), "squared": float(named["squared"])})
