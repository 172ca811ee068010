"""Which block of a zoo is asked for which series, and from how many steps later or earlier.

Asking the models is in `loopcast.zoo.steps`; what they look at is in `loopcast.zoo.minimal`.
"""

from collections.abc import Mapping

import numpy as np

from loopcast.zoo.arrays import BoolArray, IntArray
from loopcast.zoo.build import series_keys
from loopcast.zoo.panel import Panel
from loopcast.zoo.zoo import Block, Zoo

NO_MODEL = 1 << 30  # a lead that no origin can have


def find_series(zoo: Zoo, panel: Panel) -> IntArray:
    """Return each series' number in the zoo's list; -1 for an unknown one."""
    numbers = {key: number for number, key in enumerate(zoo.series)}
    return np.array([numbers.get(key, -1) for key in series_keys(panel)], dtype=np.int64)


def find_rows(block: Block, series: IntArray) -> IntArray:
    """Return each series' row in a block, by its number in the zoo; -1 where it is not there."""
    place = {int(number): row for row, number in enumerate(block.series)}
    return np.array([place.get(int(number), -1) for number in series], dtype=np.int64)


def day_steps(zoo: Zoo) -> int:
    """Return the number of steps between two origins of a situation."""
    return max(block.situation.stride for block in zoo.blocks)


def count_steps(zoo: Zoo, panel: Panel, origins: IntArray) -> int:
    """Return the most wall-clock steps that any series' horizon holds."""
    known = np.unique(origins[origins >= 0])
    _, first = np.unique(panel.time_of_day(known), return_index=True)
    counts = [zoo.spec.horizon.count_steps(panel.local[int(p)], zoo.frequency) for p in known[first]]
    return max([1, *counts])


def choose_blocks(
    zoo: Zoo,
    minutes: IntArray,
    series: IntArray,
    n_steps: int,
    *,
    known: BoolArray,
    predictor_ends: Mapping[str, int] | None = None,
) -> tuple[IntArray, IntArray]:
    """Return for each series the block whose models reach most steps, and from how many steps later they are asked.

    Among equals, the one whose predictors ended where they do now.

    Args:
        zoo: its blocks.
        minutes: local minute of the day of each series' origin, shape (S,).
        series: numbers of the series in the zoo's list, shape (S,).
        n_steps: steps wanted.
        known: whether a series has an origin at all, shape (S,).
        predictor_ends: availability of the predictors, see `Situation`; None: as any block has it.

    Returns:
        Block numbers (-1: none) and leads (NO_MODEL where none), each of shape (S,).
    """
    options = []
    for number, block in enumerate(zoo.blocks):
        here = (find_rows(block, series) >= 0) & known
        unlike = 0.0 if predictor_ends is None else 1e-2 * count_unlike(block, predictor_ends)
        for lead in block_leads(block, minutes):
            beyond = np.maximum(0, n_steps - lead - block.situation.steps)
            cost = np.where(here, np.maximum(lead, 0) + beyond + unlike + np.abs(lead) / 1e4, np.inf)
            options.append((np.full(len(series), number), lead, cost))
    numbers, leads, costs = (np.stack(part) for part in zip(*options, strict=True))
    best = (costs.argmin(axis=0), np.arange(len(series)))
    found = np.isfinite(costs[best]) & (costs[best] < n_steps)
    return np.where(found, numbers[best], -1), np.where(found, leads[best], NO_MODEL)


def count_unlike(block: Block, predictor_ends: Mapping[str, int]) -> float:
    """Return for how many predictors a block expects values that are not there; a tenth for those it could use."""
    pairs = [(end, predictor_ends.get(name, -NO_MODEL)) for name, end in block.situation.predictor_ends]
    return sum(1.0 if now < end else 0.1 for end, now in pairs if now != end)


def block_leads(block: Block, minutes: IntArray) -> tuple[IntArray, IntArray]:
    """Return the steps from each origin to the next, and (at most 0) to the previous, time of day of a block."""
    stride = block.situation.stride
    apart = (block.situation.time_of_day - minutes) % 1440
    later = np.round(apart * stride / 1440).astype(np.int64)
    return later, np.where(later > 0, later - stride, 0)
