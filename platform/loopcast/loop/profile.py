"""The profile of a version: what its newest stretch looks like, and what in it is not as it used to be.

The judging is in `loopcast.dataops.quality.fitness`; here is which rows it is given and where its tables are written.
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import pandas as pd

from loopcast.dataops.frequency import estimate_frequency, local_time, shift_time
from loopcast.dataops.quality.fitness import Fitness, Windows, assess, choose_windows
from loopcast.dataops.quality.profile import ALL_SERIES, lay_out
from loopcast.dataops.table import OPERATION, UPSERT, TableSpec
from loopcast.errors import DataError
from loopcast.loop.project import Project
from loopcast.schemas import check_table, control_schema, profile_schema
from loopcast.store.outputs import OutputManifest
from loopcast.store.version_records import VersionRecord

PROFILES, CONTROLS = "profile", "control"
MOST_ROWS = 1_000_000


@dataclass(frozen=True)
class VersionProfile:
    """The profile of one version.

    Args:
        manifest: the profile table as written, with the inputs it pins.
        fitness: the tables.
    """

    manifest: OutputManifest
    fitness: Fitness


def profile_version(project: Project, version: str, *, now: datetime) -> VersionProfile:
    """Return the profile of a version's newest stretch, written to the store with the signals found in it.

    Raises:
        NotFoundError: the version is not there.
        DataError: the version was refused.
    """
    store, record = project.store, project.store.versions.record(version)
    if record.status != "accepted":
        raise DataError(f"{version} is {record.status}: it has no data of its own. Profile {record.parent}, its parent")
    windows = choose_windows(store.spec.frequency)
    start = _find_start(project, record, windows)
    frame = store.versions.read(version, start=start)
    layout = lay_out(frame, store.spec)
    fitness = assess(
        layout,
        store.spec,
        touched=find_touched(project, version),
        windows=windows,
        alignments=read_alignments(project, before=version),
    )
    profile = check_table(fitness.profile, profile_schema())
    control = check_table(_type_control(fitness.control), control_schema())
    pins = {"version": version, "dataset": record.state_digest, "code_version": project.code_version}
    store.outputs.write(CONTROLS, version, control, pins=pins, now=now)
    facts = {
        **_tell(profile, control),
        **_tell_sampling(frame, store.spec),
        "from": str(start) if start else None,
        "rows_profiled": layout.n_rows,
    }
    manifest = store.outputs.write(PROFILES, version, profile, pins=pins, now=now, facts=facts)
    return VersionProfile(manifest, fitness)


def find_touched(project: Project, version: str) -> dict[str, pd.Timestamp | None]:
    """Return the first timestamp that a version's update brought or corrected, per variable; None where none."""
    patch, spec = project.store.versions.patch(version), project.store.spec
    sent = patch[patch[OPERATION] == UPSERT]
    first: dict[str, pd.Timestamp | None] = {}
    for name in spec.variable_names:
        times = sent.loc[sent[name].notna(), spec.timestamp] if name in sent else sent[spec.timestamp].iloc[:0]
        first[name] = times.min() if len(times) else None
    return first


def read_alignments(project: Project, *, before: str, last_n: int = 8) -> list[dict[str, float]]:
    """Return where each variable ended, next to the target, in the newest profiles before a version."""
    newest = (one for one in project.store.outputs.walk_back(PROFILES, before) if one.partition < before)
    return [manifest.facts["ends_at"] for manifest in islice(newest, last_n)][::-1]


def _find_start(project: Project, record: VersionRecord, windows: Windows) -> datetime | None:
    """Return where the stretch begins that is looked at: bounded in steps, and in rows for panels of many series."""
    if record.last_timestamp is None:
        return None
    steps = min(windows.steps, max(MOST_ROWS // max(1, record.series), 3 * windows.window))
    return shift_time(pd.Timestamp(record.last_timestamp), project.store.spec.frequency, -steps).to_pydatetime()


def _type_control(control: pd.DataFrame) -> pd.DataFrame:
    numbers = dict.fromkeys(("value", "limit", "score"), "float64")
    return control.astype({"variable": "str", "series": "str", "rule": "str", "timestamp": "datetime64[us]", **numbers})


def _tell(profile: pd.DataFrame, control: pd.DataFrame) -> dict[str, Any]:
    """Return the numbers that are followed from version to version."""
    overall = profile[profile["series"] == ALL_SERIES]
    worst = overall["drift_score"].max()
    ends = overall.dropna(subset=["ends_at"])
    return {
        "missing_pct": float(overall["missing_pct"].max()),
        "outliers": float(overall["outliers"].sum()),
        "longest_gap": float(overall["longest_gap"].max()),
        "signals": float(len(control)),
        "ends_at": dict(zip(ends["variable"], ends["ends_at"], strict=True)),
        "drift_score": None if pd.isna(worst) else float(worst),
    }


def _tell_sampling(frame: pd.DataFrame, spec: TableSpec) -> dict[str, Any]:
    """Return the sampling period as declared and as the times look, and the share of steps that have the latter."""
    local = pd.Series(local_time(pd.DatetimeIndex(frame[spec.timestamp]), spec.time_zone))
    estimate = estimate_frequency(local, series=frame[list(spec.series_keys)])
    return {
        "sampling_declared": spec.frequency,
        "sampling_estimated": estimate.frequency,
        "steps_agree_pct": 100.0 * estimate.share,
    }
