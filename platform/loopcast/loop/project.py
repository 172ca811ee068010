"""One use case with its store and inbox: what every stage of the loop works on.

Paths come in as `Settings`; nothing here reads the environment or the clock.
"""

from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path

from loopcast.errors import CallerError
from loopcast.loop.shelf import Shelf
from loopcast.store.records import sha256, to_canonical_json
from loopcast.store.store import Store, open_store
from loopcast.use_case.contract import to_odcs
from loopcast.use_case.loader import load_use_cases
from loopcast.use_case.model import UseCase


@dataclass(frozen=True)
class Settings:
    """Where things are on this machine.

    Args:
        use_cases: folder with one sub-folder per use case.
        lake: URL or folder of the lake.
        inbox: folder that holds one inbox folder per use case.
        warehouse: the DuckDB file that people query.
    """

    use_cases: Path
    lake: str
    inbox: Path
    warehouse: Path


@dataclass(frozen=True)
class Project:
    """A use case together with where its data live."""

    use_case: UseCase
    store: Store
    inbox: Path
    code_version: str
    settings: Settings
    shelf: Shelf = field(default_factory=lambda: Shelf(0), compare=False, repr=False)

    @property
    def name(self) -> str:
        """Name of the use case."""
        return self.use_case.name


def open_project(use_case: UseCase, *, settings: Settings) -> Project:
    """Return the use case with its store opened and its inbox folder made."""
    inbox = settings.inbox / (use_case.inbox.folder or use_case.name)
    if use_case.inbox.enabled:
        inbox.mkdir(parents=True, exist_ok=True)
    return _open(use_case, inbox=inbox, settings=settings)


def open_apart(project: Project, *, lake: str) -> Project:
    """Return the same use case over another lake; no folder is made.

    Args:
        project: the use case as it is.
        lake: URL or folder of the other lake.
    """
    return _open(project.use_case, inbox=project.inbox, settings=replace(project.settings, lake=lake))


def _open(use_case: UseCase, *, inbox: Path, settings: Settings) -> Project:
    code_version = version("loopcast")
    store = open_store(
        settings.lake,
        use_case=use_case.name,
        spec=use_case.table,
        code_version=code_version,
        contract_version=use_case.contract.version,
        contract_digest=sha256(to_canonical_json(to_odcs(use_case))),
    )
    return Project(use_case=use_case, store=store, inbox=inbox, code_version=code_version, settings=settings)


def find_project(name: str, *, settings: Settings) -> Project:
    """Return the project of that name.

    Raises:
        CallerError: there is no use case of that name; the message lists those there are.
        UseCaseError: a use case's YAML is wrong.
    """
    found = load_use_cases(settings.use_cases)
    if name not in found:
        raise CallerError(
            f"there is no use case {name!r} below {settings.use_cases}; found: {', '.join(found) or 'none'}. "
            f"Give one of these names, or add {settings.use_cases}/{name}/defs.yaml"
        )
    return open_project(found[name], settings=settings)
