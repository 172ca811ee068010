"""What the boosted correction looks at: members, past cycles and levels, all relative to the combination it corrects.

Everything is on a logarithmic scale and in units of each series' usual change, so that series can be pooled. Learning
from it does not belong here.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from loopcast.zoo.arrays import FloatArray, take_positions
from loopcast.zoo.corrections.base import Made
from loopcast.zoo.learning.log_scale import LogScale

CYCLES = 7  # whose mean is looked at
SCALE_CYCLES = 14  # over which the usual change is measured
LEAST_SCALE = 1e-4


@dataclass(frozen=True)
class Cycles:
    """Lengths in steps.

    Args:
        short: the short period, or half the horizon where there is none that it holds.
        long: the long period, 1 for none.
    """

    short: int
    long: int

    @property
    def depth(self) -> int:
        """Number of values before an origin that are looked at."""
        return max(2 * self.long + 1, (SCALE_CYCLES + 1) * self.short + 1)


def find_cycles(periods: tuple[int, ...], steps: int) -> Cycles:
    """Return the lengths that suit periods and horizon.

    Examples:
        >>> find_cycles((24, 168), 48), find_cycles((1,), 6), find_cycles((52,), 13)
        (Cycles(short=24, long=168), Cycles(short=3, long=1), Cycles(short=6, long=52))
    """
    found = [period for period in periods if period > 1]
    if found and found[0] <= steps:
        return Cycles(found[0], found[1] if len(found) > 1 else 1)
    return Cycles(max(1, steps // 2), found[0] if found else 1)


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of S series, W origins, H steps.

    Args:
        names: of the K columns.
        cells: shape (S, W, H, K), NaN = unknown.
        base: the combination on the scale, shape (S, W, H).
        scale: usual change over a short cycle, shape (S, W).
    """

    names: tuple[str, ...]
    cells: FloatArray
    base: FloatArray
    scale: FloatArray


def build_table(made: Made, transform: LogScale, cycles: Cycles) -> Table:
    """Return the columns; nothing after an origin is looked at."""
    base = transform.to_z(made.base)
    back = np.arange(1 - cycles.depth, 1)
    z = transform.to_z(take_positions(made.panel.y, made.origins[:, :, None] + back))
    change = np.abs(z[:, :, cycles.short :] - z[:, :, : -cycles.short])[:, :, -SCALE_CYCLES * cycles.short :]
    scale = mean_present(change) + LEAST_SCALE
    columns = dict(_columns(made, transform, cycles, base, z, np.log(scale)))
    values = np.empty((*base.shape, len(columns)))
    unit = scale[:, :, None]
    for number, (name, part) in enumerate(columns.items()):
        values[..., number] = part / unit if name not in UNITLESS else part
    return Table(tuple(columns), values, base, scale)


UNITLESS = frozenset({"step", "log_scale", "place_in_range"})


def _columns(
    made: Made, transform: LogScale, cycles: Cycles, base: FloatArray, z: FloatArray, log_scale: FloatArray
) -> Iterator[tuple[str, FloatArray]]:
    """Yield each column; those that are not in `UNITLESS` are differences on the scale."""
    for number, name in enumerate(made.members):
        yield f"member:{name}", transform.to_z(made.forecasts[..., number]) - base
    steps, newest = base.shape[2], z[:, :, -1:]
    for period in sorted({cycles.short, cycles.long} - {1}):
        for times in (1, 2):
            yield f"{times}_x_{period}_back", same_phase(z, period, times, steps) - base
        if period > steps:
            moved = newest - z[:, :, -period - 1 : -period or None]
            yield f"{period}_back_at_level", same_phase(z, period, 1, steps) + moved - base
    past = np.stack([same_phase(z, cycles.short, times, steps) for times in range(1, CYCLES + 1)], axis=-1)
    yield f"mean_of_{CYCLES}_cycles", mean_present(past) - base
    yield "newest", newest - base
    yield "change_in_cycle", newest - z[:, :, -cycles.short - 1, None]
    level = mean_present(z[:, :, -cycles.short :])[:, :, None]
    yield "change_of_level", level - mean_present(z[:, :, -2 * cycles.short : -cycles.short])[:, :, None]
    if cycles.long > 1:
        stop = -cycles.long
        yield "change_in_long_cycle", level - mean_present(z[:, :, stop - cycles.short : stop])[:, :, None]
    yield "step", np.broadcast_to(np.arange(1.0, steps + 1), base.shape)
    yield "log_scale", log_scale[:, :, None]
    centred = base - base.mean(axis=2, keepdims=True)
    yield "place_in_range", centred / (base.std(axis=2, keepdims=True) + LEAST_SCALE)
    yield "above_mean", centred


def same_phase(z: FloatArray, period: int, times: int, steps: int) -> FloatArray:
    """Return for each step the value of its phase in an earlier period, shape (S, W, H).

    Args:
        z: values up to the origin, shape (S, W, B).
        period: in steps.
        times: which period back, 1 is the newest.
        steps: H.
    """
    places = z.shape[2] - times * period + np.arange(steps) % period
    return np.where(places >= 0, z[:, :, np.maximum(places, 0)], np.nan)


def mean_present(values: FloatArray) -> FloatArray:
    """Return the mean of the present values along the last axis; 0 where there is none."""
    present = np.isfinite(values)
    total = np.where(present, values, 0.0).sum(axis=-1)
    return np.asarray(total / np.maximum(present.sum(axis=-1), 1))
