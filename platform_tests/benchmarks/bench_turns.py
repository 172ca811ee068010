"""What one turn costs: CPU seconds of each stage of a demo version, with the demo's members and the default ones."""

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from demo_home import open_demo, plan_demo

from loopcast.loop.contract import settle_version
from loopcast.loop.explaining.root_cause import trace_version
from loopcast.loop.judging.accuracy import score_version
from loopcast.loop.judging.reflect import reflect
from loopcast.loop.production import forecast_version
from loopcast.loop.profile import profile_version
from loopcast.loop.project import Project, open_project
from loopcast.loop.zoos.experiment import release_zoo, run_experiment
from loopcast.orchestration.instance import find_home, open_instance
from loopcast.orchestration.runs import Runner
from loopcast.store.version_records import Upload

WARM_UP, MEASURED = 8, 8


class Watch:
    """CPU seconds by stage, one value per turn."""

    def __init__(self) -> None:
        """Begin with no turns."""
        self.seconds: dict[str, list[float]] = defaultdict(list)

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        """Count what is done inside as a stage's."""
        started = time.process_time()
        yield
        self.seconds[stage].append(time.process_time() - started)


def main() -> None:
    """Print the figures of both zoos."""
    for name, is_default in (("the demo's members", False), ("default members", True)):
        with tempfile.TemporaryDirectory() as folder:
            project = open_with(Path(folder), is_default=is_default)
            contents = [update.content for update in plan_demo(project.use_case)]
            first = [take_turn(project, content, Watch()) for content in contents[:WARM_UP]]
            watch = Watch()
            for content in contents[WARM_UP : WARM_UP + MEASURED]:
                take_turn(project, content, watch)
            print(f"{name}: {len(first)} versions before, median of {MEASURED} turns, CPU seconds")
            show(watch)
            print(
                f"  {'through Dagster':<16} {_through_dagster(project, contents[WARM_UP + MEASURED :][:MEASURED]):.2f}"
            )


def open_with(home: Path, *, is_default: bool) -> Project:
    """Return the demo's project, with its own members or with those that the data choose."""
    project = open_demo(home)
    if not is_default:
        return project
    policies = project.use_case.policies.model_copy(update={"members": ()})
    return open_project(project.use_case.model_copy(update={"policies": policies}), settings=project.settings)


def take_turn(project: Project, content: bytes, watch: Watch) -> None:
    """Take an update through its turn, and through the build that it opens."""
    now = datetime.now(UTC)
    claim = project.store.versions.claim(Upload(f"{time.monotonic_ns()}.csv", content, "bench", "bench"), now=now)
    stages: dict[str, Callable[[], object]] = {
        "settle": lambda: settle_version(project, claim.version, by="bench", now=now),
        "forecast": lambda: forecast_version(project, claim.version, now=now),
        "accuracy": lambda: score_version(project, claim.version, now=now),
        "reflection": lambda: reflect(project, now=now),
        "root_cause": lambda: trace_version(project, claim.version, now=now),
        "profile": lambda: profile_version(project, claim.version, now=now),
    }
    for stage, run in stages.items():
        if stage != "root_cause" or project.store.outputs.manifest("forecasts", claim.version):
            with watch.of(stage):
                run()
    opened = reflect(project, now=now).build
    if opened is not None and (zoo := run_experiment(project, opened.build, now=now).zoo):
        release_zoo(project, zoo.zoo, now=now)
        forecast_version(project, claim.version, now=now)


def show(watch: Watch) -> None:
    """Print the median of each stage and of the whole."""
    for stage, seconds in watch.seconds.items():
        print(f"  {stage:<16} {np.median(seconds):.2f}")
    print(f"  {'all':<16} {np.median(np.sum(list(watch.seconds.values()), axis=0)):.2f}", flush=True)


def _through_dagster(project: Project, contents: list[bytes]) -> float:
    """Return the CPU seconds of a turn as a run in this process, with its checks and charts."""
    watch = Watch()
    with open_instance(find_home()) as instance:
        runner = Runner(project, instance)
        for content in contents:
            upload = Upload(f"{time.monotonic_ns()}.csv", content, "bench", "bench")
            project.store.versions.claim(upload, now=datetime.now(UTC))
            with watch.of("turn"):
                runner.turn_all()
    return float(np.median(watch.seconds["turn"][1:]))
