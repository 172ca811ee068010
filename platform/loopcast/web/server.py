"""The process that serves the UI and the API on one port: `python -m loopcast.web.server PORT WORKSPACE HOME`.

It is started and watched by `loopcast.orchestration.serve`.
"""

import sys
from pathlib import Path

import uvicorn

from loopcast.orchestration.instance import open_instance
from loopcast.orchestration.run_health import RunHealth
from loopcast.orchestration.serve import HOST
from loopcast.orchestration.settings import read_settings
from loopcast.orchestration.ui import open_ui
from loopcast.web.app import build_app


def main(port: int, *, workspace: Path, home: Path) -> None:
    """Serve until a signal ends it.

    Args:
        port: where it listens, on this machine alone.
        workspace: Dagster's file that names the code server.
        home: folder with `dagster.yaml`.
    """
    with open_ui(home, workspace=workspace) as ui, open_instance(home) as instance:
        app = build_app(read_settings(), ui=ui, health=RunHealth(instance))
        uvicorn.run(app, host=HOST, port=port, log_level="warning")


if __name__ == "__main__":
    main(int(sys.argv[1]), workspace=Path(sys.argv[2]), home=Path(sys.argv[3]))
