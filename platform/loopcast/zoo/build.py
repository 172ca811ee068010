"""One pass from a panel to a zoo: backtest, weights, intervals, promise, and members fitted on everything.

Whether the zoo may go into force is decided in `loopcast.experimentation` and `loopcast.reflection`.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from loopcast.dataops.frequency import seasonal_periods, steps_per_day
from loopcast.zoo.arrays import FloatArray, first_present, last_present
from loopcast.zoo.difficulty import find_difficulty
from loopcast.zoo.features import look_back
from loopcast.zoo.intervals import learn_intervals, replay_ends
from loopcast.zoo.members.base import Offset
from loopcast.zoo.panel import Panel
from loopcast.zoo.pending import make_pending
from loopcast.zoo.rolling import Report, Rolling, known_delay, roll, training_panel
from loopcast.zoo.spec import ZooSpec, bin_width
from loopcast.zoo.zoo import Availability, BinPromise, Block, Pending, SeriesKey, Zoo


def build_zoo(
    panel: Panel, spec: ZooSpec, *, rolling: Sequence[Rolling] | None = None, report: Report | None = None
) -> Zoo:
    """Return the zoo of a panel: every situation at its end, each with all members that could be fitted.

    Args:
        panel: everything known.
        spec: what is asked for.
        rolling: `roll(panel, spec)` where it was made before (`Backtest.rolling`); else it is made here.
        report: is told, in words, how far the work is.

    Raises:
        DataError: no target value at all.
        ModelError: every member failed.
    """
    rolling = roll(panel, spec, report=report) if rolling is None else rolling
    learned = training_panel(panel, spec)
    blocks: list[Block] = []
    first_index = 0
    for part in rolling:
        blocks.append(build_block(part, first_index=first_index))
        first_index += part.situation.steps
    last = int(learned.last.max())
    depths = deepest_offsets(blocks)
    present = np.flatnonzero(np.isfinite(learned.y).any(axis=0))
    return Zoo(
        spec=spec,
        target=panel.spec.target,
        frequency=panel.spec.frequency,
        seasonal_periods=rolling[0].situation.periods,
        series=series_keys(panel),
        blocks=tuple(blocks),
        promise=make_promise(rolling, spec, bin_width(panel.spec.frequency)),
        training_start=learned.local[int(present[0])].isoformat(),
        training_end=learned.local[last].isoformat(),
        training_length=last - int(present[0]) + 1,
        importances=share_importances(blocks),
        minimal_history=depths,
        availability=tuple(find_availability(learned, depth, blocks) for depth in depths),
        failures=tuple(dict.fromkeys(failure for part in rolling for failure in part.failures)),
        difficulty=find_difficulty(rolling),
    )


def recommended_periods(spec: ZooSpec, frequency: str) -> int:
    """Return the periods of history that a build should have: every backtest window with a whole look-back before it.

    Args:
        spec: horizon and number of windows.
        frequency: sampling period.

    Examples:
        >>> from loopcast.dataops.frequency import Horizon
        >>> recommended_periods(ZooSpec(Horizon(count=1, unit="D"), n_windows=28), "h")
        2880
    """
    periods, stride = spec.periods or seasonal_periods(frequency), steps_per_day(frequency)
    horizon = spec.horizon.steps or {"D": 1, "W": 7, "M": 31}[spec.horizon.unit] * spec.horizon.count * stride
    return look_back(periods[0], periods[-1]) + spec.n_windows * stride + horizon


def count_history(panel: Panel) -> int:
    """Return the periods from the first target of any series to the last one."""
    first, last = first_present(panel.y), panel.last
    return int(last.max() - first.min()) + 1


def series_keys(panel: Panel) -> tuple[SeriesKey, ...]:
    """Return each series' key values as text."""
    columns = [panel.keys[name].astype(str) for name in panel.keys.columns]
    return tuple(zip(*columns, strict=True)) if columns else ((),)


def build_block(rolling: Rolling, *, first_index: int) -> Block:
    """Return one situation's models with what they learned, and the forecast that is pending."""
    steps, n_series = rolling.situation.steps, len(rolling.series)
    view = rolling.panel.cut(rolling.ends, ahead=steps)
    block = Block(
        situation=rolling.situation,
        series=rolling.series,
        members=rolling.fitted,
        learned=rolling.weights,
        corrections=rolling.corrections,
        intervals=learn_intervals(
            rolling.targets - rolling.combined, delay=known_delay(rolling.origins, rolling.situation)
        ),
        bounds=find_bounds(rolling.panel.y),
        until=view.times(rolling.ends),
        pending=Pending(
            np.empty((n_series, 0), dtype="datetime64[us]"),
            np.empty((n_series, 0, steps, len(rolling.fitted))),
            np.empty((n_series, 0, steps, len(rolling.corrections) + 1)),
        ),
        choices=rolling.choices,
        n_windows=rolling.origins.shape[1],
        first_index=first_index,
    )
    return replace(block, pending=make_pending(block, view, rolling.ends))


