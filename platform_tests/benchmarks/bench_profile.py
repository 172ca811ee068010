"""What a profile costs: a version of the demo with everything, and the table alone of 1,000,000 rows x 5 variables."""

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from demo_home import open_demo, plan_demo

from loopcast.dataops.quality.profile import lay_out, profile_layout
from loopcast.dataops.table import TableSpec, Variable
from loopcast.loop.profile import profile_version
from loopcast.store.version_records import Upload

SERIES, LENGTH = 100, 10_000


def main() -> None:
    """Print both, and how many versions of the demo were named."""
    _time_table()
    with tempfile.TemporaryDirectory() as folder:
        project, seconds, named, target = open_demo(Path(folder)), [], 0, 0
        for update in plan_demo(project.use_case):
            upload = Upload(name=update.name, content=update.content, source="bench", actor="bench")
            version = project.store.versions.claim(upload, now=datetime.now(UTC)).version
            project.store.versions.settle(version, now=datetime.now(UTC))
            started = time.perf_counter()
            control = profile_version(project, version, now=datetime.now(UTC)).fitness.control
            seconds.append(time.perf_counter() - started)
            named += len(control) > 0
            target += int((control["variable"] == project.use_case.target.name).any())
            if (control["variable"] == project.use_case.target.name).any():
                print(f"  {update.name}: {', '.join(control['variable'] + ' ' + control['rule'])}")
    print(f"demo, {len(seconds)} versions: median {np.median(seconds):.2f} s, p95 {np.quantile(seconds, 0.95):.2f} s")
    print(f"versions with a signal: {named}, of them in the target: {target}")


def _time_table() -> None:
    rng = np.random.default_rng(0)
    names = [f"x{i}" for i in range(5)]
    spec = TableSpec("timestamp", "h", "x0", tuple(Variable(name) for name in names), series_keys=("series",))
    stamps = pd.date_range("2020", periods=LENGTH, freq="h", unit="us")
    series = [f"s{i:03d}" for i in range(SERIES)]
    frame = pd.DataFrame({"series": np.repeat(series, LENGTH), "timestamp": np.tile(stamps, SERIES)})
    frame = frame.assign(**{name: rng.normal(size=len(frame)) for name in names})
    started = time.perf_counter()
    table = profile_layout(lay_out(frame, spec), spec)
    print(f"profile table of {len(frame):,} x 5: {time.perf_counter() - started:.2f} s, {len(table)} rows")
