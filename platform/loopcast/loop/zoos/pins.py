"""Pins: a zoo that a person wants to stay in force, whatever is built and decided, append-only.

Here belong putting, removing and reading a pin. What it keeps from happening is said where that happens.
"""

from dataclasses import dataclass
from datetime import datetime

from loopcast.loop.project import Project

PINS = "zoo_pins"


@dataclass(frozen=True)
class Pin:
    """A pinned zoo.

    Args:
        zoo: its key; None: the pin was removed.
        actor: who did so.
        reason: why.
        at: since when.
    """

    zoo: str | None
    actor: str
    reason: str
    at: datetime


def put_pin(project: Project, zoo: str | None, *, actor: str, reason: str, now: datetime) -> Pin:
    """Pin a zoo, or remove the pin, and return what is recorded.

    Args:
        project: the use case.
        zoo: its key; None: no zoo is pinned any more.
        actor: who does so.
        reason: why.
        now: the present time, aware.
    """
    entry = project.store.references.append(PINS, {"zoo": zoo, "actor": actor, "reason": reason}, now=now)
    return Pin(zoo, actor, reason, entry.at)


def read_pin(project: Project) -> Pin | None:
    """Return the pin that holds, None where no zoo is pinned."""
    entry = project.store.references.current(PINS)
    return Pin(**entry.value, at=entry.at) if entry and entry.value["zoo"] is not None else None


def list_pins(project: Project) -> list[Pin]:
    """Return all pins and their removals, oldest first."""
    return [Pin(**entry.value, at=entry.at) for entry in project.store.references.history(PINS)]
