"""A trial of a zoo that is there: what it would have forecast at earlier origins, as it is or retrained on the way.

Nothing is built. Members that are fitted here are backtested in `loopcast.experimentation.backtest`.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from loopcast.dataops.frequency import seasonal_periods
from loopcast.experimentation.backtest import COMBINATION, Backtest, backtest
from loopcast.experimentation.leaderboard import NAIVE
from loopcast.zoo.arrays import IntArray
from loopcast.zoo.panel import Panel, stored_timestamps
from loopcast.zoo.predict import predict
from loopcast.zoo.retrain import retrain
from loopcast.zoo.rolling import Rolling
from loopcast.zoo.spec import MemberSpec, ZooSpec
from loopcast.zoo.zoo import Zoo


def try_zoo(zoo: Zoo, panel: Panel, spec: ZooSpec) -> Backtest:
    """Return the forecasts of a zoo, as it is, at the origins of a backtest, beside those of the seasonal naives.

    Where it has learned from these very targets, the trial flatters it.

    Args:
        zoo: models that were built elsewhere.
        panel: a version.
        spec: what a build would be asked for here: its number of windows counts.

    Raises:
        DataError: no target value at all.
        HistoryError: values lack that the zoo cannot do without.
    """
    naives = tuple(MemberSpec(NAIVE, {"period": period}) for period in seasonal_periods(panel.spec.frequency))
    tested = backtest(panel, replace(spec, members=naives))
    known = tested.cells[tested.cells["member"] != COMBINATION]
    identity = [*panel.spec.series_keys, "timestamp", "cutoff"]
    targets = known[[*identity, "samples_ahead", "target"]].drop_duplicates(identity)
    made = pd.concat([table for part in tested.rolling for table in _ask(zoo, part)], ignore_index=True)
    own = targets.merge(made, on=identity)[list(tested.cells.columns)]
    return replace(tested, cells=pd.concat([known, own], ignore_index=True), rolling=())


def _ask(zoo: Zoo, rolling: Rolling) -> Iterator[pd.DataFrame]:
    """Yield what a zoo and its members, but for the seasonal naives, forecast from each origin of a situation."""
    for window in range(rolling.origins.shape[1]):
        view = rolling.panel.cut(rolling.origins[:, window], ahead=rolling.situation.steps)
        made = predict(zoo, view)
        members = made.members[~made.members["member"].str.startswith(NAIVE)]
        for table in (members, made.forecasts.assign(member=COMBINATION)):
            kept = [*rolling.panel.spec.series_keys, "timestamp", "origin", "member", "forecast"]
            yield table[kept].rename(columns={"origin": "cutoff"})


def replay_zoo(zoo: Zoo, panel: Panel, windows: pd.DataFrame) -> pd.DataFrame:
    """Return what a zoo forecasts from each of some origins, having learned first what came up to it: as in production.

    Args:
        zoo: in a state that knows nothing after the first origin.
        panel: a version.
        windows: series keys and `cutoff`, the stored time of an origin; one row at least, none twice.

    Returns:
        Series keys, `timestamp`, `cutoff`, `forecast`.

    Raises:
        CallerError: the panel's target or frequency is not the zoo's.
        HistoryError: values lack that the zoo cannot do without.
    """
    keys, made = list(panel.spec.series_keys), []
    for origins in _plan_origins(panel, windows):
        steps = zoo.spec.horizon.count_steps(panel.local[int(origins.max())], panel.spec.frequency)
        view = panel.cut(origins, ahead=max(1, steps))
        zoo = retrain(zoo, view)
        made.append(predict(zoo, view).forecasts[[*keys, "timestamp", "origin", "forecast"]])
    return pd.concat(made, ignore_index=True).rename(columns={"origin": "cutoff"})


def _plan_origins(panel: Panel, windows: pd.DataFrame) -> Iterator[IntArray]:
    """Yield the positions of one origin per series, oldest first; -1 for a series that has fewer of them."""
    keys = list(panel.spec.series_keys)
    stored = pd.DatetimeIndex(stored_timestamps(panel.local, panel.spec))
    numbered = panel.keys.assign(series=np.arange(len(panel.keys)))
    rows = windows.merge(numbered, on=keys) if keys else windows.assign(series=0)
    rows = rows.assign(position=stored.get_indexer(pd.DatetimeIndex(rows["cutoff"]))).sort_values("cutoff")
    rows = rows.assign(turn=rows.groupby("series").cumcount() - rows.groupby("series")["cutoff"].transform("size"))
    for _, part in rows.groupby("turn"):  # -1 is the newest of each series
        origins = np.full(len(panel.keys), -1, dtype=np.int64)
        origins[part["series"]] = part["position"]
        yield origins