def find_bounds(y: FloatArray) -> FloatArray:
    """Return the lowest and highest forecast allowed, shape (S, 2): the range seen, widened by a quarter of it.

    A series that was never negative stays so.
    """
    seen = np.isfinite(y).any(axis=1)
    low = np.where(seen, np.where(np.isfinite(y), y, np.inf).min(axis=1), 0.0)
    high = np.where(seen, np.where(np.isfinite(y), y, -np.inf).max(axis=1), 0.0)
    margin = 0.25 * (high - low)
    return np.stack([np.where(low >= 0, np.maximum(low - margin, 0.0), low - margin), high + margin], axis=1)


def make_promise(rolling: Sequence[Rolling], spec: ZooSpec, width: int) -> tuple[BinPromise, ...]:
    """Return the combination's out-of-sample errors over all steps and per bin of samples ahead."""
    errors, inside, steps = [], [], []
    for part in rolling:
        error = part.targets - part.combined
        delay = known_delay(part.origins, part.situation)
        lower, upper = replay_ends(error, level=spec.level, delay=delay)
        known = np.isfinite(error)
        errors.append(error[known])
        inside.append(((error >= lower) & (error <= upper))[known])
        steps.append(np.broadcast_to(np.arange(part.situation.steps), error.shape)[known])
    error, covered, step = np.concatenate(errors), np.concatenate(inside), np.concatenate(steps)
    bins = [("all", np.ones(len(error), dtype=bool))]
    bins += [(bin_name(int(b), width), step // width == b) for b in np.unique(step // width)]
    return tuple(
        BinPromise(
            bin=name,
            n=int(mask.sum()),
            mae=float(np.abs(error[mask]).mean()),
            rmse=float(np.sqrt((error[mask] ** 2).mean())),
            coverage_pct=float(100.0 * covered[mask].mean()),
        )
        for name, mask in bins
        if mask.any()
    )


def bin_name(number: int, width: int) -> str:
    """Return the name of a bin of samples ahead.

    Examples:
        >>> bin_name(1, 24)
        'S+25:S+48'
    """
    return f"S+{number * width + 1}:S+{(number + 1) * width}"


def share_importances(blocks: Sequence[Block]) -> dict[str, float]:
    """Return each variable's share in percent: the members' own, by their mean weights; largest first."""
    total: dict[str, float] = {}
    for block in blocks:
        shares = block.weights.mean(axis=(0, 1)) * len(block.series)
        for member, share in zip(block.members, shares, strict=True):
            for variable, value in member.importances().items():
                total[variable] = total.get(variable, 0.0) + float(share) * value
    whole = sum(total.values())
    ordered = sorted(total.items(), key=lambda item: (-item[1], item[0]))
    return {variable: 100.0 * value / whole for variable, value in ordered}


def deepest_offsets(blocks: Sequence[Block]) -> tuple[Offset, ...]:
    """Return for each variable the oldest and newest step that any member looks at."""
    found: dict[str, Offset] = {}
    members = [offset for block in blocks for member in block.members for offset in member.offsets()]
    corrections = [offset for block in blocks for correction in block.corrections for offset in correction.offsets()]
    for offset in (*members, *corrections):
        known = found.get(offset.variable, offset)
        found[offset.variable] = Offset(offset.variable, min(known.first, offset.first), max(known.last, offset.last))
    return tuple(found.values())


def find_availability(panel: Panel, depth: Offset, blocks: Sequence[Block]) -> Availability:
    """Return what there is of a variable in the panel that a zoo learns from.

    Args:
        panel: the panel.
        depth: names the variable; positive steps are known ahead.
        blocks: give the steps that each series' forecasts reach.
    """
    values = panel.measured(depth.variable)
    first = first_present(values)
    ahead = np.maximum(last_present(values) - panel.last, 0)
    steps = np.ones(len(values), dtype=np.int64)
    for block in blocks:
        steps[block.series] = block.situation.steps
    whole = (ahead >= steps) & (depth.last > 0)
    times = [panel.local[p].isoformat() if p < len(panel.local) else None for p in first]
    return Availability(depth.variable, tuple(times), tuple(int(n) for n in np.where(whole, ahead, 0)))
