"""Cost per patch as versions grow in number: 24 new hours and 24 corrections each, at 100, 1,000 and 10,000 versions.

LOOPCAST_BENCH_VERSIONS, for instance `100,1000`, measures at other numbers.
"""

import io
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from loopcast.cli.output import print_rows
from loopcast.dataops.digest import state_digest
from loopcast.dataops.table import TableSpec, Variable
from loopcast.store.store import Store, open_store
from loopcast.store.version_records import Upload, version_key

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = [f"x{i}" for i in range(5)]
SPEC = TableSpec("timestamp", "h", "x0", tuple(Variable(name) for name in NAMES))
BASE, ROWS, LAST = 10_000, 24, 50
MARKS = tuple(int(text) for text in os.environ.get("LOOPCAST_BENCH_VERSIONS", "100,1000,10000").split(","))


def main() -> None:
    """Print one row per number of versions, and how the last compares with the first."""
    with tempfile.TemporaryDirectory() as folder:
        store, rng, seconds, rows = open_here(folder), np.random.default_rng(0), [0.0], []
        for number in range(1, MARKS[-1] + 1):
            seconds.append(send(store, number, rng))
            if number % 500 == 0:
                print(f"  {number} versions, {1e3 * statistics.median(seconds[-LAST:]):.1f} ms", file=sys.stderr)
            if number in MARKS:
                rows.append(_look(Path(folder), number, seconds[-LAST:]))
    print_rows(rows, as_json=False)
    ratios = {name: rows[-1][name] / rows[0][name] for name in rows[0] if name.endswith("ms")}
    print_rows([{"versions": f"{MARKS[-1]} ÷ {MARKS[0]}", **ratios}], as_json=False)


def open_here(folder: str) -> Store:
    """Return the store in a folder."""
    return open_store(folder, use_case="bench", spec=SPEC, code_version="bench")


def send(store: Store, number: int, rng: np.random.Generator) -> float:
    """Return the seconds that the n-th update takes: new rows, and as many corrections of old ones."""
    count, first = (BASE, 0) if number == 1 else (ROWS, BASE + ROWS * (number - 2))
    hours = np.arange(first, first + count)
    if number > 1:
        hours = np.union1d(hours, rng.choice(first, ROWS, replace=False))
    frame = pd.DataFrame({"timestamp": pd.Timestamp("2000-01-01").as_unit("us") + pd.to_timedelta(hours, unit="h")})
    frame = frame.assign(**{name: rng.normal(size=len(frame)).round(3) for name in NAMES})
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    upload = Upload(f"{number}.parquet", buffer.getvalue(), "bench", "bench")
    return _time(lambda: store.versions.settle(store.versions.claim(upload, now=NOW).version, now=NOW))


def settle_afresh(folder: str, number: int) -> dict[str, float]:
    """Return what the first thing costs in a fresh process: opening, a patch; and in another handle, reading."""
    seed = np.random.default_rng(number)
    send(open_store("memory://", use_case="bench", spec=SPEC, code_version="bench"), 1, seed)  # imports are not counted
    opening = _time(open_here(folder).versions.newest)
    store = open_here(folder)
    first = send(store, number + 1, seed)
    reader = open_here(folder)
    cold = _time(lambda: reader.versions.read(version_key(number)))
    early = _time(lambda: open_here(folder).versions.read(version_key(number // 2)))
    frame = reader.versions.read(version_key(number))
    if state_digest(frame, SPEC) != reader.versions.record(version_key(number)).state_digest:
        raise RuntimeError(f"version {number} does not read back as it was written")
    return {"open ms": 1e3 * opening, "first patch ms": 1e3 * first, "cold read ms": 1e3 * cold, "half ms": 1e3 * early}


def _look(folder: Path, number: int, seconds: list[float]) -> dict[str, Any]:
    """Return one row of the table; the fresh process works on a copy, so that the numbers stay as they are."""
    figures = {"versions": number, "patch ms": 1e3 * statistics.median(seconds)}
    figures["p95 ms"] = 1e3 * float(np.quantile(seconds, 0.95))
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(folder, copy, dirs_exist_ok=True, copy_function=os.link)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            figures |= pool.submit(settle_afresh, copy, number).result()
    files = sum(1 for file in folder.rglob("*") if file.is_file())
    return {**figures, "files": files, "MB": sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6}


def _time(call: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
