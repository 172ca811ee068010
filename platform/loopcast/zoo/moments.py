"""Weighted sums of rows and of their products, kept so that older rows count less: all that a regression needs to know.

How regressions are solved does not belong here.
"""

from dataclasses import dataclass

import numpy as np

from loopcast.zoo.arrays import FloatArray

SMALLEST_SPREAD = 1e-4


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over rows of K columns x and H targets y; a row's weight halves with every half-life.

    An unknown column counts as the column's mean so far, an unknown target as no row for that target.

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
    xx: FloatArray
    xy: FloatArray
    yy: FloatArray

    @classmethod
    def start(cls, columns: int, targets: int) -> "Moments":
        """Return the sums over no row."""
        k, h = np.zeros(columns), np.zeros(targets)
        return cls(0.0, 0.0, h, k, h, np.zeros((columns, columns)), np.zeros((targets, columns)), h)

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
            xx=keep * self.xx + columns.T @ weighted,
            xy=keep * self.xy + targets.T @ weighted,
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
        spread = np.sqrt(np.maximum(np.diag(self.xx) / max(self.weight, 1e-300) - center**2, 0.0))
        count = np.maximum(self.known, 1e-300)
        mean = self.y / count
        deviation = np.sqrt(np.maximum(self.yy / count - mean**2, 0.0))
        return center, np.where(spread > SMALLEST_SPREAD, spread, 0.0), mean, deviation

    def correlations(self) -> tuple[FloatArray, FloatArray]:
        """Return the correlations of the columns, shape (K, K), and of targets with columns, shape (H, K).

        A constant column or target has none: its correlations are 0.
        """
        center, spread, mean, deviation = self.describe()
        inverse = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)
        gram = (self.xx / max(self.weight, 1e-300) - np.outer(center, center)) * np.outer(inverse, inverse)
        unit = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > SMALLEST_SPREAD)
        # Rows that lack a target lack its products: what there is stands for all.
        cov = self.xy / np.maximum(self.known, 1e-300)[:, None] - np.outer(mean, center)
        return gram, cov * np.outer(unit, inverse)
