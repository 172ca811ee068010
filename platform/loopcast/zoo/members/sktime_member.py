"""Any sktime forecaster as a member: a class name and parameters, fitted anew on the data at hand when it predicts.

It is slow by nature (one fit per series and origin) and one term; sktime is imported only when a forecaster is made.
"""

import importlib
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from loopcast.errors import CallerError, ModelError
from loopcast.zoo.arrays import FloatArray, IntArray
from loopcast.zoo.fill import fill_seasonal
from loopcast.zoo.members.base import Contributions, FittedMember, Json, Member, Offset, Situation, Term
from loopcast.zoo.panel import Panel

DEFAULT_LENGTH_PERIODS = 10


def load_forecaster(path: str, params: Mapping[str, Any]) -> Any:
    """Return a new forecaster.

    Args:
        path: dotted path (`sktime.forecasting.theta.ThetaForecaster`) or bare class name, which takes seconds to find.
        params: what its constructor takes.

    Raises:
        CallerError: sktime has no such forecaster.
    """
    if "." not in path:
        from sktime.registry import all_estimators

        found = dict(all_estimators("forecaster", return_names=True))
        if path not in found:
            raise CallerError(f"found the forecaster {path!r}; expected a class name of sktime")
        path = f"{found[path].__module__}.{path}"
    module, _, name = path.rpartition(".")
    if not module.startswith("sktime.forecasting"):
        raise CallerError(f"found the forecaster {path!r}; expected a path that starts with sktime.forecasting")
    try:
        with warnings.catch_warnings():
            # sktime 1.2 says at every construction that a default will change: one that `_forecast` sets.
            warnings.filterwarnings("ignore", message="The default of config ``remember_data``", category=FutureWarning)
            return getattr(importlib.import_module(module), name)(**params)
    except (ImportError, AttributeError) as error:
        raise CallerError(f"found the forecaster {path!r}; expected a class of sktime: {error}") from error


class Sktime(Member):
    """An sktime forecaster.

    `parameters`: `forecaster` (dotted path or class name), `params` (of its constructor), `training_length` (newest
    steps it is fitted on; absent: ten of the longest seasonal period).
    """

    kind = "sktime"
    accepts = frozenset({"forecaster", "params", "training_length"})
    needs = frozenset({"forecaster"})

    def default_name(self) -> str:
        """Return `sktime_ThetaForecaster` and the like."""
        return f"{self.kind}_{str(self.parameters['forecaster']).rpartition('.')[2]}"

    def fit(self, panel: Panel, situation: Situation, ends: IntArray) -> "FittedSktime":
        """Return the member after making sure that the forecaster exists; it is fitted when it predicts."""
        period = situation.periods[-1]
        length = int(self.parameters.get("training_length") or max(50, DEFAULT_LENGTH_PERIODS * period))
        path, params = str(self.parameters["forecaster"]), dict(self.parameters.get("params") or {})
        load_forecaster(path, params)
        if (ends < 1).all():
            raise ModelError("found one value; an sktime forecaster needs two")
        return FittedSktime(
            name=self.name, forecaster=path, params=params, training_length=length, period=period,
            steps=situation.steps, target=panel.spec.target,
        )  # fmt: skip


class FittedSktime(FittedMember):
    """See `Sktime`: what is needed to fit and predict; nothing learned is kept, so nothing is pickled."""

    kind = "sktime"

    def __init__(
        self,
        *,
        name: str,
        forecaster: str,
        params: Mapping[str, Any],
        training_length: int,
        period: int,
        steps: int,
        target: str,
    ) -> None:
        """Keep what is needed to predict."""
        self.name, self.forecaster, self.params = name, forecaster, dict(params)
        self.training_length, self.period, self.steps, self.target = training_length, period, steps, target

    def predict(self, panel: Panel, origins: IntArray) -> FloatArray:
        """Return the forecaster's forecasts, fitted anew for each series and origin on the newest values up to it."""
        filled = fill_seasonal(panel.y, self.period)
        first = np.where(np.isfinite(filled).any(axis=1), np.isfinite(filled).argmax(axis=1), filled.shape[1])
        out = np.full((*origins.shape, self.steps), np.nan)
        last = filled.shape[1] - 1
        for series, window in np.argwhere(origins > first[:, None]):
            end = int(min(origins[series, window], last))
            start = max(int(first[series]), end + 1 - self.training_length)
            out[series, window] = self._forecast(filled[series, start : end + 1], int(origins[series, window]) - end)
        return out

    def _forecast(self, values: FloatArray, beyond: int) -> FloatArray:
        steps = np.arange(1, self.steps + 1) + beyond
        forecaster = load_forecaster(self.forecaster, self.params)
        forecaster.set_config(remember_data=False)  # one fit, one forecast: nothing to update later
        made = forecaster.fit(pd.Series(values, name=self.target), fh=steps).predict()
        return np.asarray(made, dtype=np.float64).reshape(-1)

    def contributions(self, panel: Panel, origins: IntArray) -> Contributions:
        """Return one term: the forecaster does not say how it adds up."""
        term = Term(name=f"member:{self.name}", variable=self.target)
        return Contributions(terms=(term,), addends=self.predict(panel, origins)[..., None])

    def offsets(self) -> tuple[Offset, ...]:
        """Return the values it is fitted on, and a period before them for gaps at their start."""
        return (Offset(self.target, 1 - self.training_length - self.period, 0),)

    def importances(self) -> Mapping[str, float]:
        """Return the target alone."""
        return {self.target: 100.0}

    def to_document(self) -> Json:
        """Return the parameters."""
        return {
            "name": self.name,
            "forecaster": self.forecaster,
            "params": self.params,
            "training_length": self.training_length,
            "period": self.period,
            "steps": self.steps,
            "target": self.target,
        }

    @classmethod
    def from_document(cls, document: Json) -> "FittedSktime":
        """Return the member that `to_document` wrote."""
        return cls(**document)
