"""The judgement after each version: is production worse than the zoo in force promised, written down and read again.

The judging is in `loopcast.reflection.deterioration`; here is which cells it is given. Whatever is looked at is among
the newest versions only.
"""

from dataclasses import asdict, replace
from datetime import datetime
from itertools import islice

import pandas as pd

from loopcast.dataops.quality.profile import ALL_SERIES
from loopcast.loop.judging.accuracy import CELLS, LOOK_BACK, read_cells
from loopcast.loop.profile import PROFILES
from loopcast.loop.project import Project
from loopcast.loop.zoos.forces import ZooInForce, zoo_for_version
from loopcast.loop.zoos.promises import Promise, find_promise
from loopcast.reflection.deterioration import BinJudgement, Judgement, Limits, judge, judgement_from_dict
from loopcast.store.version_records import version_key, version_number

JUDGEMENTS = "judgements"
NEWEST_PROFILES = 3
COLUMNS = tuple(BinJudgement.__dataclass_fields__)


def judge_version(project: Project, version: str, *, now: datetime, entry: ZooInForce | None = None) -> Judgement:
    """Return the judgement of a zoo after a version; made once, and again where the version's report was made again.

    Args:
        project: the use case.
        version: an accepted version.
        now: the present time, aware.
        entry: the zoo and the version from which on it is in force; default the one in force for the version.
    """
    entry = entry or zoo_for_version(project, version)
    if entry is None or entry.from_version > version:
        return Judgement()
    outputs, limits, promise = project.store.outputs, make_limits(project), find_promise(project, entry)
    report = outputs.manifest(CELLS, version)
    pins = {
        "version": version,
        "zoo": entry.zoo,
        "zoo_digest": entry.digest,
        "promise": promise.build,
        "report": report.digest if report else None,
        "limits": asdict(limits),
        "code_version": project.code_version,
    }
    known = outputs.manifest(JUDGEMENTS, version)
    if known is not None and known.pins == pins:
        return judgement_from_dict(known.facts)
    judgement = replace(_judge(project, promise, limits, until=version), data_drift=_find_data_drift(project, version))
    bins = pd.DataFrame([asdict(row) for row in judgement.bins], columns=list(COLUMNS)).astype({"since": "str"})
    outputs.write(JUDGEMENTS, version, bins, pins=pins, now=now, facts=judgement.to_dict())
    return judgement


def read_judgement(project: Project, version: str) -> Judgement | None:
    """Return the judgement after a version as it was written down, None where there is none."""
    known = project.store.outputs.manifest(JUDGEMENTS, version)
    return judgement_from_dict(known.facts) if known else None


def trace_judgements(project: Project, *, until: str) -> pd.DataFrame:
    """Return the score and its limit after each of the newest versions, oldest first: `version`, `score`, `limit`."""
    known = list(islice(project.store.outputs.walk_back(JUDGEMENTS, until), LOOK_BACK))[::-1]
    rows = [{"version": one.partition, "score": one.facts["score"], "limit": one.facts["limit"]} for one in known]
    return pd.DataFrame(rows, columns=["version", "score", "limit"]).dropna()


def make_limits(project: Project) -> Limits:
    """Return how sure a use case's judgement of deterioration must be."""
    rebuild = project.use_case.policies.rebuild
    per_year = pd.Timedelta("365D") / pd.Timedelta(project.use_case.contract.cadence)
    return Limits(
        tolerance_pct=rebuild.tolerance_pct,
        window=rebuild.window,
        false_alarms_per_year=rebuild.false_alarms_per_year,
        versions_per_year=per_year,
    )


def _judge(project: Project, promise: Promise, limits: Limits, *, until: str) -> Judgement:
    """Return whether production with a zoo is worse than it promised, after a version."""
    cells = read_cells(project, until=until, first=promise.from_version)
    cells = cells[cells["forecast_version"] >= promise.from_version]
    return judge(cells, promise.bins, limits, reference=promise.reference)


def _find_data_drift(project: Project, version: str) -> tuple[str, ...]:
    """Return the variables that drift in the newest profile; it may be of a version or two before."""
    first = version_key(max(1, version_number(version) - NEWEST_PROFILES + 1))
    newest = next(project.store.outputs.walk_back(PROFILES, version, first=first), None)
    if newest is None or not (newest.facts["drift_score"] or 0.0) > 1.0:
        return ()
    profile = project.store.outputs.read(PROFILES, newest.partition, newest.number)
    drifting = profile[(profile["series"] == ALL_SERIES) & (profile["drift_score"] > 1.0)]
    return tuple(str(name) for name in drifting.sort_values("drift_score", ascending=False)["variable"])
