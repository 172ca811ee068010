"""What direct members learn from: one row per origin with its features and the targets of all steps, newest last.

How a member weighs and uses the rows does not belong here.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from loopcast.dataops.frequency import count_periods
from loopcast.zoo.arrays import BoolArray, FloatArray, IntArray, take_positions
from loopcast.zoo.dictionary.dictionary import Dictionary
from loopcast.zoo.members.base import Situation, training_origins
from loopcast.zoo.panel import Panel
from loopcast.zoo.scaling import Scaling, learn_scaling

Rows = npt.NDArray[np.float32]
ENOUGH_KNOWN = 0.5  # share of its features that a row must know to be learned from


@dataclass(frozen=True, eq=False)
class Examples:
    """Rows of S series, `stride` steps apart.

    Args:
        dictionary: which features.
        situation: which steps, and the stride.
        scalings: of every variable, learned once.
        features: shape (S, N, K), single precision, NaN where unknown or before the first row.
        targets: on the learning scale, shape (S, N, steps), single precision, NaN where unknown.
        newest: local time of each series' newest row, ISO 8601, length S; empty for a series without a value.
    """

    dictionary: Dictionary
    situation: Situation
    scalings: Mapping[str, Scaling]
    features: Rows
    targets: Rows
    newest: tuple[str, ...]

    @property
    def usable(self) -> BoolArray:
        """Which rows can be learned from, shape (S, N)."""
        known = np.isfinite(self.features).mean(axis=2) >= ENOUGH_KNOWN
        return np.asarray(known & np.isfinite(self.targets).any(axis=2))

    def to_document(self) -> dict[str, Any]:
        """Return dictionary and scalings as JSON values, and the rows as arrays."""
        return {
            "dictionary": self.dictionary.to_document(),
            "situation": asdict(self.situation),
            "scalings": {name: scaling.to_document() for name, scaling in self.scalings.items()},
            "newest": list(self.newest),
            "features": self.features,
            "targets": self.targets,
        }


def examples_from_document(document: dict[str, Any]) -> Examples:
    """Return the rows that `to_document` wrote."""
    situation = {**document["situation"], "periods": tuple(document["situation"]["periods"])}
    return Examples(
        dictionary=Dictionary.from_document(document["dictionary"]),
        situation=Situation(**situation),
        scalings={name: Scaling.from_document(scaling) for name, scaling in document["scalings"].items()},
        features=np.asarray(document["features"], dtype=np.float32),
        targets=np.asarray(document["targets"], dtype=np.float32),
        newest=tuple(document["newest"]),
    )


def collect_examples(
    panel: Panel, situation: Situation, ends: IntArray, dictionary: Dictionary, *, limit: int
) -> Examples:
    """Return the newest rows up to the ends.

    Args:
        panel: what is known.
        situation: what is to be forecast.
        ends: position of each series' origin, shape (S,).
        dictionary: which features.
        limit: rows at most.
    """
    start = np.maximum(ends - limit * situation.stride, 0)
    time = np.arange(len(panel.local))
    seen = (time >= start[:, None]) & (time <= ends[:, None])
    scalings = {name: learn_scaling(np.where(seen, panel.values(name), np.nan)) for name in dictionary.variables}
    origins = training_origins(ends, situation, limit=min(limit * situation.stride, int(np.max(ends, initial=0)) + 1))
    features, targets = make_rows(panel, dictionary, scalings, origins, ends)
    return Examples(dictionary, situation, scalings, features, targets, local_times(panel, ends))


def make_rows(
    panel: Panel, dictionary: Dictionary, scalings: Mapping[str, Scaling], origins: IntArray, ends: IntArray
) -> tuple[Rows, Rows]:
    """Return features and scaled targets of origins, shapes (S, O, K) and (S, O, steps)."""
    features = dictionary.values(panel, origins, scalings).astype(np.float32)
    features[origins < 0] = np.nan
    positions = origins[:, :, None] + np.arange(1, dictionary.steps + 1)
    measured = take_positions(panel.measured(dictionary.target), positions)
    known = (positions <= ends[:, None, None]) & (origins >= 0)[:, :, None]
    targets = scalings[dictionary.target].forward(np.where(known, measured, np.nan))
    return features, targets.astype(np.float32)


def local_times(panel: Panel, positions: IntArray) -> tuple[str, ...]:
    """Return the local times at positions as text; empty before the start."""
    return tuple(panel.local[int(p)].isoformat() if p >= 0 else "" for p in positions)


def extend_examples(examples: Examples, panel: Panel, ends: IntArray, *, limit: int) -> tuple[Examples, int]:
    """Return the rows with those up to new ends, and how many rows are new.

    The newest known rows are made again, because targets that lay ahead of their origin have become known.

    Args:
        examples: known rows.
        panel: what is known; it may start later than the one the rows were made from.
        ends: position of each series' origin, shape (S,).
        limit: rows kept at most.
    """
    stride = examples.situation.stride
    steps = _steps_since(examples.newest, panel, ends)
    fresh = np.maximum(steps // stride, 0)
    again = -(-examples.situation.steps // stride)
    count = int(fresh.max(initial=0)) + again
    last = ends - np.where(steps > 0, steps % stride, steps)
    origins = last[:, None] - np.arange(count, dtype=np.int64)[::-1] * stride
    features, targets = make_rows(panel, examples.dictionary, examples.scalings, origins, ends)
    old_features, old_targets = (_shift(old, fresh, limit) for old in (examples.features, examples.targets))
    features, targets = _align(features, old_features.shape[1]), _align(targets, old_targets.shape[1])
    slot = np.arange(old_features.shape[1]) - old_features.shape[1]
    is_fresh = (slot >= -fresh[:, None])[..., None]
    joined = (
        np.where(is_fresh, features, old_features),
        np.where(is_fresh | np.isfinite(targets), targets, old_targets),
    )
    newest = local_times(panel, np.where([bool(text) for text in examples.newest], last, -1))
    newest = tuple(new or old for new, old in zip(newest, examples.newest, strict=True))
    return replace(examples, features=joined[0], targets=joined[1], newest=newest), int(fresh.max(initial=0))


def _steps_since(newest: tuple[str, ...], panel: Panel, ends: IntArray) -> IntArray:
    """Return the steps from each series' newest row to its new end; 0 where there is none."""
    position = {text: count_periods(panel.local[0], pd.Timestamp(text), panel.spec.frequency) for text in set(newest) if text}
    return np.array([end - position[text] if text else 0 for text, end in zip(newest, ends, strict=True)], dtype=np.int64)


def _shift(old: Rows, fresh: IntArray, limit: int) -> Rows:
    """Return old rows moved towards the past by each series' number of fresh ones, at most `limit` rows."""
    n_series, n_old = old.shape[:2]
    count = min(limit, n_old + int(fresh.max(initial=0)))
    slot = np.arange(count) - count + n_old + fresh[:, None]
    inside = (slot >= 0) & (slot < n_old)
    taken = old[np.arange(n_series)[:, None], np.clip(slot, 0, n_old - 1)]
    return np.where(inside[..., None], taken, np.float32(np.nan))


def _align(rows: Rows, count: int) -> Rows:
    """Return the newest rows, so many of them, padded with unknown ones at the old end."""
    lacking = max(0, count - rows.shape[1])
    padded = np.pad(rows, ((0, 0), (lacking, 0), (0, 0)), constant_values=np.float32(np.nan))
    return padded[:, padded.shape[1] - count :]
