"""What an alert is: something that is the matter, and all its repeats until it is over.

Here belong the values. Not here: who notices it, when it is told, how it gets there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from loopcast.use_case.alerts import Kind, Severity

What = Literal["raised", "reminder", "resolved", "over"]


@dataclass(frozen=True)
class Finding:
    """Something that is the matter now.

    Args:
        kind: of which kind it is.
        asset: noun of the asset; empty where it concerns none.
        rule: which rule is broken; not a version's, so that the same one of the next version is a repeat.
        severity: `error` or `warning`.
        at: when it was so, aware.
        event: tells two occurrences apart; the same one met again is none.
        found: what was found.
        expected: what should have been.
        to_do: what a person does about it.
        path: where it is in the UI, beginning with a slash.
        version: the partition's key, empty where there is none.
    """

    kind: Kind
    asset: str
    rule: str
    severity: Severity
    at: datetime
    event: str
    found: str
    expected: str
    to_do: str
    path: str
    version: str = ""

    @property
    def key(self) -> str:
        """What makes it the same as an earlier one."""
        return f"{self.kind}/{self.asset or '-'}/{self.rule}"


@dataclass(frozen=True)
class Over:
    """The end of what was the matter.

    Args:
        key: of the alert; nothing happens where none of it is open.
        at: when it was noticed, aware.
        words: how it ended.
    """

    key: str
    at: datetime
    words: str


@dataclass(frozen=True)
class Alert:
    """What was found under one key, from the first time until it is over.

    Args:
        newest: the newest finding.
        since: when it was found first.
        noticed: when the first finding was taken up.
        count: how often it was found.
        events: the newest occurrences.
        over: its end, None while it is open.
        told: when it was last told, by target.
        ended: targets that know of its end.
    """

    newest: Finding
    since: datetime
    noticed: datetime
    count: int = 1
    events: tuple[str, ...] = ()
    over: Over | None = None
    told: Mapping[str, datetime] = field(default_factory=dict)
    ended: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What makes a finding one of its repeats."""
        return self.newest.key


@dataclass(frozen=True)
class Notice:
    """One thing that one target is to be told.

    Args:
        alert: about which alert.
        what: `raised`, `reminder`, `resolved`, or `over`: it was raised and over before it could be told.
        due: from when on.
    """

    alert: Alert
    what: What
    due: datetime
