"""Rows read and time of a forecast step from the minimal history, next to reading the whole version."""

import io
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from demo_home import open_demo, plan_demo

from loopcast.loop.production import forecast_version
from loopcast.loop.project import Project, find_project
from loopcast.loop.slices import read_window
from loopcast.loop.zoos.experiment import release_zoo, run_experiment
from loopcast.loop.zoos.forces import ZOO_DOCUMENTS, list_in_force, open_build, put_in_force, read_zoo
from loopcast.orchestration.settings import read_settings
from loopcast.store.version_records import Upload
from loopcast.zoo.build import build_zoo
from loopcast.zoo.document import zoo_to_document
from loopcast.zoo.panel import panel_from_frame
from loopcast.zoo.predict import predict

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SERIES, DAYS, BUILT_ON = 1_000, 1_000, 150
YAML = """
type: loopcast.orchestration.component.ForecastUseCase
attributes:
  name: shops
  description: A million rows, made for the benchmark.
  timestamp: day
  frequency: D
  series_keys: [shop]
  target: {name: sales}
  predictors: [{name: visits}]
  horizon: 7
  owners: [bench@example.org]
  steward: bench@example.org
  policies: {n_windows: 7}
"""


def main() -> None:
    """Print the figures of the demo and of a panel of a million rows."""
    with tempfile.TemporaryDirectory() as folder:
        project = open_demo(Path(folder))
        update = plan_demo(project.use_case)[0]
        version = _settle(project, update.name, update.content)
        build = open_build(project, version=version, rule="bench", reason="bench", now=NOW)
        zoo = run_experiment(project, build.build, now=NOW).zoo
        release_zoo(project, zoo.zoo, now=NOW)
        _measure("demo", project, version)
    with tempfile.TemporaryDirectory() as folder:
        _measure("panel", *_open_panel(Path(folder)))


def _measure(name: str, project: Project, version: str) -> None:
    record, spec = project.store.versions.record(version), project.store.spec
    zoo = read_zoo(project, list_in_force(project)[-1].digest)
    whole = _time(lambda: predict(zoo, panel_from_frame(project.store.versions.read(version), spec)))
    window = _time(lambda: predict(zoo, read_window(project, record, zoo).panel))
    step = _time(lambda: forecast_version(project, version, now=NOW))
    seen = read_window(project, record, zoo)
    print(f"{name}: {seen.rows_read} of {record.rows} rows read; read and predict {window:.0f} ms, ", end="")
    print(f"from the whole version {whole:.0f} ms; whole forecast step {step:.0f} ms")


def _open_panel(folder: Path) -> tuple[Project, str]:
    use_case = folder / "platform" / "use_cases" / "shops"
    use_case.mkdir(parents=True)
    (use_case / "defs.yaml").write_text(YAML)
    project = find_project("shops", settings=read_settings({"LOOPCAST_HOME": str(folder)}))
    rng = np.random.default_rng(0)
    days = pd.date_range("2020", periods=DAYS, freq="D", unit="us")
    frame = pd.DataFrame({"shop": np.repeat([f"s{i:04d}" for i in range(SERIES)], DAYS), "day": np.tile(days, SERIES)})
    level = 100 + 20 * (frame["day"].dt.dayofweek == 5)
    frame = frame.assign(sales=(level + rng.normal(0, 5, len(frame))).round(2), visits=rng.normal(0, 1, len(frame)))
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    version = _settle(project, "shops.parquet", buffer.getvalue())
    recent = frame[frame["day"] >= days[-BUILT_ON]]
    zoo = build_zoo(panel_from_frame(recent, project.store.spec), project.use_case.zoo)
    digest = project.store.outputs.write_document(ZOO_DOCUMENTS, zoo_to_document(zoo))
    put_in_force(project, "z0001", digest=digest, from_version=version, now=NOW)
    return project, version


def _settle(project: Project, name: str, content: bytes) -> str:
    claim = project.store.versions.claim(Upload(name, content, "bench", "bench"), now=NOW)
    project.store.versions.settle(claim.version, now=NOW)
    return claim.version


def _time(call: Callable[[], object], *, times: int = 3) -> float:
    """Return the median of some calls in milliseconds."""
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return 1e3 * statistics.median(seconds)
