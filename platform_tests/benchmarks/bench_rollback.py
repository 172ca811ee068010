"""Rollback drill on the demo: seconds to the previous champion, and whether the next forecast is its."""

import tempfile
import time
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

from demo_home import open_demo, plan_demo

from loopcast.errors import CallerError
from loopcast.loop.contract import settle_version
from loopcast.loop.judging.audit import list_trail
from loopcast.loop.past.replay import PlannedUpdate
from loopcast.loop.past.simulation import take_turn
from loopcast.loop.production import forecast_version
from loopcast.loop.project import Project
from loopcast.loop.zoos.champion import Action, Request, act
from loopcast.loop.zoos.experiment import run_experiment
from loopcast.loop.zoos.forces import FORECASTS, open_build
from loopcast.store.version_records import Upload

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BEFORE, BETWEEN = 4, 10


def main() -> None:
    """Print the seconds of a rollback and of the forecast after it, by which zoo that is, and what the trail says."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        project = open_demo(Path(folder))
        updates = iter(plan_demo(project.use_case))
        for _ in range(BEFORE):
            take_turn(project, _settle(project, next(updates)), now=NOW)
        _promote_another(project)
        for _ in range(BETWEEN):
            version = _settle(project, next(updates))
            take_turn(project, version, now=NOW)
        print(f"{version} is forecast by {_zoo_of(project, version)}, {BETWEEN} versions after it took force")
        started = time.perf_counter()
        done = act(project, Request(Action.rollback, "bench", "drill"), now=NOW + timedelta(hours=1))
        print(f"rollback in {time.perf_counter() - started:.3f} s: {done}")
        version = _settle(project, next(updates))
        started = time.perf_counter()
        forecast_version(project, version, now=NOW)
        seconds = time.perf_counter() - started
        learned = f"{BETWEEN} versions learned on the way"
        print(f"{version} is forecast by {_zoo_of(project, version)} in {seconds:.2f} s, {learned}")
        act(project, Request(Action.pin, "bench", "drill"), now=NOW + timedelta(hours=2))
        try:
            act(project, Request(Action.promote, "bench", "drill", "z0002"), now=NOW + timedelta(hours=3))
        except CallerError as error:
            print(f"pinned: {error}")
        trail = list_trail(project, last=3)
        print(trail[["what", "key", "said", "actor", "reason"]].to_string(index=False))


def _promote_another(project: Project) -> None:
    """Build a zoo on the newest version and put it in force."""
    newest = project.store.versions.newest()
    version = newest.version if newest else ""
    build = open_build(project, version=version, rule="bench", reason="bench", now=NOW).build
    verdict = run_experiment(project, build, now=NOW).verdict
    print(f"{build}: {verdict.outcome}, {verdict.reason}")
    act(project, Request(Action.promote, "bench", "drill", build), now=NOW)


def _settle(project: Project, update: PlannedUpdate) -> str:
    upload = Upload(name=update.name, content=update.content, source="bench", actor="bench")
    version = project.store.versions.claim(upload, now=NOW).version
    settle_version(project, version, by="bench", now=NOW)
    return version


def _zoo_of(project: Project, version: str) -> str:
    made = project.store.outputs.manifest(FORECASTS, version)
    return str(made.pins["zoo"]) if made else "nobody"


if __name__ == "__main__":
    main()
