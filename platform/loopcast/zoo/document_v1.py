"""Zoo documents of the first format in the present one: zoos built before there was a retrain still forecast.

What the present format says is in `loopcast.zoo.document`.
"""

from typing import Any

import numpy as np

from loopcast.dataops.frequency import seasonal_periods
from loopcast.zoo.arrays import as_floats, from_floats

FORMAT = "loopcast-zoo/1"
RECENT = {"half_life_origins": 60}  # what the member labelled `linear_recent` was made with by default
Json = dict[str, Any]
NOTHING_PENDING: Json = {"origins": [], "forecasts": [], "stages": []}


def upgrade(document: Json) -> Json:
    """Return a document of the first format in the present one; any other as it is.

    Its weights become what is known before any window, so that a retrain begins anew with them; members, which kept no
    state, stay what they were until they are fitted again.
    """
    if document.get("format") != FORMAT:
        return document
    spec = {name: value for name, value in document["spec"].items() if name != "refit"}
    parameters = {member["label"] or member["name"]: member["parameters"] for member in spec["members"]}
    known = {"linear_recent": RECENT, **parameters}
    blocks = [_upgrade_block(block, document, known) for block in document["blocks"]]
    return {**document, "format": "loopcast-zoo/2", "spec": spec, "blocks": blocks}


def _upgrade_block(block: Json, document: Json, parameters: Json) -> Json:
    weights = from_floats(block["weights"])[:, 0]
    n_series, n_members = weights.shape
    situation = {**block["situation"], "periods": list(seasonal_periods(document["frequency"])), "calendar": True}
    learned = {
        "gram": as_floats(np.zeros((n_series, n_members, n_members))),
        **{name: [0.0] * n_series for name in ("windows", "scale", "cells")},
        "prior": as_floats(weights),
    }
    kept = {name: value for name, value in block.items() if name != "weights"}
    return {
        **kept,
        "situation": situation,
        "learned": learned,
        "corrections": [],
        "until": [document["training_end"]] * n_series,
        "pending": {**NOTHING_PENDING, "shape": [n_series, 0, situation["steps"], n_members]},
        "choices": [],
        "members": [_upgrade_member(member, situation, parameters) for member in block["members"]],
    }


def _upgrade_member(member: Json, situation: Json, parameters: Json) -> Json:
    if member["kind"] != "linear":
        return member
    state = member["state"]
    fresh = {"situation": situation, "parameters": dict(parameters.get(state["name"], {})), "age": 0}
    return {**member, "state": {**state, **fresh}}
