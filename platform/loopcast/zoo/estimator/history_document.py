"""The newest stretch of a history as values for a document, and back.

Zoos have documents of their own, see `loopcast.zoo.document`; where documents are kept is not known here.
"""

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd

from loopcast.zoo.estimator.sktime_panel import History
from loopcast.zoo.estimator.time_axis import TimeAxis
from loopcast.zoo.zoo import Zoo

Json = dict[str, Any]


def crop_history(history: History, zoo: Zoo) -> History:
    """Return the stretch of a history that a zoo looks at from each series' end, and all that is known after it."""
    deepest = min((offset.first for offset in zoo.minimal_history), default=0)
    ends = history.panel().last
    first = max(0, int(ends[ends >= 0].min(initial=0)) + 2 * deepest)
    return replace(
        history,
        axis=history.axis.starting(first),
        y=history.y[:, first:],
        x={place: values[:, first:] for place, values in history.x.items()},
        ends=np.where(history.ends >= first, history.ends - first, -1),
    )


def history_to_document(history: History) -> Json:
    """Return a history as JSON values; the values themselves are arrays."""
    instances = history.instances
    return {
        "axis": asdict(history.axis) | {"start": history.axis.start.isoformat()},
        "instances": None if instances is None else instances.to_frame().to_numpy().tolist(),
        "instance_names": None if instances is None else list(instances.names),
        "target": history.target,
        "columns": list(history.columns),
        "text": sorted(history.text),
        "y": history.y,
        "x": {str(place): values for place, values in history.x.items()},
        "ends": history.ends.tolist(),
    }


def history_from_document(document: Json) -> History:
    """Return the history that `history_to_document` wrote."""
    axis = document["axis"]
    return History(
        axis=TimeAxis(**{**axis, "start": pd.Timestamp(axis["start"])}),
        instances=read_instances(document["instances"], document["instance_names"]),
        target=document["target"],
        columns=tuple(document["columns"]),
        text=frozenset(document["text"]),
        y=np.asarray(document["y"], dtype=np.float64),
        x={int(place): np.asarray(values, dtype=np.float64) for place, values in document["x"].items()},
        ends=np.asarray(document["ends"], dtype=np.int64),
    )


def read_instances(rows: list[list[Any]] | None, names: list[Any]) -> pd.Index | None:
    """Return the index of the series that has one row per series and one value per level."""
    if rows is None:
        return None
    if len(names) == 1:
        only: pd.Index = pd.Index([row[0] for row in rows], name=names[0])
        return only
    return pd.MultiIndex.from_tuples([tuple(row) for row in rows], names=names)
