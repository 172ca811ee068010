"""Zoo documents of the first format in the present one: zoos built before there was a retrain still forecast.

What the present format says is in `loopcast.zoo.document`.
"""

from typing import Any

import numpy as np

from loopcast.dataops.frequency import seasonal_periods
from loopcast.zoo.arrays import FloatArray, as_floats, from_floats
from loopcast.zoo.members.linear import SUMS
from loopcast.zoo.quantile_table import GRID

FORMAT = "loopcast-zoo/1"
# Such a zoo kept nothing to learn on from: as if it had seen all there will ever be, no retrain changes it.
LEARNED_UNTIL = "2200-01-01T00:00:00"
Json = dict[str, Any]


def upgrade(document: Json) -> Json:
    """Return a document of the first format in the present one; any other as it is.

    It forecasts as it did, but for the interval, whose two quantiles become a table of quantiles by interpolation.
    """
    if document.get("format") != FORMAT:
        return document
    spec = {name: value for name, value in document["spec"].items() if name != "refit"}
    blocks = [_upgrade_block(block, document) for block in document["blocks"]]
    return {**document, "format": "loopcast-zoo/2", "spec": spec, "blocks": blocks}


def _upgrade_block(block: Json, document: Json) -> Json:
    weights, spread = from_floats(block["weights"]), from_floats(block["spread"])
    n_series, n_steps = spread.shape
    n_members = weights.shape[2]
    situation = {
        **block["situation"],
        "periods": list(seasonal_periods(document["frequency"])),
        "calendar": True,
        "predictor_ends": [],
    }
    kept = {name: value for name, value in block.items() if name not in ("weights", "spread", "quantiles")}
    return {
        **kept,
        "situation": situation,
        "learned": {
            "regret": as_floats(np.zeros((n_series, 1, n_members))),
            "variance": as_floats(np.zeros((n_series, 1, n_members))),
            "extent": as_floats(np.zeros((n_series, 1, 1))),
            "error": as_floats(np.zeros((n_series, n_members))),
            "windows": [0.0] * n_series,
            "prior": as_floats(np.maximum(weights, 1e-300)),
        },
        "corrections": [],
        "intervals": {
            "delay": 1,
            "quantiles": as_floats(_tabulate(from_floats(block["quantiles"]), document["spec"]["level"])),
            "shift": as_floats(np.zeros((n_series, len(GRID)))),
            "spread": as_floats(spread),
            "shape": [n_series, 0, n_steps],
            "errors": [],
        },
        "until": [LEARNED_UNTIL] * n_series,
        "pending": {"origins": [], "forecasts": [], "stages": [], "shape": [n_series, 0, n_steps, n_members]},
        "choices": [],
        "members": [_upgrade_member(member, situation) for member in block["members"]],
    }


def _tabulate(ends: FloatArray, level: float) -> FloatArray:
    """Return a table of quantiles at `GRID`, shape (S, 1, K), from the lower and upper one at a level, shape (S, 2)."""
    tail = (100.0 - level) / 200.0
    rows = [np.interp(GRID, [tail, 0.5, 1.0 - tail], [low, 0.0, high]) for low, high in ends]
    return np.array(rows)[:, None]


def _upgrade_member(member: Json, situation: Json) -> Json:
    if member["kind"] != "linear":
        return member
    nothing: Json = {"decay": 1.0, **{name: [] for name in SUMS}}
    return {**member, "state": {**member["state"], "situation": situation, **nothing}}
