"""The book of alerts: what is open, what was told to whom, and what is still to be delivered, append-only.

Here belong keeping it and taking up what was found. Not here: when something is told (`loopcast.loop.alerts.rounds`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from pydantic import TypeAdapter

from loopcast.alerts.alert import Alert, Finding, Over
from loopcast.alerts.message import FOUND_LIMIT, Message
from loopcast.errors import bound_text
from loopcast.loop.project import Project

BOOK = "alert_book"
EVENTS_KEPT = 30


@dataclass(frozen=True)
class Letter:
    """A message on its way to one target.

    Args:
        target: the target's key.
        message: what is said.
        attempts: how often it was sent in vain.
        next_at: before then it is not sent again.
        problem: why it could not be delivered.
    """

    target: str
    message: Message
    next_at: datetime
    attempts: int = 0
    problem: str = ""


@dataclass(frozen=True)
class Book:
    """All that alerts remember; bounded by the number of rules, not by that of versions.

    Args:
        alerts: those that are open, and those that are over and not told so yet.
        letters: at most one per target.
        last_told: when each target was last told anything.
        marks: how far that was looked through which is looked at once, by its name.
    """

    alerts: tuple[Alert, ...] = ()
    letters: tuple[Letter, ...] = ()
    last_told: Mapping[str, datetime] = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)

    def find(self, key: str) -> Alert | None:
        """Return the alert with a key, None where there is none."""
        return next((alert for alert in self.alerts if alert.key == key), None)

    @property
    def open(self) -> tuple[Alert, ...]:
        """The alerts that are not over."""
        return tuple(alert for alert in self.alerts if alert.over is None)


@dataclass(frozen=True)
class Observed:
    """What was found by looking once.

    Args:
        findings: what is the matter, in order of time.
        over: what is not the matter any more.
        marks: how far was looked, for `Book.marks`.
    """

    findings: tuple[Finding, ...] = ()
    over: tuple[Over, ...] = ()
    marks: Mapping[str, str] = field(default_factory=dict)

    def __add__(self, other: "Observed") -> "Observed":
        """Return both."""
        return Observed(self.findings + other.findings, self.over + other.over, {**self.marks, **other.marks})


_FORM = TypeAdapter(Book)


def read_book(project: Project) -> Book:
    """Return the book as it stands."""
    entry = project.store.references.current(BOOK)
    return _FORM.validate_python(entry.value) if entry else Book()


def write_book(project: Project, book: Book, *, now: datetime) -> None:
    """Let the book be this one from now on."""
    project.store.references.append(BOOK, _FORM.dump_python(book, mode="json"), now=now)


def take_up(book: Book, observed: Observed, *, now: datetime) -> Book:
    """Return the book with what was found: repeats are counted, what is over is closed.

    An alert that is back before everybody was told of its end goes on.

    Args:
        book: the book before.
        observed: what was found.
        now: the present time, aware.
    """
    alerts = {alert.key: alert for alert in book.alerts}
    for finding in observed.findings:
        alerts[finding.key] = _repeat(alerts.get(finding.key), finding, now=now)
    for end in observed.over:
        if end.key in alerts and alerts[end.key].over is None:
            alerts[end.key] = replace(alerts[end.key], over=end)
    taken = replace(book, alerts=tuple(alerts.values()))
    return taken if taken == book else replace(taken, marks={**book.marks, **observed.marks})


def _repeat(alert: Alert | None, finding: Finding, *, now: datetime) -> Alert:
    """Return an alert with one more finding; who was told of its end, or of a mere warning, is to be told anew."""
    finding = replace(finding, found=bound_text(finding.found, limit=FOUND_LIMIT))
    if alert is None:
        return Alert(finding, since=finding.at, noticed=now, events=(finding.event,))
    if finding.event in alert.events:
        return alert
    is_worse = (alert.newest.severity, finding.severity) == ("warning", "error")
    told = {} if is_worse else {target: at for target, at in alert.told.items() if target not in alert.ended}
    events = (*alert.events, finding.event)[-EVENTS_KEPT:]
    return replace(alert, newest=finding, count=alert.count + 1, events=events, over=None, ended=(), told=told)
