"""The one resource: a use case with its store and inbox, opened where the configuration says.

What is done with it is in `loopcast.loop`.
"""

from pathlib import Path

import dagster as dg

from loopcast.loop.project import Project, Settings, open_project
from loopcast.use_case.model import UseCase


class ProjectResource(dg.ConfigurableResource[Project]):
    """Opens a `Project`.

    Args:
        use_case: the use case as JSON, so that it is visible in the UI and cannot differ between processes.
        lake: folder or object-store URL of the lake.
        inbox: folder that holds one inbox folder per use case.
    """

    use_case: str
    lake: str
    inbox: str

    @classmethod
    def of(cls, use_case: UseCase, *, settings: Settings) -> "ProjectResource":
        """Return the resource for a use case on this machine."""
        return cls(use_case=use_case.model_dump_json(), lake=settings.lake, inbox=str(settings.inbox))

    def open(self) -> Project:
        """Return the project, with its store opened."""
        settings = Settings(use_cases=Path(), lake=self.lake, inbox=Path(self.inbox))
        return open_project(UseCase.model_validate_json(self.use_case), settings=settings)
