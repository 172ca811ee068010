"""The pipeline's own characteristics of a version, next to those of the versions before it.

The limits are in `loopcast.dataops.quality.pipeline`; durations are handed in, because only the orchestrator knows
them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from loopcast.dataops.quality.pipeline import Characteristic, judge_characteristics, judge_refusals
from loopcast.loop.project import Project
from loopcast.schemas import check_table, pipeline_schema
from loopcast.store.outputs import OutputManifest
from loopcast.store.version_records import VersionRecord, version_key, version_number

PIPELINES = "pipeline"
LOOK_BACK = 60


@dataclass(frozen=True)
class VersionPipeline:
    """How one version came in and went through.

    Args:
        manifest: the table as written.
        table: see `loopcast.schemas.pipeline_schema`.
    """

    manifest: OutputManifest
    table: pd.DataFrame


def judge_pipeline(project: Project, version: str, *, durations: Mapping[str, float], now: datetime) -> VersionPipeline:
    """Return rows, lateness, duration and refused share of a version with their limits, written to the store.

    Args:
        project: the use case.
        version: a settled version.
        durations: seconds that the turns of versions took, oldest first; may be empty.
        now: the present time, aware.
    """
    number = version_number(version)
    versions = [version_key(earlier) for earlier in range(max(1, number - LOOK_BACK), number + 1)]
    records = [project.store.versions.record(key) for key in versions]
    table = judge_characteristics(
        [_count_rows(records), _measure_gaps(project, versions), _take_durations(durations, until=version)]
    )
    refused = judge_refusals(np.array([record.status == "refused" for record in records]))
    if refused is not None:
        table = pd.concat([table, pd.DataFrame([refused]).astype(table.dtypes)], ignore_index=True)
    checked = check_table(table, pipeline_schema())
    pins = {"version": version, "dataset": records[-1].state_digest, "code_version": project.code_version}
    return VersionPipeline(project.store.outputs.write(PIPELINES, version, checked, pins=pins, now=now), checked)


def _count_rows(records: list[VersionRecord]) -> Characteristic:
    """Return the rows of each accepted update."""
    accepted = [record for record in records if record.status == "accepted"]
    rows = [record.added + record.corrected + record.removed + record.unchanged for record in accepted]
    return Characteristic("rows", np.array(rows, dtype=np.float64), only_above=False)


def _measure_gaps(project: Project, versions: list[str]) -> Characteristic:
    """Return the time between updates, in units of the cadence that the contract promises."""
    contract = project.use_case.contract
    cadence, grace = pd.Timedelta(contract.cadence), pd.Timedelta(contract.grace)
    moments = [project.store.versions.claim_of(version).claimed_at.timestamp() for version in versions]
    gaps = np.maximum(np.diff(np.array(moments)), 0.0) / cadence.total_seconds()
    return Characteristic("gap_cadences", gaps, least_upper=1.0 + grace / cadence)


def _take_durations(durations: Mapping[str, float], *, until: str) -> Characteristic:
    """Return the seconds that turns took, where the version's own is known."""
    known = [seconds for version, seconds in sorted(durations.items()) if version <= until]
    return Characteristic("duration_s", np.array(known if until in durations else []))
