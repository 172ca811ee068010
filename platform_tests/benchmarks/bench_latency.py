"""Seconds from a file dropped into the inbox to its forecast, with the real daemon: median, 95th percentile of 20."""

import random
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
from demo_home import open_demo, plan_demo

from loopcast.loop.past.replay import PlannedUpdate
from loopcast.loop.project import Project
from loopcast.loop.zoos.forces import FORECASTS
from loopcast.orchestration.instance import find_home, open_instance
from loopcast.orchestration.runs import Runner
from loopcast.orchestration.serve import Platform, pick_port
from loopcast.store.version_records import Upload

UPDATES, PLAYED, TIMEOUT_SECONDS = 20, 8, 120.0


def main() -> None:
    """Play some versions in process, then serve and drop the next twenty, at random moments."""
    with tempfile.TemporaryDirectory() as folder:
        project = open_demo(Path(folder))
        planned = plan_demo(project.use_case, end=date(2017, 10, 2) + timedelta(days=PLAYED + UPDATES))
        _play(project, planned[:PLAYED])
        with Platform(home=Path(folder), port=pick_port(0)) as platform:
            platform.wait_ready()
            time.sleep(20)  # first ticks
            seconds = [_drop(project, update) for update in planned[PLAYED : PLAYED + UPDATES]]
    print(f"dropped to forecast, {len(seconds)} updates: median {np.median(seconds):.1f} s, ", end="")
    print(f"p95 {np.quantile(seconds, 0.95):.1f} s, max {max(seconds):.1f} s")


def _play(project: Project, planned: list[PlannedUpdate]) -> None:
    with open_instance(find_home()) as instance:
        runner = Runner(project, instance)
        for update in planned:
            upload = Upload(name=update.name, content=update.content, source="bench", actor="bench")
            project.store.versions.claim(upload, now=datetime.now(UTC))
            runner.turn_all()
            runner.follow()


def _drop(project: Project, update: PlannedUpdate) -> float:
    version = project.store.versions.next_key()
    time.sleep(random.uniform(0, 6))  # noqa: S311
    hidden = project.inbox / f".{update.name}"
    hidden.write_bytes(update.content)
    started = time.perf_counter()
    hidden.rename(project.inbox / update.name)
    while project.store.outputs.manifest(FORECASTS, version) is None:
        if time.perf_counter() - started > TIMEOUT_SECONDS:
            raise SystemExit(f"no forecast of {version} after {TIMEOUT_SECONDS} s")
        time.sleep(0.05)
    seconds = time.perf_counter() - started
    print(f"  {version} {seconds:.1f} s", flush=True)
    return seconds
