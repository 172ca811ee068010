"""What an accuracy report costs as versions grow in number: CPU seconds at 100, 1,000 and 10,000 versions.

A real zoo is built on the first version; the later ones are small real updates, and their forecasts, reports and
decisions are written through the store's own functions, in the form that the loop writes them in.
LOOPCAST_BENCH_VERSIONS, for instance `100,1000`, measures at other numbers.
"""

import io
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from loopcast.cli.output import print_rows
from loopcast.loop.judging.accuracy import CELLS, read_accuracy, read_cells, score_version, trace_errors
from loopcast.loop.judging.decisions import DECISIONS, Course, list_decisions
from loopcast.loop.judging.evidence import gather_evidence
from loopcast.loop.judging.unscored import list_unscored
from loopcast.loop.production import MEMBERS
from loopcast.loop.project import Project
from loopcast.loop.stage_checks import check_accuracy
from loopcast.loop.zoos.forces import FORECASTS
from loopcast.store.lake import LocalDisk, LocalLake
from loopcast.store.store import Store
from loopcast.store.version_records import Upload, version_key
from made_use_case import NOW, make_counts, make_project, take_turn

MARKS = tuple(int(text) for text in os.environ.get("LOOPCAST_BENCH_VERSIONS", "100,1000,10000").split(","))
FIRST_DAYS, CORRECTED_EVERY = 56, 50
REPEATS = 3
DAY = pd.Timedelta(days=1)


class QuickDisk(LocalDisk):
    """A disk that is not waited for: what it loses in a crash is made again in minutes."""

    def write(self, file: Path, content: bytes) -> None:
        """Write a new file."""
        file.write_bytes(content)

    def sync_folder(self, folder: Path) -> None:
        """Do nothing."""


@dataclass(frozen=True, eq=False)
class Pattern:
    """What the loop wrote for a real version, from which the others are made.

    Args:
        project: the use case, on a quick disk.
        forecast: manifest and rows of the first version's forecast.
        members: its member forecasts.
        cells: of the second version's report; later versions have the same actuals and the same forecasts, a day on.
        facts: of that report.
        decision: the value of the newest decision.
    """

    project: Project
    forecast: tuple[Any, pd.DataFrame]
    members: pd.DataFrame
    cells: pd.DataFrame
    facts: dict[str, Any]
    decision: dict[str, Any]


