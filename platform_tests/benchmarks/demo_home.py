"""The demo in a folder of its own: what the benchmarks work on. No figures here."""

import os
import shutil
from datetime import date
from pathlib import Path

from loopcast.loop.past.replay import PlannedUpdate, plan_replay
from loopcast.loop.project import Project, open_project
from loopcast.orchestration.settings import read_settings
from loopcast.use_case.loader import load_use_cases
from loopcast.use_case.model import UseCase

ROOT = Path(__file__).resolve().parents[2]
NAME = "interstate_traffic"


def open_demo(home: Path) -> Project:
    """Return the demo's project in a new home folder, and make that the home of this process."""
    shutil.copy(ROOT / "dagster.yaml", home)
    os.environ.update(LOOPCAST_HOME=str(home), LOOPCAST_USE_CASES=str(ROOT / "platform" / "use_cases"))
    settings = read_settings()
    return open_project(load_use_cases(settings.use_cases)[NAME], settings=settings)


def plan_demo(use_case: UseCase, *, end: date | None = None) -> list[PlannedUpdate]:
    """Return the demo's updates, played on to another day where one is given."""
    if end is not None and use_case.replay is not None:
        use_case = use_case.model_copy(update={"replay": use_case.replay.model_copy(update={"end": end})})
    return plan_replay(use_case, folder=ROOT / "platform" / "use_cases" / NAME)
