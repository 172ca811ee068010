"""Which versions still need a turn, told from the store alone: so a crash, a restart or a missed tick loses nothing.

Starting runs is Dagster's part, see `loopcast.orchestration.sensors`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from loopcast.loop.contract import is_stopped
from loopcast.loop.judging.accuracy import CELLS
from loopcast.loop.project import Project
from loopcast.loop.zoos.forces import FORECASTS, IN_FORCE, zoo_for_version
from loopcast.store.version_records import version_key, version_number

FINISHED = "turns_finished"
STRIDE = 10  # versions from one note of what is finished to the next
MOST_OPEN = 100
MOST_LOOKED_AT = 200
NEWEST = 20


@dataclass(frozen=True)
class Turn:
    """What a version still needs.

    Args:
        version: its key.
        part: `chain` from the update on, or `forecast` where the dataset is there already.
        has_zoo: whether a zoo is in force for it.
    """

    version: str
    part: Literal["chain", "forecast"]
    has_zoo: bool


def list_turns(project: Project) -> list[Turn]:
    """Return what is unfinished, oldest version first."""
    return list(walk_turns(project))


def walk_turns(project: Project) -> Iterator[Turn]:
    """Yield what is unfinished, oldest version first; each version is looked at when it is asked for.

    Accepted versions count as unfinished when a zoo is in force for them and their forecast or accuracy report is not
    there, unless they break a clause of the contract that stops what follows. Which versions are finished is noted down
    now and then (`note_finished`), so that only those since then are looked at, however many there are.
    """
    for number in _list_candidates(project):
        version = version_key(number)
        if _is_open(project, version):
            yield Turn(version, "forecast", has_zoo=True)
    for version in project.store.versions.unsettled():
        yield Turn(version, "chain", has_zoo=zoo_for_version(project, version) is not None)


def note_finished(project: Project, *, now: datetime) -> None:
    """Write down up to which version all are finished, and which ones before it are not.

    With more of those than anybody looks after (100), it goes no further until some are finished: then of the versions
    after it the oldest 200 and the newest 20 are looked at.

    Args:
        project: the use case.
        now: the present time, aware.
    """
    settled = _count_settled(project)
    until, known = _read_note(project)
    if settled - until < STRIDE:
        return
    still = [number for number in known if _is_open(project, version_key(number))]
    last = until
    for number in range(until + 1, min(settled, until + MOST_LOOKED_AT) + 1):
        still += [number] if _is_open(project, version_key(number)) else []
        if len(still) > MOST_OPEN:
            still.pop()
            break
        last = number
    if last > until:
        value = {"until": version_key(last), "open": [version_key(number) for number in still]}
        project.store.references.append(FINISHED, value, now=now)


def _list_candidates(project: Project) -> list[int]:
    """Return the numbers of the settled versions that may be unfinished, in order."""
    settled = _count_settled(project)
    until, known = _read_note(project)
    oldest = range(until + 1, min(settled, until + MOST_LOOKED_AT) + 1)
    newest = range(max(until, settled - NEWEST) + 1, settled + 1)
    return sorted({*known, *oldest, *newest})


def _count_settled(project: Project) -> int:
    """Return the highest number that is settled; 0 before the first zoo, as nothing is unfinished until then."""
    newest = project.store.versions.newest(accepted=False)
    has_zoo = project.store.references.find(IN_FORCE, 1) is not None
    return version_number(newest.version) if newest and has_zoo else 0


def _read_note(project: Project) -> tuple[int, list[int]]:
    """Return up to which number all are finished, and which ones before it are not.

    No version before the first one that ever had a zoo in force is unfinished.
    """
    entry = project.store.references.current(FINISHED)
    if entry is not None:
        return version_number(entry.value["until"]), [version_number(key) for key in entry.value["open"]]
    first = project.store.references.find(IN_FORCE, 1)
    return (version_number(str(first.value["from_version"])) - 1 if first else 0), []


def _is_open(project: Project, version: str) -> bool:
    """Return whether a settled version still needs its forecast or its accuracy report."""
    if project.store.versions.record(version).status != "accepted" or _is_forecast(project, version):
        return False
    return zoo_for_version(project, version) is not None and not is_stopped(project, version)


def _is_forecast(project: Project, version: str) -> bool:
    outputs = project.store.outputs
    return all(outputs.manifest(table, version) is not None for table in (FORECASTS, CELLS))