def main() -> None:
    """Print one row per number of versions, and how the last compares with the first."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        pattern, rng = prepare(Path(folder)), np.random.default_rng(0)
        for number in range(3, MARKS[-1] + 1):
            make_version(pattern, number, rng)
            if number in MARKS:
                with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                    rows.append({"versions": number, **pool.submit(measure_afresh, folder, number).result()})
                print(f"  {number} versions", file=sys.stderr)
    print_rows(rows, as_json=False, title="CPU milliseconds with a store that was just opened")
    names = [name for name in rows[0] if name.endswith("ms")]
    ratios = {name: rows[-1][name] / rows[0][name] for name in names}
    print_rows([{"versions": f"{MARKS[-1]} ÷ {MARKS[0]}", **ratios}], as_json=False)


def prepare(folder: Path) -> Pattern:
    """Return the pattern, after two real turns."""
    project = make_project(folder)
    take_turn(project, make_counts("2024-01-01", FIRST_DAYS), now=NOW)
    take_turn(project, make_counts("2024-02-26", 1), now=NOW + timedelta(days=1))
    outputs, references = project.store.outputs, project.store.references
    first, report = outputs.manifest(FORECASTS, version_key(1)), outputs.manifest(CELLS, version_key(2))
    decision = references.current(DECISIONS)
    if first is None or report is None or decision is None:
        raise RuntimeError("the first turns made no forecast, no report or no decision")
    quick = Store.over(
        LocalLake(Path(project.settings.lake), disk=QuickDisk()), use_case=project.name, spec=project.store.spec,
        code_version=project.code_version,
    )  # fmt: skip
    forecast, members = (outputs.read(table, version_key(1)) for table in (FORECASTS, MEMBERS))
    cells = outputs.load(report)
    return Pattern(replace(project, store=quick), (first, forecast), members, cells, report.facts, decision.value)


def make_version(pattern: Pattern, number: int, rng: np.random.Generator) -> None:
    """Make the n-th version and its outputs: a day of actuals, every fiftieth time an old hour corrected as well."""
    store, version, now = pattern.project.store, version_key(number), NOW + timedelta(days=number)
    hours = pd.date_range(pd.Timestamp("2024-01-01") + DAY * (FIRST_DAYS + number - 2), periods=24, freq="h", unit="us")
    if number % CORRECTED_EVERY == 0:
        hours = hours.insert(0, hours[0] - 7 * DAY)
    counts = np.concatenate([rng.uniform(60, 140, len(hours) - 24).round(1), pattern.cells["actual"]])
    rows = pd.DataFrame({"at": hours, "count": counts, "promotion": 0.0})
    buffer = io.BytesIO()
    rows.to_parquet(buffer, index=False)
    upload = Upload(f"{number}.parquet", buffer.getvalue(), "bench", "bench")
    settled = store.versions.settle(store.versions.claim(upload, now=now).version, now=now)
    _write_forecast(pattern, version, settled.state_digest, days=number - 1, now=now)
    if number % CORRECTED_EVERY == 0 or number in MARKS:
        score_version(pattern.project, version, now=now)
    else:
        _write_report(pattern, number, settled.state_digest, now=now)
    store.references.append(DECISIONS, {**pattern.decision, "version": version}, now=now)


def measure_afresh(folder: str, number: int) -> dict[str, float]:
    """Return what the newest report costs in a new process, the least of some times; imports are not counted."""
    _measure(make_project(Path(folder)), number)
    found = [_measure(make_project(Path(folder)), number) for _ in range(REPEATS)]
    return {name: min(one[name] for one in found) for name in found[0]}


def _measure(project: Project, number: int) -> dict[str, float]:
    version, now = version_key(number), NOW + timedelta(days=number + 1)
    manifest = project.store.outputs.manifest(CELLS, version)
    newest = project.store.versions.record(version)
    if manifest is None:
        raise RuntimeError(f"{version} has no report")
    return {
        "score ms": _time(lambda: score_version(project, version, now=now)),
        "asset reads ms": _time(
            lambda: (
                trace_errors(project, until=version),
                list_unscored(project, until=version, last_n=7),
                check_accuracy(project, manifest),
            )
        ),
        "read_cells ms": _time(lambda: read_cells(project, until=version)),
        "evidence ms": _time(lambda: gather_evidence(project, newest, course=Course(), now=now)),
        "decisions ms": _time(lambda: list_decisions(project, last=50)),
        "whole sequence ms": _time(lambda: read_accuracy(project)),
        "forecasts": float(read_accuracy(project)["n"]),
    }


def _write_forecast(pattern: Pattern, version: str, dataset: str, *, days: int, now: Any) -> None:
    store, (manifest, frame) = pattern.project.store, pattern.forecast
    forecast, members = (_shift(table, days) for table in (frame, pattern.members))
    pins = {**manifest.pins, "version": version, "dataset": dataset}
    times = forecast["timestamp"]
    facts = {**manifest.facts, "covers_from": str(times.min()), "covers_to": str(times.max())}
    store.outputs.write(MEMBERS, version, members, pins=pins, now=now)
    store.outputs.write(FORECASTS, version, forecast, pins=pins, now=now, facts=facts)


def _write_report(pattern: Pattern, number: int, dataset: str, *, now: Any) -> None:
    """Write the report of a version whose actuals meet the forecast of the day before alone."""
    outputs, source, version = pattern.project.store.outputs, version_key(number - 1), version_key(number)
    cells = _shift(pattern.cells, number - 2).assign(forecast_version=source)
    sums, times = pattern.facts["sums"], cells["timestamp"]
    rows = [[source, *row[1:]] for row in sums["rows"]]
    touches = [str(times.min()), str(times.max())]
    facts = {**pattern.facts, "touches": touches, "sums": {**sums, "rows": rows}}
    made = outputs.manifest(FORECASTS, source)
    pins = {
        "version": version,
        "dataset": dataset,
        "forecasts": {source: made.digest if made else ""},
        "code_version": pattern.project.code_version,
    }
    outputs.write(CELLS, version, cells, pins=pins, now=now, facts=facts)


def _shift(table: pd.DataFrame, days: int) -> pd.DataFrame:
    return table.assign(timestamp=table["timestamp"] + days * DAY, origin=table["origin"] + days * DAY)


def _time(call: Callable[[], object]) -> float:
    """Return the CPU milliseconds that a call takes."""
    started = time.process_time()
    call()
    return 1e3 * (time.process_time() - started)
