"""Building part of a zoo anew: new situations only, old ones, or all; the result is the merged zoo.

What is built is in `loopcast.zoo.build`; when it is asked for in `loopcast.reflection.decision`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from loopcast.errors import CallerError
from loopcast.zoo.build import build_zoo, deepest_offsets, series_keys, share_importances
from loopcast.zoo.members.base import Offset, Situation
from loopcast.zoo.panel import Panel
from loopcast.zoo.rolling import Report, Rolling, find_situations
from loopcast.zoo.spec import ZooSpec
from loopcast.zoo.zoo import Availability, BinPromise, Block, Zoo

Shape = tuple[int, tuple[tuple[str, int], ...]]
Scope = Literal["new_situations", "older_than", "all"]


@dataclass(frozen=True)
class RebuildPolicy:
    """Which situations are built anew.

    Args:
        scope: `new_situations`: those at the panel's end that the zoo has no models for; `older_than`: those that have
            learned nothing for so long; `all`: the times of day of the zoo and those at the panel's end.
        age: with `older_than`, for how long; data time.
    """

    scope: Scope = "all"
    age: pd.Timedelta | None = None


def rebuild(
    zoo: Zoo,
    panel: Panel,
    policy: RebuildPolicy,
    *,
    spec: ZooSpec | None = None,
    rolling: Sequence[Rolling] | None = None,
    report: Report | None = None,
) -> Zoo:
    """Return the merged zoo: chosen situations built anew, blocks of the others kept; itself where none is chosen.

    Args:
        zoo: the zoo, with its state.
        panel: everything known.
        policy: which situations.
        spec: what is asked for now; None: what the zoo was asked for. Where that has changed, nothing is kept.
        rolling: backtests of the situations at the panel's end, where they were made before.
        report: is told, in words, how far the work is.

    Raises:
        CallerError: the panel's target or frequency is not the zoo's, or `older_than` without an age.
        DataError: no target value at all.
        ModelError: every member failed.
    """
    check_same(zoo, panel)
    spec = spec or zoo.spec
    at_end = {shape_of(situation) for situation, _, _ in find_situations(panel, spec)}
    if not is_same(spec, zoo.spec):
        return build_zoo(panel, spec, rolling=rolling, report=report)
    chosen = choose_shapes(zoo, panel, policy, at_end)
    here = chosen & at_end
    made = [keep_blocks(build_zoo(panel, spec, rolling=rolling, report=report), here)] if here else []
    elsewhere = {time for time, _ in chosen} - {time for time, _ in here}
    made += [build_zoo(panel, replace(spec, origin_time=time), report=report) for time in sorted(elsewhere)]
    if not made:
        return zoo
    zoo = keep_blocks(zoo, {shape_of(block.situation) for block in zoo.blocks} - chosen)
    for part in made:
        zoo = merge(zoo, part)
    return zoo


def keep_blocks(zoo: Zoo, shapes: set[Shape]) -> Zoo:
    """Return a zoo with the blocks of some of its situations alone."""
    return replace(zoo, blocks=tuple(block for block in zoo.blocks if shape_of(block.situation) in shapes))


def shape_of(situation: Situation) -> Shape:
    """Return what tells situations apart: the time of day, and where predictors end."""
    return situation.time_of_day, situation.predictor_ends


def choose_shapes(zoo: Zoo, panel: Panel, policy: RebuildPolicy, at_end: set[Shape]) -> set[Shape]:
    """Return the situations that a policy chooses, of those of the zoo and those at the panel's end."""
    own = {shape_of(block.situation) for block in zoo.blocks}
    if policy.scope == "all":
        return own | at_end
    if policy.scope == "new_situations":
        return {shape for shape in at_end if shape not in own or not is_covered(zoo, panel, shape)}
    if policy.age is None:
        raise CallerError("found the policy older_than without an age; give one, for instance 28 days")
    limit = panel.local[int(panel.last.max())] - policy.age
    return {shape for shape in own if newest_until(zoo, shape) < limit}


def is_covered(zoo: Zoo, panel: Panel, shape: Shape) -> bool:
    """Return whether a zoo's models of a situation are there for every series that ends at its time of day."""
    blocks = [block for block in zoo.blocks if shape_of(block.situation) == shape]
    known = {zoo.series[number] for block in blocks for number in block.series.tolist()}
    ends = panel.last
    there = (ends >= 0) & (panel.time_of_day(ends) == shape[0])
    return all(key in known for key, is_there in zip(series_keys(panel), there, strict=True) if is_there)


