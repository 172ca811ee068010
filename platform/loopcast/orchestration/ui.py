"""The Dagster UI as an ASGI application, to be mounted beside routes of ours.

The part of `dagster-webserver`'s command that does not parse options; routes of ours are in `loopcast.web`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.version import __version__
from starlette.applications import Starlette

from loopcast.orchestration.instance import open_instance

STATEMENT_TIMEOUT_MS, POOL_RECYCLE_S, POOL_OVERFLOW = 15_000, 3_600, 20  # as the command has them


@contextmanager
def open_ui(home: Path, *, workspace: Path) -> Iterator[Starlette]:
    """Give the UI of a project folder.

    Args:
        home: folder with `dagster.yaml`.
        workspace: Dagster's file that names the code servers.
    """
    with open_instance(home) as instance:
        instance.optimize_for_webserver(STATEMENT_TIMEOUT_MS, POOL_RECYCLE_S, POOL_OVERFLOW)
        target = WorkspaceFileTarget([str(workspace)])
        with WorkspaceProcessContext(instance, version=__version__, workspace_load_target=target) as context:
            yield create_app_from_workspace_process_context(context)
