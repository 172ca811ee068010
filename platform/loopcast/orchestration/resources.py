"""The resources of a use case: its store and inbox, and the warehouse, opened where the configuration says.

What is done with them is in `loopcast.loop`.
"""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import dagster as dg
from dagster_duckdb import DuckDBResource
from pydantic import PrivateAttr

from loopcast.loop.project import Project, Settings, open_project
from loopcast.loop.shelf import Shelf
from loopcast.loop.warehouse import Delivery, deliver
from loopcast.store.warehouse_file import draft_warehouse
from loopcast.use_case.model import UseCase

KEPT_ZOOS = 4  # of a turn: the state it goes on from, its own, what the zoo promised


class ProjectResource(dg.ConfigurableResource[Project]):
    """Opens a `Project`.

    Args:
        use_case: the use case as JSON, so that it is visible in the UI and cannot differ between processes.
        lake: folder or object-store URL of the lake.
        inbox: folder that holds one inbox folder per use case.
        warehouse: the DuckDB file that people query.
    """

    use_case: str
    lake: str
    inbox: str
    warehouse: str

    @classmethod
    def of(cls, use_case: UseCase, *, settings: Settings) -> "ProjectResource":
        """Return the resource for a use case on this machine."""
        return cls(
            use_case=use_case.model_dump_json(),
            lake=settings.lake,
            inbox=str(settings.inbox),
            warehouse=str(settings.warehouse),
        )

    _opened: Project | None = PrivateAttr(default=None)

    def open(self) -> Project:
        """Return the project, with its store opened: once per run, whose assets share what they have read."""
        if self._opened is None:
            paths = Settings(Path(), lake=self.lake, inbox=Path(self.inbox), warehouse=Path(self.warehouse))
            project = open_project(UseCase.model_validate_json(self.use_case), settings=paths)
            self._opened = replace(project, shelf=Shelf(KEPT_ZOOS))
        return self._opened


class WarehouseResource(dg.ConfigurableResource[None]):
    """Writes the warehouse, through dagster-duckdb's own resource, in a copy that takes its place when it is whole.

    Args:
        path: the DuckDB file that people query.
    """

    path: str

    def deliver(self, project: Project, *, fresh: bool = False) -> Delivery:
        """Bring a use case's schema up to its lake, and return what was done."""
        with draft_warehouse(Path(self.path)) as draft:
            engine = DuckDBResource(database=str(draft.path))
            # `get_connection` does not close after an exception, so that is done here.
            with engine.get_connection() as connection, closing(connection):
                delivery = deliver(project, connection, fresh=fresh)
            draft.is_wanted = bool(delivery.changed)
            if delivery.is_full:
                draft.compact()
        return delivery
