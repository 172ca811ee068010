"""Production: a version and the zoo in force for it become a forecast.

Building zoos is in `loopcast.loop.zoos.experiment`, judging forecasts in `loopcast.loop.judging.accuracy`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from time import process_time
from typing import Any

import pandas as pd

from loopcast.dataops.table import TableSpec
from loopcast.errors import DataError
from loopcast.loop.project import Project
from loopcast.loop.slices import Slice, read_window
from loopcast.loop.zoos.forces import FORECASTS, ZooChoice, choose_zoo
from loopcast.loop.zoos.states import learn_version, thin_states
from loopcast.schemas import check_table, forecast_schema, member_forecast_schema
from loopcast.store.outputs import OutputManifest
from loopcast.store.version_records import VersionRecord
from loopcast.zoo.predict import Prediction, predict
from loopcast.zoo.preparation import describe_imputed

MEMBERS = "member_forecasts"


@dataclass(frozen=True)
class VersionForecast:
    """The forecast of one version.

    Args:
        manifest: what was written, with the inputs it pins.
        prediction: the tables.
        zoo: key of the zoo used.
        digest: document of the zoo used.
        history: the last target values before the forecast: series keys, `timestamp`, `value`.
        ignored: predictors that no member uses, with the reason.
    """

    manifest: OutputManifest
    prediction: Prediction
    zoo: str
    digest: str
    history: pd.DataFrame
    ignored: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class MadeForecast:
    """A forecast before it is written.

    Args:
        prediction: the tables.
        seen: what it was made from.
        pins: the inputs.
        facts: what a reader wants to know without opening it.
    """

    prediction: Prediction
    seen: Slice
    pins: Mapping[str, Any]
    facts: Mapping[str, Any]


def forecast_version(
    project: Project, version: str, *, now: datetime, choice: ZooChoice = ZooChoice.pinned
) -> VersionForecast | None:
    """Return the forecast of a version, written to the store; None while no zoo is in force for it.

    The zoo is the one pinned in the version's earlier forecast, else the one in force for the version; with
    `ZooChoice.current` the newest one in force. What it learns from the version first is in
    `loopcast.loop.zoos.states`.

    Raises:
        NotFoundError: the version is not there.
        DataError: the version was refused.
        HistoryError: it lacks history that the zoo needs.
    """
    chosen = choose_zoo(project, version, choice=choice)
    if chosen is None:
        return None
    zoo, digest = chosen
    store, record = project.store, project.store.versions.record(version)
    if record.status != "accepted":
        raise DataError(
            f"{version} is {record.status}: it has no data of its own. Forecast {record.parent}, its parent"
        )
    made, keys = make_forecast(project, record, zoo=zoo, digest=digest), store.spec.series_keys
    forecasts = check_table(made.prediction.forecasts, forecast_schema(keys))
    members = check_table(made.prediction.members, member_forecast_schema(keys))
    store.outputs.write(MEMBERS, version, members, pins=made.pins, now=now)
    manifest = store.outputs.write(FORECASTS, version, forecasts, pins=made.pins, now=now, facts=made.facts)
    thin_states(project, version)
    history = _last_values(made.seen.frame, project.store.spec, steps=7 * forecasts["timestamp"].nunique())
    return VersionForecast(manifest, made.prediction, zoo, digest, history, made.seen.panel.ignored)


def make_forecast(project: Project, record: VersionRecord, *, zoo: str, digest: str) -> MadeForecast:
    """Return what a zoo forecasts after a version, having learned first what is new; its state is written, no more.

    Args:
        project: the use case.
        record: an accepted version.
        zoo: key of the zoo.
        digest: its document.

    Raises:
        HistoryError: the version lacks history that the zoo needs.
    """
    started = process_time()
    learned = learn_version(project, record, digest=digest)
    cpu_s = process_time() - started
    seen = learned.seen or read_window(project, record, learned.zoo)
    prediction = predict(learned.zoo, seen.panel)
    pins = {
        "version": record.version,
        "dataset": record.state_digest,
        "zoo": zoo,
        "zoo_digest": digest,
        "state_digest": learned.digest,
        "state_after": learned.after,
        "preprocessing": seen.preprocessing.to_document(),
        "code_version": project.code_version,
    }
    facts = {
        "covers_from": str(prediction.forecasts["timestamp"].min()),
        "covers_to": str(prediction.forecasts["timestamp"].max()),
        "situations_unmet": list(prediction.situations_unmet),
        "notes": [*describe_imputed(seen.panel), *prediction.notes],
        "rows_read": seen.rows_read,
        "cpu_s": cpu_s,
    }
    return MadeForecast(prediction, seen, pins, facts)


def read_last_values(project: Project, record: VersionRecord, *, steps: int = 336) -> pd.DataFrame:
    """Return the last target values of a version's first series: `timestamp`, `value`.

    Args:
        project: the use case.
        record: an accepted version.
        steps: sampling periods to look back from the version's end.
    """
    spec, end = project.store.spec, record.last_timestamp
    start = None if end is None else (pd.Timestamp(end) - steps * pd.tseries.frequencies.to_offset(spec.frequency))
    frame = project.store.versions.read(record.version, columns=[spec.target], start=start)
    for key in spec.series_keys:
        frame = frame[frame[key] == frame[key].iloc[0]] if len(frame) else frame
    return frame.rename(columns={spec.timestamp: "timestamp", spec.target: "value"})[["timestamp", "value"]]


def _last_values(frame: pd.DataFrame, spec: TableSpec, *, steps: int) -> pd.DataFrame:
    """Return the last target values of each series."""
    names = {spec.timestamp: "timestamp", spec.target: "value"}
    targets = frame[[*spec.keys, spec.target]].dropna(subset=[spec.target]).rename(columns=names)
    keys = list(spec.series_keys)
    return (targets.groupby(keys, sort=False) if keys else targets).tail(steps).reset_index(drop=True)
