"""All use cases at a glance; one that is wrong or cannot be read is told as such and hides no other.

What is told of each is in `loopcast.loop.overview`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from loopcast.errors import CallerError, LoopcastError
from loopcast.loop.overview import Overview, describe_use_case
from loopcast.loop.project import Project, Settings, open_project
from loopcast.use_case.loader import FILE_NAME, read_use_cases

Signature = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class _Opened:
    """The use cases of one file.

    Args:
        signature: the files they were read from, as they were then; empty where that failed.
        projects: the use cases with their stores.
        error: why they cannot be read; None: they can.
    """

    signature: Signature
    projects: tuple[Project, ...] = ()
    error: LoopcastError | None = None


class Board:
    """All use cases below a folder; their YAML is read again where it has changed."""

    def __init__(self, settings: Settings) -> None:
        """Keep where the use cases and their lake are."""
        self._settings = settings
        self._opened: dict[Path, _Opened] = {}

    def describe(self, *, now: datetime, failed: Mapping[str, Sequence[str]] | None = None) -> list[Overview]:
        """Return every use case at a glance, by name.

        Args:
            now: the present time, aware.
            failed: by use case, what its newest runs failed on.

        Raises:
            CallerError: there is no folder of use cases.
        """
        folder = self._settings.use_cases
        if not folder.is_dir():
            raise CallerError(
                f"found no folder {folder}; make it, or set LOOPCAST_USE_CASES to where the use cases are"
            )
        files = sorted(folder.rglob(FILE_NAME))
        self._opened = {file: self._open(file) for file in files}
        told = [
            overview
            for file, opened in self._opened.items()
            for overview in _describe(file, opened, now=now, failed=failed or {})
        ]
        return sorted(told, key=lambda overview: overview.use_case)

    def _open(self, file: Path) -> _Opened:
        signature, known = _sign(file.parent), self._opened.get(file)
        if known is not None and known.signature == signature:
            return known
        try:
            opened = [open_project(use_case, settings=self._settings) for use_case, _ in read_use_cases(file)]
        except LoopcastError as error:  # what is in the way may be gone the next time: no signature to know it by
            return _Opened((), error=error)
        return _Opened(signature, tuple(opened))


def _describe(file: Path, opened: _Opened, *, now: datetime, failed: Mapping[str, Sequence[str]]) -> list[Overview]:
    if opened.error is not None:
        return [_tell_error(file.parent.name, opened.error)]
    return [_describe_one(project, now=now, failed=failed.get(project.name, ())) for project in opened.projects]


def _describe_one(project: Project, *, now: datetime, failed: Sequence[str]) -> Overview:
    try:
        return describe_use_case(project, now=now, failed=failed)
    except LoopcastError as error:
        return _tell_error(project.name, error)


def _tell_error(name: str, error: LoopcastError) -> Overview:
    return Overview(name, "failing", str(error), needs="mend what the message names")


def _sign(folder: Path) -> Signature:
    """Return what tells that a file of a use case has changed."""
    files = sorted(folder.glob("*.yaml"))
    return tuple((file.name, (stat := file.stat()).st_mtime_ns, stat.st_size) for file in files)