def newest_until(zoo: Zoo, shape: Shape) -> pd.Timestamp:
    """Return the local time up to which the models of a situation have learned."""
    untils = [block.until for block in zoo.blocks if shape_of(block.situation) == shape]
    return pd.Timestamp(np.nanmax(np.concatenate(untils)))


def merge(old: Zoo, new: Zoo) -> Zoo:
    """Return one zoo with the blocks of two, of the same situation those of the new one.

    Promises are pooled; importances and the minimal history are found anew.
    """
    built = {shape_of(block.situation) for block in new.blocks}
    kept = [block for block in old.blocks if shape_of(block.situation) not in built]
    if not kept:
        return new
    series = tuple(dict.fromkeys((*old.series, *new.series)))
    place = {key: number for number, key in enumerate(series)}
    moved = np.array([place[key] for key in new.series], dtype=np.int64)
    blocks = number_models((*kept, *(replace(block, series=moved[block.series]) for block in new.blocks)))
    depths = deepest_offsets(blocks)
    return replace(
        new,
        spec=old.spec,
        series=series,
        blocks=blocks,
        promise=pool_promises(old.promise, new.promise),
        training_start=min(old.training_start, new.training_start),
        importances=share_importances(blocks),
        minimal_history=depths,
        availability=tuple(join_availability(depth, old, new, series) for depth in depths),
        failures=tuple(dict.fromkeys((*old.failures, *new.failures))),
    )


def number_models(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """Return blocks whose models are numbered one after the other."""
    steps = [block.situation.steps for block in blocks]
    return tuple(replace(block, first_index=sum(steps[:at])) for at, block in enumerate(blocks))


def check_same(zoo: Zoo, panel: Panel) -> None:
    """Raise a CallerError where a panel's target or frequency is not the zoo's."""
    found, expected = (panel.spec.target, panel.spec.frequency), (zoo.target, zoo.frequency)
    if found != expected:
        raise CallerError(f"found the target and frequency {found}; the zoo was built for {expected}: build a new one")


def is_same(spec: ZooSpec, other: ZooSpec) -> bool:
    """Return whether two specifications ask for the same, whatever the time of day of their origins."""
    return replace(spec, origin_time=None).to_document() == replace(other, origin_time=None).to_document()


def pool_promises(one: Sequence[BinPromise], other: Sequence[BinPromise]) -> tuple[BinPromise, ...]:
    """Return the errors of two promises together, per bin, each weighted by its number of forecasts.

    Examples:
        >>> pool_promises([BinPromise("all", 1, 1.0, 1.0, 80.0)], [BinPromise("all", 3, 2.0, 1.0, 100.0)])
        (BinPromise(bin='all', n=4, mae=1.75, rmse=1.0, coverage_pct=95.0),)
    """
    bins: dict[str, list[BinPromise]] = {}
    for row in (*one, *other):
        bins.setdefault(row.bin, []).append(row)
    return tuple(_pool(name, rows) for name, rows in bins.items())


def _pool(name: str, rows: Sequence[BinPromise]) -> BinPromise:
    counts = np.array([row.n for row in rows])
    values = np.array([(row.mae, row.rmse**2, row.coverage_pct) for row in rows])
    mae, square, covered = (float(value) for value in np.average(values, axis=0, weights=counts))
    return BinPromise(name, int(counts.sum()), mae, float(np.sqrt(square)), covered)


def join_availability(depth: Offset, old: Zoo, new: Zoo, series: Sequence[tuple[str, ...]]) -> Availability:
    """Return what there was of a variable when two zoos were built: of each series, what the newer one knew."""
    first: dict[tuple[str, ...], str | None] = {}
    ahead: dict[tuple[str, ...], int] = {}
    for zoo in (old, new):
        for item in (item for item in zoo.availability if item.variable == depth.variable):
            first |= dict(zip(zoo.series, item.first, strict=True))
            ahead |= dict(zip(zoo.series, item.ahead, strict=True))
    return Availability(
        depth.variable, tuple(first.get(key) for key in series), tuple(ahead.get(key, 0) for key in series)
    )
