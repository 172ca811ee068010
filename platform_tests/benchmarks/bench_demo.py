"""Production accuracy of the demo over its eight weeks, and the time of each turn, through the assets in process."""

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from demo_home import open_demo, plan_demo

from loopcast.loop.judging.accuracy import read_accuracy
from loopcast.orchestration.instance import find_home, open_instance
from loopcast.orchestration.runs import Runner
from loopcast.store.version_records import Upload


def main() -> None:
    """Play the demo and print its figures."""
    with tempfile.TemporaryDirectory() as folder:
        project = open_demo(Path(folder))
        seconds = []
        with open_instance(find_home()) as instance:
            runner = Runner(project, instance)
            for update in plan_demo(project.use_case):
                started = time.perf_counter()
                upload = Upload(name=update.name, content=update.content, source="bench", actor="bench")
                project.store.versions.claim(upload, now=datetime.now(UTC))
                runner.turn_all()
                seconds.append(time.perf_counter() - started)
                runner.follow()
        for name, value in read_accuracy(project).items():
            print(f"{name:<24} {value:.1f}" if isinstance(value, float) else f"{name:<24} {value}")
        warm = np.array(seconds[1:])
        print(f"update to decision, warm process: median {np.median(warm):.2f} s, p95 {np.quantile(warm, 0.95):.2f} s")
