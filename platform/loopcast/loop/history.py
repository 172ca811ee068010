"""Versions with what became of them: one row per version for tables and programs.

Everything is read from the store; nothing is computed but the joining.
"""

from datetime import UTC, datetime
from itertools import takewhile
from typing import Any
from zoneinfo import ZoneInfo

from loopcast.errors import NotFoundError
from loopcast.loop.judging.accuracy import CELLS
from loopcast.loop.judging.decisions import DecisionRecord, walk_decisions
from loopcast.loop.project import Project
from loopcast.loop.zoos.forces import FORECASTS

NAIVE = "mae_seasonal_naive"
COLUMNS = (
    "version",
    "status",
    "rows",
    "added",
    "corrected",
    "removed",
    "until",
    "zoo",
    "action",
    "forecast_error",
    "naive_error",
    "forecast_digest",
)


def newest_version(project: Project) -> str:
    """Return the key of the newest accepted version.

    Raises:
        NotFoundError: there is none.
    """
    newest = project.store.versions.newest()
    if newest is None:
        raise NotFoundError(f"{project.name} has no version yet; send one with `loopcast update {project.name} FILE`")
    return newest.version


def list_history(project: Project, *, last: int | None = None) -> list[dict[str, Any]]:
    """Return one row per version, oldest first.

    Args:
        project: the use case.
        last: only the newest so many.
    """
    keys = project.store.versions.claims()
    keys = keys[-last:] if last else keys
    actions = _latest_actions(project, since=keys[0]) if keys else {}
    return [describe_version(project, key, actions=actions) for key in keys]


def describe_version(project: Project, version: str, *, actions: dict[str, str] | None = None) -> dict[str, Any]:
    """Return a version's row: status, rows, what the update did, zoo, action, errors.

    Args:
        project: the use case.
        version: its key.
        actions: what was decided after each version; read from the store where not given.
    """
    try:
        record = project.store.versions.record(version)
    except NotFoundError:
        return {**dict.fromkeys(COLUMNS), "version": version, "status": "waiting"}
    forecast = project.store.outputs.manifest(FORECASTS, version)
    scored = project.store.outputs.manifest(CELLS, version)
    summary = scored.facts if scored else {}
    naives = [value for name, value in summary.items() if name.startswith(NAIVE)]
    known = _latest_actions(project, since=version) if actions is None else actions
    return {
        "version": version,
        "status": record.status,
        "rows": record.rows,
        "added": record.added,
        "corrected": record.corrected,
        "removed": record.removed,
        "until": _tell_time(record.last_timestamp, project.store.spec.time_zone),
        "zoo": forecast.pins["zoo"] if forecast else None,
        "action": known.get(version),
        "forecast_error": summary.get("mae"),
        "naive_error": min(naives) if naives else None,
        "forecast_digest": forecast.digest[:12] if forecast else None,
    }


def _tell_time(moment: datetime | None, zone: str | None) -> str | None:
    """Return a stored time on the use case's own clock."""
    if moment is None:
        return None
    return f"{moment if zone is None else moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"


def _latest_actions(project: Project, *, since: str) -> dict[str, str]:
    """Return what was decided last after each version from one on; older decisions are not read."""
    newer = takewhile(lambda record: record.version >= since, walk_decisions(project))
    return {record.version: tell_action(record) for record in reversed(list(newer))}


def tell_action(record: DecisionRecord) -> str:
    """Return a decision in a few words: what is done, with which build, by which rule, what it waits for."""
    decision = record.decision
    done = f"{decision.action} {record.build}" if record.build else decision.action
    return f"{done} ({decision.rule}{f', waits: {decision.waits_for}' if decision.waits_for else ''})"


def explain_version(project: Project, version: str) -> str | None:
    """Return why a version was refused, None where it was not, or is not settled."""
    if version in project.store.versions.unsettled():
        return None
    record = project.store.versions.record(version)
    return project.store.versions.refusal(version).summary() if record.status == "refused" else None
