"""How often planted causes are ranked first, whether sums are the forecasts, and what root causes cost."""

import shutil
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from demo_home import open_demo, plan_demo

from loopcast.dataops.frequency import Horizon
from loopcast.dataops.table import TableSpec, Variable
from loopcast.loop.contract import settle_version
from loopcast.loop.explaining.explanation import explain_cells, find_previous
from loopcast.loop.explaining.point import explain_point, list_effects
from loopcast.loop.explaining.root_cause import trace_version
from loopcast.loop.production import forecast_version
from loopcast.loop.project import Project
from loopcast.loop.zoos.experiment import release_zoo, run_experiment
from loopcast.loop.zoos.forces import FORECASTS, ZooChoice, open_build
from loopcast.reflection.root_cause import sum_parts, view_predictors
from loopcast.store.version_records import Upload
from loopcast.zoo.build import build_zoo
from loopcast.zoo.explain import explain
from loopcast.zoo.holiday import holiday_of_days
from loopcast.zoo.panel import panel_from_frame
from loopcast.zoo.spec import ZooSpec
from made_use_case import NOW, YAML, make_counts, make_project, put_another_in_force, send, take_turn

PLANTS, LAST = 25, pd.Timestamp("2024-02-26")
Found = tuple[bool, bool]


def main() -> None:
    """Print the share of plants that are ranked first per kind, the largest rest, and milliseconds on the demo."""
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "start"
        take_turn(
            make_project(home, yaml=YAML.format(name="counts").replace("horizon: 1D", "horizon: 2D")),
            pd.concat([make_counts("2024-01-01", 56), make_counts(str(LAST), 2).assign(count=np.nan)]),
        )
        kinds = {"predictor's jump": plant_jump, "corrected cell": plant_correction, "other zoo": plant_zoo}
        for kind, plant in kinds.items():
            found = []
            for number in range(PLANTS):
                copied = Path(folder) / f"{kind}{number}"
                shutil.copytree(home, copied)
                found.append(plant(make_project(copied), rng))
                shutil.rmtree(copied)
            _tell(kind, found)
    _tell("holiday", plant_holidays())
    _measure_demo()


def plant_jump(project: Project, rng: np.random.Generator) -> Found:
    """Return whether a predictor that jumps at some hour is the first part and the first variable of the change."""
    hours = make_counts(str(LAST), 2)[["at", "promotion"]]
    hour = int(rng.integers(24, 48))
    _forecast(project, hours.assign(promotion=0.0))
    _forecast(project, hours.assign(promotion=(hours.index == hour).astype(float)))
    return _is_first(project, hours["at"][hour], part="corrected data", variable="promotion"), True


def plant_correction(project: Project, rng: np.random.Generator) -> Found:
    """Return whether one corrected cell is the first part of the change, and the first of all corrected cells."""
    past = make_counts(str(LAST - pd.Timedelta(days=7)), 7)
    rows = rng.choice(len(past), size=8, replace=False)
    past.loc[rows, "count"] += rng.normal(0, 2, len(rows))
    past.loc[rows[0], "count"] += rng.uniform(100, 300)
    past["count"] = past["count"].clip(lower=0)
    version = _forecast(project, past.iloc[np.sort(rows)])
    point = trace_version(project, version, now=NOW).points.query("previous_version != ''").iloc[0]["timestamp"]
    cells = list_effects(project, explain_point(project, point))
    return _is_first(project, point, part="corrected data", variable="count"), bool(
        cells["at"].iloc[0] == past["at"][rows[0]]
    )


def plant_zoo(project: Project, rng: np.random.Generator) -> Found:
    """Return whether another zoo, with nothing else changed, is the only part of the change."""
    ahead = make_counts(str(LAST + pd.Timedelta(days=2)), 1).assign(count=np.nan)
    version = _forecast(project, pd.concat([make_counts(str(LAST), 1), ahead]))
    put_another_in_force(project, version)
    forecast_version(project, version, now=NOW, choice=ZooChoice.current)
    at = LAST + pd.Timedelta(hours=int(rng.integers(24, 48)))
    return _is_first(project, at, part="other model", variable=None), True


