"""How a use case is, at a glance: its status in one word and why, what comes next, and what needs a person.

Everything is read from what the stages have written, as much whatever the number of versions. Not here: which runs have
failed (the orchestrator knows, and hands it in), all use cases together (`loopcast.loop.board`), and how it is shown.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import pandas as pd

from loopcast.loop.alerts.book import read_book
from loopcast.loop.judging.decisions import DecisionRecord, read_decisions
from loopcast.loop.project import Project
from loopcast.loop.recent import Recent, find_record, read_recent
from loopcast.loop.turns import list_turns
from loopcast.loop.zoos.experiment import LEADERBOARDS
from loopcast.loop.zoos.forces import BUILDS, ZOOS, newest_in_force
from loopcast.loop.zoos.pins import read_pin
from loopcast.loop.zoos.verdicts import list_verdicts
from loopcast.store.version_records import VersionRecord, is_version, version_key

Status = Literal["fine", "waiting", "overdue", "worse", "needs approval", "failing"]
NOTHING = Recent()
DECIDED = 30
SHOWN = 14
WAITING = {
    "approval": "once it is approved",
    "budget_spent": "when the budget allows it",
    "outside_hours": "in its hours",
}
BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Overview:
    """One use case at a glance. What is not known is None.

    Args:
        use_case: its name.
        status: `failing`, `needs approval`, `overdue`, `worse` (than promised), `waiting` or `fine`: the first that
            holds.
        why: one sentence.
        needs: what a person should do; None: nothing.
        unit: of the target and its errors.
        level_pct: coverage that the intervals should have, percent.
        version: the newest accepted version.
        arrived_at: when the newest accepted update was taken in.
        data_end: the last timestamp of the data, on the use case's own clock.
        cadence: time between updates that the contract promises.
        due: when the next update should be there.
        overdue_at: when it is overdue, after the contract's grace.
        recent: figures of the newest versions.
        judgement: of the newest decision, see `loopcast.reflection.deterioration.Judgement`.
        zoo: the zoo in force.
        zoo_age: data time between the last target it was built on and the newest one.
        pinned: the zoo that a person has pinned.
        challenger: the zoo that forecasts in the shadow.
        action: what was decided last, and by which rule.
            decision: its key.
        waits_for: what that action waits for; None: nothing.
        decided_at: when.
        decisions: the newest decisions by action.
        builds: builds asked for so far.
        zoos: zoos released so far.
        unfinished: versions that still need a run.
        failed: versions, builds and zoos whose newest run failed.
        alerts: open alerts; None: not known.
        next_action: what comes next by itself.
        next_at: when.
    """

    use_case: str
    status: Status
    why: str
    needs: str | None = None
    unit: str = ""
    level_pct: float | None = None
    version: str | None = None
    arrived_at: datetime | None = None
    data_end: datetime | None = None
    cadence: timedelta | None = None
    due: datetime | None = None
    overdue_at: datetime | None = None
    recent: Recent = NOTHING
    judgement: Mapping[str, Any] | None = None
    zoo: str | None = None
    zoo_age: timedelta | None = None
    pinned: str | None = None
    challenger: str | None = None
    action: str | None = None
    decision: str | None = None
    waits_for: str | None = None
    decided_at: datetime | None = None
    decisions: Mapping[str, int] | None = None
    builds: int = 0
    zoos: int = 0
    unfinished: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    alerts: int | None = None
    next_action: str = ""
    next_at: datetime | None = None

    @property
    def is_unreadable(self) -> bool:
        """Whether nothing is known but why: the use case is wrong, or its store cannot be read."""
        return self.cadence is None


def describe_use_case(project: Project, *, now: datetime, failed: Sequence[str] = ()) -> Overview:
    """Return a use case at a glance.

    Args:
        project: the use case.
        now: the present time, aware.
        failed: versions, builds and zoos whose newest run failed.
    """
    newest, recent = project.store.versions.newest(), read_recent(project)
    decisions = read_decisions(project, last=DECIDED)
    last = decisions[-1] if decisions else None
    in_force, pin = newest_in_force(project), read_pin(project)
    shadows = [verdict.zoo for verdict in list_verdicts(project, last=1) if verdict.outcome == "shadow"]
    contract = project.use_case.contract
    cadence, grace = pd.Timedelta(contract.cadence), pd.Timedelta(contract.grace)
    arrived_at = project.store.versions.claim_of(newest.version).claimed_at if newest else None
    known: dict[str, Any] = {
        "unit": project.use_case.target.unit or "",
        "level_pct": project.use_case.policies.level,
        "version": newest.version if newest else None,
        "arrived_at": arrived_at,
        "data_end": newest.last_timestamp if newest else None,
        "cadence": cadence.to_pytimedelta(),
        "due": arrived_at + cadence if arrived_at else None,
        "overdue_at": arrived_at + cadence + grace if arrived_at else None,
        "recent": recent,
        "judgement": last.decision.evidence.get("judgement") if last else None,
        "zoo": in_force.zoo if in_force else None,
        "zoo_age": _age(project, last, newest),
        "pinned": pin.zoo if pin else None,
        "challenger": shadows[0] if shadows else None,
        "action": f"{last.decision.action} ({last.decision.rule})" if last else None,
        "waits_for": last.decision.waits_for if last else None,
        "decision": last.key if last else None,
        "decided_at": last.at if last else None,
        "decisions": dict(Counter(record.decision.action for record in decisions)),
        "builds": _last_number(project, BUILDS),
        "zoos": _last_number(project, ZOOS),
        "unfinished": tuple(turn.version for turn in list_turns(project)),
        "failed": tuple(what for what in failed if not _is_refused(project, what)),
        "alerts": len(read_book(project).open),
    }
    status, why, needs = _judge(project, known, now=now)
    return Overview(project.name, status, why, needs, **known, **_look_ahead(project, known, last))


def _is_refused(project: Project, what: str) -> bool:
    """Return whether a run failed because its update was refused: that is told as such, until a good one comes."""
    record = find_record(project, what) if is_version(what) else None
    return record is not None and record.status == "refused"


def _judge(project: Project, known: Mapping[str, Any], *, now: datetime) -> tuple[Status, str, str | None]:
    """Return the first status that holds, why, and what a person should do."""
    name, judgement, recent = project.name, known["judgement"] or {}, known["recent"]
    newest = find_record(project, version_key(recent.claimed)) if recent.claimed else None
    stopped = ", ".join(known["failed"])
    found: list[tuple[bool, Status, str, str | None]] = [
        (bool(stopped), "failing", f"the newest run of {stopped} failed", "read why on the run's page"),
        (
            newest is not None and newest.status == "refused",
            "failing",
            f"{version_key(recent.claimed)}, the newest update, was refused",
            f"loopcast quarantine show {name} {version_key(recent.claimed)}",
        ),
        (
            known["waits_for"] == "approval",
            "needs approval",
            f"{known['decision']}, {known['action']}, waits for a person",
            f"loopcast decision approve {name}",
        ),
        (
            known["overdue_at"] is not None and now > known["overdue_at"],
            "overdue",
            f"an update was due at {known['due']:%Y-%m-%d %H:%M} UTC" if known["due"] else "",
            "ask the provider for the update",
        ),
        (bool(judgement.get("is_worse")), "worse", _tell_worse(judgement), None),
        (known["version"] is None, "waiting", "no update has come yet", f"loopcast update {name} FILE"),
        (bool(known["unfinished"]), "waiting", f"{', '.join(known['unfinished'][:3])} under way", None),
        (known["zoo"] is None, "waiting", "no zoo is in force yet", None),
    ]
    return next(((status, why, needs) for holds, status, why, needs in found if holds), ("fine", "as promised", None))


def _tell_worse(judgement: Mapping[str, Any]) -> str:
    if judgement.get("production_mae") is None or judgement.get("promised_mae") is None:
        return ""
    return f"MAE {judgement['production_mae']:.6g}, promised {judgement['promised_mae']:.6g}"


def _look_ahead(project: Project, known: Mapping[str, Any], last: DecisionRecord | None) -> dict[str, Any]:
    """Return what comes next by itself, and when."""
    if known["unfinished"]:
        return {"next_action": f"forecast of {known['unfinished'][0]}"}
    if last and last.build and project.store.outputs.manifest(LEADERBOARDS, last.build) is None:
        return {"next_action": f"experiment {last.build}"}
    if last and last.decision.waits_for in WAITING:
        return {"next_action": f"{last.decision.action}, {WAITING[last.decision.waits_for]}", "next_at": known["due"]}
    max_age, age = project.use_case.policies.rebuild.max_age, known["zoo_age"]
    if max_age is not None and age is not None and age + known["cadence"] >= pd.Timedelta(max_age):
        return {"next_action": "rebuild (too_old) after the next update", "next_at": known["due"]}
    return {"next_action": "the next update", "next_at": known["due"]}


def _last_number(project: Project, name: str) -> int:
    entry = project.store.references.current(name)
    return entry.number if entry else 0


def _age(project: Project, last: DecisionRecord | None, newest: VersionRecord | None) -> timedelta | None:
    """Return the zoo's age: that of the newest decision's evidence, and the data that came since."""
    if last is None or newest is None or not last.decision.evidence.get("has_zoo"):
        return None
    then = find_record(project, last.version)
    since = timedelta()
    if then and then.last_timestamp and newest.last_timestamp:
        since = newest.last_timestamp - then.last_timestamp
    return timedelta(days=last.decision.evidence["age_days"]) + since


def to_row(overview: Overview) -> dict[str, Any]:
    """Return the row of a use case in a table of all."""
    recent, judgement = overview.recent, overview.judgement or {}
    return {
        "use_case": overview.use_case,
        "status": overview.status,
        "why": overview.why,
        "version": overview.version,
        "data_until": overview.data_end,
        "mae": recent.mae,
        "promised": judgement.get("promised_mae"),
        "trend": draw_sparkline([value for _, value in recent.trend[-SHOWN:]]),
        "zoo": _tell_zoo(overview),
        "zoo_days": overview.zoo_age / timedelta(days=1) if overview.zoo_age is not None else None,
        "decided": overview.action,
        "next": overview.next_action,
        "at": overview.next_at,
    }


def _tell_zoo(overview: Overview) -> str | None:
    """Return the zoo in force, and what is special about it."""
    notes = ["pinned"] * (overview.pinned is not None and overview.pinned == overview.zoo)
    notes += [f"{overview.challenger} in its shadow"] if overview.challenger else []
    return f"{overview.zoo} ({', '.join(notes)})" if overview.zoo and notes else overview.zoo


def to_document(overview: Overview) -> dict[str, Any]:
    """Return everything that is known of a use case in JSON's own types: times in UTC, durations in seconds."""
    recent = {"latency_p50_s": overview.recent.latency_s(0.5), "latency_p95_s": overview.recent.latency_s(0.95)}
    told = {**asdict(overview), "recent": {**asdict(overview.recent), **recent, "skill_pct": overview.recent.skill_pct}}
    return {
        f"{name}_s" if isinstance(value, timedelta) else name: value.total_seconds()
        if isinstance(value, timedelta)
        else value.isoformat()
        if isinstance(value, datetime)
        else value
        for name, value in told.items()
    }


def draw_sparkline(values: Sequence[float]) -> str:
    """Return values as one line of bars, the lowest as the smallest one.

    Examples:
        >>> draw_sparkline([1.0, 2.0, 8.0])
        '▁▂█'
    """
    if not values:
        return ""
    low, span = min(values), max(values) - min(values)
    return "".join(BARS[round((value - low) / span * (len(BARS) - 1)) if span else 0] for value in values)
