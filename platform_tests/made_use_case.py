"""A small use case made for tests: hourly counts with a daily and weekly cycle, and a home folder for it."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from loopcast.loop.contract import settle_version
from loopcast.loop.past.simulation import take_turn as turn_version
from loopcast.loop.project import Project, find_project
from loopcast.loop.zoos.champion import Action, Request, promote
from loopcast.loop.zoos.experiment import run_experiment
from loopcast.loop.zoos.forces import ZooInForce, open_build
from loopcast.orchestration.settings import read_settings
from loopcast.store.version_records import Upload

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[1]

YAML = """
type: loopcast.orchestration.component.ForecastUseCase
attributes:
  name: {name}
  description: Counts made for tests.
  timestamp: at
  frequency: h
  target: {{name: count, unit: pieces, minimum: 0}}
  predictors: [{{name: promotion, known_ahead: true}}]
  horizon: 1D
  contract: {{cadence: 1D, grace: 6h}}
  owners: [ana@example.org]
  steward: ben@example.org
  policies: {{level: 80, n_windows: 7MEMBERS}}
"""
LINEAR = """,
    members: [{{name: linear}}, {{name: linear, label: linear_recent, parameters: {{half_life_origins: 60}}}}]"""
PLAIN_YAML = YAML.replace("MEMBERS", "")  # the data choose
YAML = YAML.replace("MEMBERS", LINEAR)  # quick, and with little history

PANEL_YAML = """
type: loopcast.orchestration.component.ForecastUseCase
attributes:
  name: shops
  description: Daily sales of three shops, made for tests.
  timestamp: day
  frequency: D
  series_keys: [region, shop]
  target: {name: sales, minimum: 0}
  predictors: [{name: open_hours, known_ahead: true}]
  horizon: 7
  owners: ["team:retail"]
  steward: ben@example.org
  policies: {level: 80, n_windows: 8,
    members: [{name: linear}, {name: linear, label: linear_recent, parameters: {half_life_origins: 60}}]}
"""


def make_counts(start: str, days: int, *, seed: int = 7) -> pd.DataFrame:
    """Return hourly counts: columns `at`, `count`, `promotion`; the same hours always have the same values."""
    hours = pd.date_range("2024-01-01", periods=24 * 400, freq="h", unit="us")
    rng = np.random.default_rng(seed)
    wave = 100 + 40 * np.sin(2 * np.pi * hours.hour / 24) - 30 * (hours.dayofweek >= 5)
    promotion = (rng.random(len(hours)) < 0.1).astype(float)
    counts = np.round(np.maximum(wave + 25 * promotion + rng.normal(0, 4, len(hours)), 0), 1)
    frame = pd.DataFrame({"at": hours, "count": counts, "promotion": promotion})
    first = pd.Timestamp(start)
    return frame[(frame["at"] >= first) & (frame["at"] < first + pd.Timedelta(days=days))].reset_index(drop=True)


def make_sales(start: str, days: int, *, seed: int = 11) -> pd.DataFrame:
    """Return daily sales of three shops in two regions."""
    every = pd.date_range("2024-01-01", periods=500, freq="D", unit="us")
    rng = np.random.default_rng(seed)
    shops = [("north", "a", 50.0), ("north", "b", 200.0), ("south", "a", 10.0)]
    frames = [
        pd.DataFrame(
            {
                "region": region,
                "shop": shop,
                "day": every,
                "sales": np.round(
                    np.maximum(level * (1 + 0.5 * (every.dayofweek == 5)) + rng.normal(0, level / 20, 500), 0), 2
                ),
                "open_hours": np.where(every.dayofweek == 6, 0.0, 10.0),
            }
        )
        for region, shop, level in shops
    ]
    frame = pd.concat(frames, ignore_index=True)
    first = pd.Timestamp(start)
    return frame[(frame["day"] >= first) & (frame["day"] < first + pd.Timedelta(days=days))].reset_index(drop=True)


def to_csv(frame: pd.DataFrame) -> bytes:
    """Return a frame as the bytes of a CSV file."""
    return frame.to_csv(index=False).encode()


def make_home(folder: Path, *, yaml: str | None = None, name: str = "counts") -> Path:
    """Return a project folder with the project's own `dagster.yaml` and one use case."""
    use_case = folder / "platform" / "use_cases" / name
    use_case.mkdir(parents=True)
    (use_case / "defs.yaml").write_text(yaml or YAML.format(name=name))
    shutil.copy(ROOT / "dagster.yaml", folder / "dagster.yaml")
    return folder


def make_project(folder: Path, *, yaml: str | None = None, name: str = "counts") -> Project:
    """Return the project of a home folder, which is made where it is not there."""
    if not (folder / "dagster.yaml").is_file():
        make_home(folder, yaml=yaml, name=name)
    return find_project(name, settings=read_settings({"LOOPCAST_HOME": str(folder)}))


def send(project: Project, content: pd.DataFrame | bytes, *, name: str = "update.csv", now: datetime = NOW) -> str:
    """Claim a version for an update and return its key; nothing is settled."""
    sent = content if isinstance(content, bytes) else to_csv(content)
    return project.store.versions.claim(Upload(name, sent, source="test", actor="ana"), now=now).version


def take_turn(project: Project, content: pd.DataFrame | bytes, *, name: str = "update.csv", now: datetime = NOW) -> str:
    """Take an update through the whole loop without Dagster, as far as it goes, and return its version."""
    version = send(project, content, name=name, now=now)
    if settle_version(project, version, by="test", now=now).status == "refused":
        return version
    assert turn_version(project, version, now=now).conclusion.failure == ""
    return version


def put_another_in_force(project: Project, version: str) -> ZooInForce:
    """Build a zoo on a version and put it in force as a person would, better than the champion or not."""
    build = open_build(project, version=version, rule="test", reason="asked for", now=NOW).build
    run_experiment(project, build, now=NOW)
    return promote(project, Request(Action.promote, "ana", "test", build), now=NOW)
