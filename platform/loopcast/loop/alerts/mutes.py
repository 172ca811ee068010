"""Mutes: alerts that a person does not want to be told for a while, append-only.

Here belong muting and reading it. What is muted is found, counted and listed as ever.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter

from loopcast.alerts.alert import Alert
from loopcast.loop.project import Project

MUTES = "alert_mutes"
ALL = "*"


@dataclass(frozen=True)
class Mute:
    """What is not told, and until when.

    Args:
        pattern: an alert's key, its kind, or `*` for all.
        until: until when, aware.
        actor: who wants so.
        reason: why.
    """

    pattern: str
    until: datetime
    actor: str
    reason: str

    def holds(self, alert: Alert, *, now: datetime) -> bool:
        """Return whether an alert is not told."""
        return now < self.until and self.pattern in {ALL, alert.key, alert.newest.kind}


_FORM = TypeAdapter(list[Mute])


def mute(project: Project, wanted: Mute, *, now: datetime) -> list[Mute]:
    """Mute alerts and return all mutes that hold; one that ends now takes back an earlier one of its pattern.

    Args:
        project: the use case.
        wanted: what, until when, who and why.
        now: the present time, aware.
    """
    others = [known for known in read_mutes(project, now=now) if known.pattern != wanted.pattern]
    mutes = [*others, wanted]
    project.store.references.append(MUTES, {"mutes": _FORM.dump_python(mutes, mode="json")}, now=now)
    return [known for known in mutes if now < known.until]


def read_mutes(project: Project, *, now: datetime) -> list[Mute]:
    """Return the mutes that hold."""
    entry = project.store.references.current(MUTES)
    mutes = _FORM.validate_python(entry.value["mutes"]) if entry else []
    return [known for known in mutes if now < known.until]


def is_muted(alert: Alert, mutes: Collection[Mute], *, now: datetime) -> bool:
    """Return whether any of the mutes holds an alert back."""
    return any(known.holds(alert, now=now) for known in mutes)
