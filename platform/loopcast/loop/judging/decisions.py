"""Decisions as recorded: one after each version, and one for each order of a person; append-only.

Here belong writing and reading them. How they are taken is in `loopcast.loop.judging.reflect`, orders are in
`loopcast.loop.judging.orders`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from loopcast.errors import CallerError, NotFoundError
from loopcast.loop.project import Project
from loopcast.reflection.decision import Decision
from loopcast.reflection.evidence import CALM, Asked, Episode
from loopcast.store.records import numbered, sha256, to_canonical_json
from loopcast.store.refs import Reference

DECISIONS = "decisions"
KEY = re.compile(r"d0*([1-9]\d{0,7})")
COLUMNS = ("decision", "version", "action", "rule", "waits_for", "build", "actor", "reason", "at")


@dataclass(frozen=True)
class Course:
    """What goes on from decision to decision.

    Args:
        episode: the time of deterioration that goes on.
        retrain_after: the newest version after which a retrain was decided.
        overruled_after: the newest version after which a person said to keep the zoo.
        orders: how many orders were carried out, or came too late, until now.
    """

    episode: Episode = CALM
    retrain_after: str | None = None
    overruled_after: str | None = None
    orders: int = 0

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> "Course":
        """Return the course in a record; decisions from before there was any have none."""
        return cls(**{**value, "episode": Episode(**value["episode"])}) if value else cls()


@dataclass(frozen=True)
class DecisionRecord:
    """A decision as recorded.

    Args:
        number: 1 for the first, and so on.
        version: the version it was taken after.
        decision: action, rule, reason, evidence.
        build: the build it opened; None: none.
        since: the first of the decisions in a row that wait for the same; its own key where it waits for nothing.
        course: what goes on after it.
        asked: the order it was taken for; None: no person asked.
        costs: what each action is expected to take, and to bring; empty where it is not known.
        hints: what a person could do, in words.
        at: when it was taken, in UTC.
    """

    number: int
    version: str
    decision: Decision
    build: str | None
    since: str
    course: Course
    asked: Asked | None
    costs: tuple[dict[str, Any], ...]
    hints: tuple[str, ...]
    at: datetime | None = None

    @property
    def key(self) -> str:
        """Its key, `d00000001` onwards."""
        return decision_key(self.number)

    @property
    def evidence_digest(self) -> str:
        """Digest of what was known."""
        return sha256(to_canonical_json(self.decision.evidence))

    def to_value(self) -> dict[str, Any]:
        """Return the record in JSON's own types."""
        return {
            **asdict(self.decision),
            "version": self.version,
            "build": self.build,
            "since": self.since,
            "course": asdict(self.course),
            "asked": asdict(self.asked) if self.asked else None,
            "costs": list(self.costs),
            "hints": list(self.hints),
        }

    def to_row(self) -> dict[str, Any]:
        """Return the record as a row of a table."""
        told = {"decision": self.key, "actor": self.asked.by if self.asked else None, "at": self.at}
        return {name: told[name] if name in told else self._field(name) for name in COLUMNS}

    def to_document(self) -> dict[str, Any]:
        """Return everything known of the decision, for programs."""
        evidence = {"evidence": self.decision.evidence, "evidence_digest": self.evidence_digest}
        rest = {"since": self.since, "scope": self.decision.scope, "costs": self.costs, "hints": self.hints}
        return {**self.to_row(), **rest, **evidence}

    def _field(self, name: str) -> Any:
        return getattr(self, name) if hasattr(self, name) else getattr(self.decision, name)


def decision_key(number: int) -> str:
    """Return the key of a decision's number, for instance `d00000007`."""
    return f"d{numbered(number)}"


def decision_number(key: str) -> int:
    """Return the number of a decision's key; zeros may be left out.

    Raises:
        CallerError: it is no such key.

    Examples:
        >>> decision_number("d00000007"), decision_number("d7")
        (7, 7)
    """
    match = KEY.fullmatch(key)
    if match is None:
        raise CallerError(f"found the decision {key[:40]!r}; expected one such as d00000007")
    return int(match[1])


def read_newest(project: Project) -> DecisionRecord | None:
    """Return the newest decision, None where there is none."""
    entry = project.store.references.current(DECISIONS)
    return None if entry is None else _to_record(entry)


def read_decisions(project: Project, *, last: int | None = None) -> list[DecisionRecord]:
    """Return the decisions, oldest first.

    Args:
        project: the use case.
        last: only the newest so many.
    """
    return [_to_record(entry) for entry in project.store.references.history(DECISIONS, last=last)]


def walk_decisions(project: Project) -> Iterator[DecisionRecord]:
    """Yield the decisions, the newest first; each is read when it is asked for."""
    return map(_to_record, project.store.references.walk_back(DECISIONS))


def find_decision(project: Project, key: str) -> DecisionRecord:
    """Return a decision.

    Raises:
        CallerError: it is no such key.
        NotFoundError: there is no such decision.
    """
    entry = project.store.references.find(DECISIONS, decision_number(key))
    if entry is None:
        newest = project.store.references.current(DECISIONS)
        there = f"the newest is {decision_key(newest.number)}" if newest else "there is none yet"
        raise NotFoundError(f"found no decision {key} of {project.name}; {there}")
    return _to_record(entry)


def append_decision(project: Project, record: DecisionRecord, *, now: datetime) -> DecisionRecord:
    """Record a decision under its own number and return it as recorded.

    Raises:
        ConflictError: somebody else has taken the decision of that number.
    """
    entry = project.store.references.append(DECISIONS, record.to_value(), now=now, number=record.number)
    return _to_record(entry)


def list_decisions(project: Project, *, last: int | None = None) -> pd.DataFrame:
    """Return the decisions as a table, oldest first, see `COLUMNS`.

    Args:
        project: the use case.
        last: only the newest so many.
    """
    rows = [record.to_row() for record in read_decisions(project, last=last)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _to_record(entry: Reference) -> DecisionRecord:
    value = entry.value
    decision = Decision(
        action=value["action"],
        rule=value["rule"],
        reason=value["reason"],
        evidence=value["evidence"],
        scope=value.get("scope", "all"),
        waits_for=value.get("waits_for"),
    )
    asked = value.get("asked")
    return DecisionRecord(
        number=entry.number,
        version=value["version"],
        decision=decision,
        build=value["build"],
        since=value.get("since", decision_key(entry.number)),
        course=Course.of(value.get("course", {})),
        asked=Asked(**asked) if asked else None,
        costs=tuple(value.get("costs", ())),
        hints=tuple(value.get("hints", ())),
        at=entry.at,
    )
