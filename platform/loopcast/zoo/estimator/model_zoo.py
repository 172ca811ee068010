"""The zoo as an sktime forecaster: fit builds, predict applies, update retrains. The loop's assets call the same code.

What a zoo is, and how it is built and asked, is in the modules it calls; pandas' index types in `sktime_panel`.
"""

import warnings
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sktime.forecasting.base import BaseForecaster, ForecastingHorizon

from loopcast.dataops.frequency import Horizon, seasonal_periods, step_ns
from loopcast.errors import CallerError, ModelError
from loopcast.zoo.arrays import IntArray
from loopcast.zoo.build import build_zoo
from loopcast.zoo.document import zoo_from_document, zoo_to_document
from loopcast.zoo.estimator.answer import Answer, answer
from loopcast.zoo.estimator.history_document import crop_history, history_from_document, history_to_document
from loopcast.zoo.estimator.sktime_panel import History, start_history
from loopcast.zoo.explain import explain
from loopcast.zoo.panel import Panel
from loopcast.zoo.periods import find_periods
from loopcast.zoo.rebuild import RebuildPolicy, Scope, rebuild
from loopcast.zoo.retrain import retrain
from loopcast.zoo.spec import MemberSpec, ZooSpec
from loopcast.zoo.zoo import Zoo

FORMAT = "loopcast-model-zoo/1"
_ZOOS = ("zoo_", "_longer")
SHORTEST_HORIZON, LONGEST_HORIZON = 6, 168  # where nobody says how far: a seasonal period within these bounds


