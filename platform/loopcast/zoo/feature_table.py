"""Feature tables, point in time correct: the linear members' own features, as they were known at each origin.

One definition serves training, forecasting and whoever wants the table; reading versions does not belong here.
"""

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pandas as pd

from loopcast.dataops.frequency import regular_grid, seasonal_periods, steps_per_day
from loopcast.zoo.arrays import IntArray
from loopcast.zoo.features import Recipe, build_design, look_back, make_recipe
from loopcast.zoo.members.base import Situation
from loopcast.zoo.panel import Panel, stored_timestamps
from loopcast.zoo.spec import ZooSpec


def make_feature_table(panel: Panel, positions: Sequence[int], spec: ZooSpec) -> pd.DataFrame:
    """Return one row per series, origin and step ahead: what could be known at that origin, and nothing else.

    Targets and measured predictors end before each origin as they do at the panel's end; predictors known ahead are
    there for the horizon. A value after the origin, or after the horizon, changes nothing.

    Args:
        panel: a version, prepared.
        positions: the origins, positions on the panel's grid.
        spec: gives the horizon and the place of the holidays.

    Returns:
        Series keys, `origin`, `timestamp`, `samples_ahead`, and a column per feature; NaN where unknown.
    """
    stride = steps_per_day(panel.spec.frequency)
    periods = spec.periods or seasonal_periods(panel.spec.frequency)
    recipe = make_recipe(panel, Situation(1, 0, stride, spec.holidays, periods, spec.calendar), panel.last)
    parts = [_features_at(panel, int(position), recipe, spec) for position in positions]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _features_at(panel: Panel, position: int, recipe: Recipe, spec: ZooSpec) -> pd.DataFrame:
    steps = max(1, spec.horizon.count_steps(panel.local[position], panel.spec.frequency))
    # Two weeks more than the features look back at keep holidays that move a Sunday inside.
    start = max(0, position - look_back(recipe.short, recipe.long) - 2 * recipe.long)
    ends = np.minimum(panel.last, position)
    known = _known_at(panel, ends, position + steps).since(start)
    beyond = max(0, position + steps + 1 - start - len(known.local))
    origins = np.where(ends >= start, ends - start, -1)
    design = build_design(known.extend(beyond), origins[:, None], replace(recipe, steps=steps))
    return _to_frame(panel, ends, steps, [term.name for term in design.terms], np.take(design.values, 0, axis=1))


def _known_at(panel: Panel, ends: IntArray, newest: int) -> Panel:
    """Return the panel as it was known at the origins, with predictors known ahead up to the end of the horizon."""
    cut = panel.cut(ends)
    horizon = np.full(len(ends), newest)
    ahead = {name: cut.known_until(name, horizon) for name in cut.known_ahead}
    return replace(cut, x=MappingProxyType({**cut.x, **ahead}))


def _to_frame(panel: Panel, ends: IntArray, steps: int, names: list[str], values: np.ndarray) -> pd.DataFrame:
    """Return the features of the series that have an origin, as rows."""
    series = np.repeat(np.flatnonzero(ends >= 0), steps)
    step = np.tile(np.arange(1, steps + 1), int((ends >= 0).sum()))
    grid = regular_grid(panel.local[0], panel.spec.frequency, periods=int(ends.max()) + steps + 1)
    stored = stored_timestamps(grid, panel.spec)
    keys = {str(name): panel.keys[name].to_numpy()[series] for name in panel.keys.columns}
    columns = {"origin": stored[ends[series]], "timestamp": stored[ends[series] + step], "samples_ahead": step}
    features = pd.DataFrame(values[series, step - 1], columns=names)
    return pd.concat([pd.DataFrame({**keys, **columns}), features], axis=1)