def plant_holidays() -> list[Found]:
    """Return whether the holiday is the first cause beside the constant and the target's own past, on holidays."""
    hours = pd.date_range("2022-01-01", "2024-01-01", freq="h", unit="us", inclusive="left")
    is_holiday = np.array([bool(name) for name in holiday_of_days(hours, "US")])
    spec = TableSpec("when", "h", "load", (Variable("load"), Variable("temp")))
    found: list[Found] = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        wave = 100 + 30 * np.sin(hours.hour.to_numpy() / 24 * 2 * np.pi) - 45 * is_holiday
        frame = pd.DataFrame(
            {"when": hours, "load": wave + rng.normal(0, 2, len(hours)), "temp": rng.normal(size=len(hours))}
        )
        zoo = build_zoo(
            panel_from_frame(frame[frame["when"] < "2023-05-01"], spec),
            ZooSpec(horizon=Horizon.parse("1D"), holidays="US"),
        )
        for day in np.unique(hours[is_holiday & (hours >= "2023-05-01")].normalize()):
            table = explain(zoo, panel_from_frame(frame[frame["when"] < day], spec))
            noon = table[table["timestamp"] == day + np.timedelta64(12, "h")]
            view = view_predictors(noon)
            causes = view.loc[~view["variable"].isin(["load", "(constant)"]), "variable"]
            found.append((causes.iloc[0] == "(holiday)", True))
    return found[:PLANTS]


def _forecast(project: Project, content: pd.DataFrame) -> str:
    version = send(project, content, name=f"{project.store.versions.next_key()}.csv")
    settle_version(project, version, by="bench", now=NOW)
    forecast_version(project, version, now=NOW)
    return version


def _is_first(project: Project, at: pd.Timestamp, *, part: str, variable: str | None) -> bool:
    changes = explain_point(project, at).made.changes
    if changes is None or changes.empty:
        return False
    first = sum_parts(changes)["part"].iloc[0]
    moved = view_predictors(changes[changes["part"] == first])["variable"].iloc[0]
    return bool(first == part and variable in (None, moved))


def _tell(kind: str, found: list[Found]) -> None:
    first, cells = (sum(hits) for hits in zip(*found, strict=True))
    also = f", its cell {cells}" if cells != len(found) else ""
    print(f"{kind}: ranked first {first} of {len(found)}{also}", flush=True)


def _measure_demo() -> None:
    """Print the largest rest over every cell of every version, and what root causes cost."""
    with tempfile.TemporaryDirectory() as folder:
        project, seconds, rest, count = open_demo(Path(folder)), [], 0.0, 0
        for update in plan_demo(project.use_case)[:16]:
            upload = Upload(name=update.name, content=update.content, source="bench", actor="bench")
            version = project.store.versions.claim(upload, now=NOW).version
            settle_version(project, version, by="bench", now=NOW)
            if version == "v00000001":
                build = open_build(project, version=version, rule="bench", reason="bench", now=NOW).build
                zoo = run_experiment(project, build, now=NOW).zoo
                release_zoo(project, zoo.zoo if zoo else "", now=NOW)
            forecast_version(project, version, now=NOW)
            started = time.process_time()
            trace_version(project, version, now=NOW)
            seconds.append(time.process_time() - started)
            manifest = project.store.outputs.manifest(FORECASTS, version)
            cells = project.store.outputs.read(FORECASTS, version)
            if manifest is not None:
                made = explain_cells(project, manifest, cells, previous=find_previous(project, manifest, cells))
                sums = made.terms.groupby("timestamp")["contribution"].sum()
                rest = max(rest, float((sums - cells.set_index("timestamp")["forecast"]).abs().max()))
                count += len(cells)
    print(f"demo, {count} cells: largest |sum - forecast| {rest:.1e} (forecasts of thousands)")
    print(f"demo, {len(seconds)} versions: root causes {1000 * np.median(seconds[1:]):.0f} ms of CPU each (median)")
