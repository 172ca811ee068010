"""A zoo's answer for any times of a panel, ahead and past: the forecast, and its quantile at any probability.

Tables of a whole horizon, as the loop writes them, are made in `loopcast.zoo.predict`.
"""

from dataclasses import dataclass, replace

import numpy as np

from loopcast.dataops.frequency import Horizon
from loopcast.zoo.arrays import FloatArray, IntArray
from loopcast.zoo.estimator.fitted_values import fit_past
from loopcast.zoo.panel import Panel
from loopcast.zoo.steps import predict_steps
from loopcast.zoo.zoo import Zoo


@dataclass(frozen=True, eq=False)
class Answer:
    """What a zoo says of F times of each of S series.

    Args:
        forecast: shape (S, F); NaN for a series without a value.
        quantiles: shape (S, F, P).
        unmet: what the zoo had no model for, and what was done instead.
    """

    forecast: FloatArray
    quantiles: FloatArray
    unmet: tuple[str, ...] = ()


def answer(zoo: Zoo, panel: Panel, positions: IntArray, probabilities: tuple[float, ...] = ()) -> Answer:
    """Return what a zoo says of some times, those after the last target and those before.

    Args:
        zoo: the models.
        panel: the data; predictors known ahead reach as far as they are known.
        positions: on the panel's grid or after it, shape (S, F).
        probabilities: of the quantiles, in (0, 1), ascending; P of them.
    """
    last = panel.last[:, None]
    ahead = (positions > last) & (last >= 0)
    nothing = np.full((*positions.shape, len(probabilities)), np.nan)
    found = Answer(np.full(positions.shape, np.nan), nothing)
    if (~ahead & (last >= 0)).any():
        found = Answer(*fit_past(zoo, panel, np.where(ahead, -1, positions), probabilities))
    if not ahead.any():
        return found
    step = np.where(ahead, positions - last, 1)
    # The horizon is as long as it has to be: what no model reaches, `predict_steps` takes from the seasonal naive.
    spec = replace(zoo.spec, horizon=Horizon(steps=int(step.max())), quantiles=probabilities)
    steps = predict_steps(replace(zoo, spec=spec), panel)
    cell = (np.arange(len(step))[:, None], step - 1)
    return Answer(
        forecast=np.where(ahead, steps.forecast[cell], found.forecast),
        quantiles=np.where(ahead[..., None], steps.quantiles[cell], found.quantiles),
        unmet=steps.unmet,
    )
