"""What direct members learn from: one row per origin, with its features and the targets of all steps.

How a member weighs and keeps the rows does not belong here.
"""

from dataclasses import dataclass

import numpy as np

from loopcast.zoo.arrays import BoolArray, FloatArray, IntArray, take_positions
from loopcast.zoo.dictionary.dictionary import Dictionary
from loopcast.zoo.members.base import Situation, training_origins
from loopcast.zoo.panel import Panel

ENOUGH_KNOWN = 0.9  # share of its features, and of its targets, that a row must know to be learned from


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of S series, N origins each, newest last.

    Args:
        features: shape (S, N, K), NaN = unknown.
        targets: on the learning scale, shape (S, N, H), NaN = unknown.
        scale: of the target at each origin, shape (S, N).
    """

    features: FloatArray
    targets: FloatArray
    scale: FloatArray

    @property
    def usable(self) -> BoolArray:
        """Which rows can be learned from, shape (S, N)."""
        features = np.isfinite(self.features).mean(axis=2) >= ENOUGH_KNOWN
        return np.asarray(features & (np.isfinite(self.targets).mean(axis=2) >= ENOUGH_KNOWN))


def past_rows(panel: Panel, situation: Situation, ends: IntArray, dictionary: Dictionary, *, limit: int) -> Rows:
    """Return the newest rows, at most so many, whose targets have all been due at the ends.

    Args:
        panel: what is known.
        situation: what is to be forecast.
        ends: position of each series' origin, shape (S,).
        dictionary: which features.
        limit: rows at most.
    """
    due = ends - waiting(situation) * situation.stride
    length = min(limit * situation.stride, max(1, int(np.max(due, initial=0)) + 1))
    return make_rows(panel, dictionary, training_origins(due, situation, limit=length))


def new_rows(panel: Panel, situation: Situation, dictionary: Dictionary, ends: IntArray, since: IntArray) -> Rows:
    """Return the rows whose targets have all been due at the ends but not since before; without features for others.

    Args:
        panel: what is known.
        situation: what is to be forecast.
        dictionary: which features.
        ends: position of each series' new origin, shape (S,).
        since: position of the origin up to which was learned, shape (S,).
    """
    fresh = (ends - since) // situation.stride
    back = waiting(situation) + np.arange(int(fresh.max(initial=0)), dtype=np.int64)[::-1]
    origins = ends[:, None] - back * situation.stride
    is_new = back - waiting(situation) < fresh[:, None]
    return make_rows(panel, dictionary, np.where(is_new, origins, -1))


def waiting(situation: Situation) -> int:
    """Return after how many strides all targets of an origin are due."""
    return -(-situation.steps // situation.stride)


def make_rows(panel: Panel, dictionary: Dictionary, origins: IntArray) -> Rows:
    """Return the rows of origins, shape (S, O); those before the panel's start are unknown."""
    if not origins.size:
        empty = np.empty(origins.shape)
        return Rows(empty[..., None], empty[..., None], empty)
    return read_rows(panel, dictionary, origins)[0]


def read_rows(panel: Panel, dictionary: Dictionary, origins: IntArray) -> tuple[Rows, FloatArray]:
    """Return the rows of origins, shape (S, O), and the centers of the target's scale, of the same shape."""
    features, scaling = dictionary.values(panel, origins)
    positions = origins[:, :, None] + np.arange(1, dictionary.steps + 1)
    there = (origins >= 0)[:, :, None]
    targets = scaling.forward(take_positions(panel.measured(dictionary.target), positions))
    rows = Rows(np.where(there, features, np.nan), np.where(there, targets, np.nan), scaling.scale)
    return rows, scaling.center
