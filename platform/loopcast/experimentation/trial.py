"""A trial of a zoo that was built elsewhere: what it would have forecast here, beside the seasonal naives.

Nothing is fitted. Members that are fitted here are backtested in `loopcast.experimentation.backtest`.
"""

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from loopcast.dataops.frequency import seasonal_periods
from loopcast.experimentation.backtest import COMBINATION, Backtest, backtest
from loopcast.experimentation.leaderboard import NAIVE
from loopcast.zoo.panel import Panel
from loopcast.zoo.predict import predict
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
