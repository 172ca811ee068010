"""Which versions still need a turn, told from the store alone: so a crash, a restart or a missed tick loses nothing.

Starting runs is Dagster's part, see `loopcast.orchestration.sensors`.
"""

from dataclasses import dataclass
from typing import Literal

from loopcast.errors import NotFoundError
from loopcast.loop.accuracy import CELLS
from loopcast.loop.contract import is_stopped
from loopcast.loop.forces import FORECASTS, zoo_for_version
from loopcast.loop.project import Project

LOOK_BACK = 20


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
    """Return what is unfinished, oldest version first.

    Accepted versions count as unfinished when a zoo is in force for them and their forecast or accuracy report is not
    there, unless they break a clause of the contract that stops what follows; only the newest twenty are looked at.
    """
    versions = project.store.versions
    waiting = versions.unsettled()
    settled = [key for key in versions.claims() if key not in set(waiting)][-LOOK_BACK:]
    halfway = [
        Turn(version=key, part="forecast", has_zoo=True)
        for key in settled
        if _is_accepted(project, key)
        and zoo_for_version(project, key)
        and not _is_forecast(project, key)
        and not is_stopped(project, key)
    ]
    chains = [Turn(version=key, part="chain", has_zoo=bool(zoo_for_version(project, key))) for key in waiting]
    return [*halfway, *chains]


def _is_accepted(project: Project, version: str) -> bool:
    try:
        return project.store.versions.record(version).status == "accepted"
    except NotFoundError:
        return False


def _is_forecast(project: Project, version: str) -> bool:
    outputs = project.store.outputs
    return all(outputs.manifest(table, version) is not None for table in (FORECASTS, CELLS))