class ModelZoo(BaseForecaster):  # type: ignore[misc]
    """Automatic forecasts by a zoo of models; every default is meant to be left alone.

    Series and panels of any frequency and of integer time, with gaps, of any length; each series of a panel is
    forecast from its own end. Columns of X are predictors that are known ahead: `predict` is given their values for
    the horizon.

    Args:
        horizon: steps (24), or whole local calendar units ("1D"); None: up to the end of `fh`, and without that one
            seasonal period. A longer `fh` in `predict` builds what lacks then, and says so.
        measured: columns of X that are known up to now only; `predict` does not look at them.
        sp: seasonal period in steps, or several; None: found by the zoo.
        holidays: country, or country and subdivision (`US`, `US-MN`).
        members: names of members, or {"name": ..., "parameters": {...}, "label": ...}; None: those that suit the data.
        level: coverage of the interval that the zoo's document states, percent in (0, 100).
        n_windows: backtest windows; None: the zoo's own.
        random_state: seed of all that is drawn.

    Examples:
        >>> import pandas as pd
        >>> from loopcast import ModelZoo
        >>> week = [3.0, 1.0, 1.0, 1.0, 1.0, 2.0, 4.0]
        >>> y = pd.Series(week * 8, index=pd.period_range("2026-01-05", periods=56, freq="D"))
        >>> ModelZoo().fit(y, fh=[1, 2, 7]).predict().round(1).tolist()
        [3.0, 1.0, 4.0]
    """

    _tags: ClassVar[dict[str, Any]] = {
        "authors": "loopcast developers",
        "maintainers": "loopcast developers",
        "capability:multivariate": False,
        "capability:exogenous": True,
        "capability:insample": True,
        "capability:pred_int": True,
        "capability:pred_int:insample": True,
        "capability:missing_values": True,
        "capability:non_contiguous_X": True,
        "capability:update": True,
        "capability:unequal_length": True,
        "capability:categorical_in_X": True,
        "capability:random_state": True,
        "property:randomness": "derandomized",
        "y_inner_mtype": ["pd.DataFrame", "pd-multiindex", "pd_multiindex_hier"],
        "X_inner_mtype": ["pd.DataFrame", "pd-multiindex", "pd_multiindex_hier"],
        "requires-fh-in-fit": False,
        "X-y-must-have-same-index": False,
    }
    # The data are kept as arrays (`History`); sktime's own copies would be made anew with every update.
    _config: ClassVar[dict[str, Any]] = {"remember_data": False}
    _y = None
    _X = None

    def __init__(
        self,
        horizon: int | str | None = None,
        measured: Sequence[Hashable] | None = None,
        sp: int | Sequence[int] | None = None,
        holidays: str | None = None,
        members: Sequence[str | Mapping[str, Any]] | None = None,
        level: float = 90.0,
        n_windows: int | None = None,
        random_state: int = 0,
    ) -> None:
        """Keep the parameters as they are."""
        self.horizon = horizon
        self.measured = measured
        self.sp = sp
        self.holidays = holidays
        self.members = members
        self.level = level
        self.n_windows = n_windows
        self.random_state = random_state
        super().__init__()

    def _fit(self, y: pd.DataFrame, X: pd.DataFrame | None, fh: ForecastingHorizon | None) -> "ModelZoo":
        self._history = start_history(y, X)
        self._longer: Zoo | None = None
        panel, periods = self._panel(), self._periods()
        self.zoo_ = build_zoo(panel, self._spec(self._find_horizon(panel, fh, periods), periods))
        return self

    def _update(self, y: pd.DataFrame, X: pd.DataFrame | None = None, *, update_params: bool = True) -> "ModelZoo":
        self._history = self._history.add(y, X)
        if update_params:
            panel = self._panel()
            self.zoo_ = retrain(self.zoo_, panel)
            self._longer = None if self._longer is None else retrain(self._longer, panel)
        return self

    def rebuild(self, scope: Scope = "all", age: str | None = None) -> "ModelZoo":
        """Build situations anew from all data seen so far; the others stay as they are.

        Args:
            scope: `new_situations` that there are no models for, those `older_than` an age, or `all`.
            age: with `older_than`, a time ("28D").
        """
        self._check_single()
        policy = RebuildPolicy(scope, None if age is None else pd.Timedelta(age))
        self.zoo_, self._longer = rebuild(self.zoo_, self._panel(), policy), None
        return self

    def _predict(self, fh: ForecastingHorizon, X: pd.DataFrame | None) -> pd.DataFrame:
        found, index = self._ask(fh, X)
        return pd.DataFrame({self._history.target: found.forecast.ravel()}, index=index)

    def _predict_quantiles(
        self, fh: ForecastingHorizon, X: pd.DataFrame | None, alpha: Sequence[float]
    ) -> pd.DataFrame:
        ascending, place = np.unique(np.asarray(alpha, dtype=np.float64), return_inverse=True)
        found, index = self._ask(fh, X, tuple(ascending.tolist()))
        made = found.quantiles[..., place].reshape(-1, len(alpha))
        columns = pd.MultiIndex.from_product([[self._history.target], list(alpha)])
        return pd.DataFrame(made, index=index, columns=columns)

    def explain(self, X: pd.DataFrame | None = None) -> pd.DataFrame:
        """Return how each forecast of the zoo's horizon adds up, see `loopcast.zoo.explain`.

        Args:
            X: predictors for the horizon, as for `predict`.
        """
        self._check_single()
        return explain(self.zoo_, self._panel(X))

    def to_document(self) -> dict[str, Any]:
        """Return parameters, zoo and the stretch of data that a forecast looks at, as JSON values and arrays."""
        self._check_single()
        return {
            "format": FORMAT,
            "parameters": self.get_params(),
            "mtype": self._y_metadata["mtype"],
            "fh": self._fh.to_pandas().tolist() if self._fh is not None and self._fh.is_relative else None,
            "zoo": zoo_to_document(self.zoo_),
            "history": history_to_document(crop_history(self._history, self.zoo_)),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "ModelZoo":
        """Return the fitted forecaster that `to_document` wrote: it predicts and updates as that one did.

        Raises:
            ModelError: the document is of another kind.
        """
        if document.get("format") != FORMAT:
            raise ModelError(f"found the format {document.get('format')!r}; expected {FORMAT}")
        made = cls(**document["parameters"])
        made._restore(history_from_document(document["history"]), zoo_from_document(document["zoo"]), document["mtype"])
        if document["fh"] is not None:
            made._check_fh(document["fh"])
        return made

    def _restore(self, history: History, zoo: Zoo, mtype: str) -> None:
        """Be fitted, in sktime's eyes as well, on data of that type."""
        self._history, self._longer, self.zoo_ = history, None, zoo
        index, _ = locate(history, ForecastingHorizon([0]))
        y: pd.DataFrame | pd.Series[float] = pd.DataFrame(0.0, index=index, columns=[history.target])
        if mtype == "pd.Series":  # an unnamed one is called 0
            y = pd.Series(0.0, index=index, name=history.target or None)
        _, inner = self._check_X_y(y=y)
        self._update_y_X(inner)
        self._is_vectorized, self._is_fitted = False, True

    def _check_single(self) -> None:
        """Raise where there is no zoo, or one for each column of y.

        Raises:
            CallerError: y has several columns.
        """
        self.check_is_fitted()
        if self._is_vectorized:
            raise CallerError(
                "found several columns in y, each with a zoo of its own; expected one: ask `forecasters_`"
            )

    def _panel(self, x: pd.DataFrame | None = None) -> Panel:
        history = self._history if x is None else self._history.add(None, x)
        return history.panel(self.measured or ())

    def _spec(self, horizon: Horizon, periods: tuple[int, ...] | None) -> ZooSpec:
        spec = ZooSpec(
            horizon=horizon,
            members=tuple(member_spec(member) for member in self.members or ()),
            level=self.level,
            holidays=self.holidays,
            periods=periods,
            calendar=not self._history.axis.is_integer,
            seed=self.random_state,
        )
        return spec if self.n_windows is None else replace(spec, n_windows=self.n_windows)

    def _periods(self) -> tuple[int, ...] | None:
        """Return the seasonal periods that are asked for, and of integer time those found; None: the frequency's."""
        if self.sp is not None:
            given = [self.sp] if isinstance(self.sp, int) else self.sp
            return tuple(sorted({int(period) for period in given}))
        return find_periods(self._history.y) if self._history.axis.is_integer else None

    def _find_horizon(self, panel: Panel, fh: ForecastingHorizon | None, periods: tuple[int, ...] | None) -> Horizon:
        if self.horizon is not None:
            return Horizon.parse(self.horizon)
        if fh is None:
            period = (periods or seasonal_periods(panel.spec.frequency))[0]
            return Horizon(steps=min(max(period, SHORTEST_HORIZON), LONGEST_HORIZON))
        return Horizon(steps=usual_steps(panel, locate(self._history, fh)[1]))

    def _ask(
        self, fh: ForecastingHorizon, x: pd.DataFrame | None, probabilities: tuple[float, ...] = ()
    ) -> tuple[Answer, pd.Index]:
        panel = self._panel(x)
        index, positions = locate(self._history, fh)
        zoo = self._zoo_for(usual_steps(panel, positions), panel)
        found = answer(zoo, panel, positions, probabilities)
        late = int((needed_steps(panel, positions) > reach(zoo)).sum())
        beyond = (f"{late} series ended earlier: seasonal naive where the models do not reach",) if late else ()
        for sentence in (*found.unmet, *beyond):
            warnings.warn(f"ModelZoo: {sentence}", stacklevel=2)
        return found, index

    def _zoo_for(self, needed: int, panel: Panel) -> Zoo:
        """Return the zoo that reaches so many steps; one for a longer horizon is built when it is first asked for."""
        if needed <= reach(self.zoo_):
            return self.zoo_
        if self._longer is None or reach(self._longer) < needed:
            warnings.warn(f"ModelZoo: built models for {needed} steps; give fh, or horizon, to fit", stacklevel=2)
            self._longer = build_zoo(panel, replace(self.zoo_.spec, horizon=Horizon(steps=needed)))
        return self._longer

    def __getstate__(self) -> dict[str, Any]:
        """Return the state to be pickled or copied: zoos as their documents."""
        state = dict(self.__dict__)
        return state | {name: zoo_to_document(state[name]) for name in _ZOOS if state.get(name) is not None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the state that `__getstate__` gave."""
        made = {name: zoo_from_document(state[name]) for name in _ZOOS if state.get(name) is not None}
        self.__dict__.update(state | made)

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:  # noqa: ARG003
        """Return parameters for sktime's test suite, small and fast."""
        naive = {"name": "seasonal_naive", "parameters": {"period": 7}}
        return [{"n_windows": 1}, {"horizon": 3, "members": [naive], "level": 80.0, "n_windows": 2}]


def reach(zoo: Zoo) -> int:
    """Return the steps that all models of a zoo reach."""
    return min(block.situation.steps for block in zoo.blocks)


def needed_steps(panel: Panel, positions: IntArray) -> IntArray:
    """Return the steps from each series' last target to the last of its positions, shape (S,); 0 without a target."""
    return np.where(panel.last >= 0, positions.max(axis=1) - panel.last, 0)


def usual_steps(panel: Panel, positions: IntArray) -> int:
    """Return the steps for which models are built: the most of any series, but for those that ended long before others.

    Examples:
        >>> panel = start_history(pd.DataFrame({"y": [1.0, 2.0, 3.0]}), None).panel()
        >>> usual_steps(panel, np.array([[3, 4]]))
        2
    """
    needed = needed_steps(panel, positions)[panel.last >= 0]
    needed = np.maximum(needed, 1)
    return int(needed[needed <= 2 * needed.min(initial=1 << 30)].max(initial=1))


def member_spec(member: str | Mapping[str, Any]) -> MemberSpec:
    """Return the member's specification."""
    return MemberSpec(member) if isinstance(member, str) else MemberSpec(**member)


def locate(history: History, fh: ForecastingHorizon) -> tuple[pd.Index, IntArray]:
    """Return the times that a horizon means, series by series, and their positions of shape (S, F).

    A relative horizon counts from the end of each series.
    """
    values, axis, n_series = fh.to_pandas(), history.axis, len(history.y)
    if fh.is_relative:
        length = step_ns(axis.frequency)
        if isinstance(values, pd.TimedeltaIndex) and length is not None:
            values = pd.Index(values.as_unit("ns").asi8 // length)
        times, positions = axis.ahead(history.ends, values.to_numpy(dtype=np.int64))
    else:
        positions = np.broadcast_to(axis.number(values), (n_series, len(values)))
        times = axis.label(positions[0]) if n_series == 1 else axis.label(positions.reshape(-1))
    return history.label(times, len(values)), positions
