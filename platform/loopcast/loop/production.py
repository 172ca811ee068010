"""Production: a version and the zoo in force for it become a forecast.

Building zoos is in `loopcast.loop.experiment`, judging forecasts in `loopcast.loop.accuracy`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

import pandas as pd

from loopcast.errors import DataError
from loopcast.loop.forces import list_in_force, read_zoo, zoo_for_version
from loopcast.loop.project import Project
from loopcast.loop.slices import read_window
from loopcast.schemas import check_table, forecast_schema, member_forecast_schema
from loopcast.store.outputs import OutputManifest
from loopcast.store.version_records import VersionRecord
from loopcast.zoo.predict import Prediction, predict

FORECASTS, MEMBERS = "forecasts", "member_forecasts"


class ZooChoice(Enum):
    """Which zoo forecasts a version: the one its earlier forecast pins (else the one in force), or the newest."""

    # Dagster takes the names, not the values, in a run configuration: so they are what a user writes.
    pinned = "pinned"
    current = "current"


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


def forecast_version(
    project: Project, version: str, *, now: datetime, choice: ZooChoice = ZooChoice.pinned
) -> VersionForecast | None:
    """Return the forecast of a version, written to the store; None while no zoo is in force for it.

    The zoo is the one pinned in the version's earlier forecast, else the one in force for the version; with
    `ZooChoice.current` the newest one in force.

    Raises:
        NotFoundError: the version is not there.
        DataError: the version was refused.
        HistoryError: it lacks history that the zoo needs.
    """
    chosen = _choose_zoo(project, version, choice=choice)
    if chosen is None:
        return None
    zoo, digest = chosen
    store, record = project.store, project.store.versions.record(version)
    if record.status != "accepted":
        raise DataError(
            f"{version} is {record.status}: it has no data of its own. Forecast {record.parent}, its parent"
        )
    models = read_zoo(project, digest)
    seen = read_window(project, record, models)
    prediction = predict(models, seen.panel)
    keys = store.spec.series_keys
    forecasts = check_table(prediction.forecasts, forecast_schema(keys))
    members = check_table(prediction.members, member_forecast_schema(keys))
    pins = {
        "version": version,
        "dataset": record.state_digest,
        "zoo": zoo,
        "zoo_digest": digest,
        "code_version": project.code_version,
    }
    facts = {
        "covers_from": str(forecasts["timestamp"].min()),
        "covers_to": str(forecasts["timestamp"].max()),
        "situations_unmet": list(prediction.situations_unmet),
        "notes": list(prediction.notes),
    }
    store.outputs.write(MEMBERS, version, members, pins=pins, now=now)
    manifest = store.outputs.write(FORECASTS, version, forecasts, pins=pins, now=now, facts=facts)
    history = _last_values(seen.frame, project, steps=7 * forecasts["timestamp"].nunique())
    return VersionForecast(manifest, prediction, zoo, digest, history, seen.panel.ignored)


def _choose_zoo(project: Project, version: str, *, choice: ZooChoice) -> tuple[str, str] | None:
    """Return key and digest of the zoo to use, or None."""
    if choice is ZooChoice.current:
        entries = list_in_force(project)
        return (entries[-1].zoo, entries[-1].digest) if entries else None
    earlier = project.store.outputs.manifest(FORECASTS, version)
    if earlier is not None:
        return str(earlier.pins["zoo"]), str(earlier.pins["zoo_digest"])
    entry = zoo_for_version(project, version)
    return (entry.zoo, entry.digest) if entry else None


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


def _last_values(frame: pd.DataFrame, project: Project, *, steps: int) -> pd.DataFrame:
    """Return the last target values of each series."""
    spec = project.store.spec
    names = {spec.timestamp: "timestamp", spec.target: "value"}
    targets = frame[[*spec.keys, spec.target]].rename(columns=names)
    keys = list(spec.series_keys)
    return (targets.groupby(keys, sort=False) if keys else targets).tail(steps).reset_index(drop=True)
