"""Growth, speed and memory of the store next to Delta Lake: 1,000,000 x 5 rows, then 100 patches of 1,000 rows.

With LOOPCAST_BENCH_LARGE=1 the base has 10,000,000 rows. Each contestant writes in one fresh process and reads in
another; all must read back the same rows. Delta neither synchronises with the disk nor checks
nor counts what a patch changes; loopcast's figures include all of that.
"""

import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from store_contestants import CONTESTANTS, NAMES, SPEC

from loopcast.cli.output import print_rows
from loopcast.dataops.digest import state_digest

SERIES = 1_000 if os.environ.get("LOOPCAST_BENCH_LARGE") == "1" else 100
LENGTH, PATCHES, ROWS = 10_000, 100, 1_000
BUDGET_S = 300.0  # for the patches of one contestant; whoever needs longer has made fewer
WEEK = {"start": datetime(2020, 6, 1), "end": datetime(2020, 6, 7, 23)}  # noqa: DTZ001 - stored times are naive


def main() -> None:
    """Print the figures of both kinds of patches, and what the others need for each of loopcast's."""
    for kind in ("scattered", "appended"):
        with tempfile.TemporaryDirectory() as folder:
            inputs = Path(folder) / "inputs"
            inputs.mkdir()
            _run(make_inputs, inputs, kind)
            rows = [_measure(Path(folder), name) for name in CONTESTANTS]
        found = [(row["patches"], row.pop("digest")) for row in rows]
        digests = {digest for patches, digest in found if patches == PATCHES}
        print_rows(rows, as_json=False, title=f"{SERIES * LENGTH:,} x {len(NAMES)} rows, {kind} patches of {ROWS:,}")
        print(f"all that made all patches read back the same rows: {'yes' if len(digests) == 1 else 'NO'}")
        print_rows([_compare(row, rows[0]) for row in rows[1:]], as_json=False, title="times loopcast's")


def make_inputs(folder: Path, kind: str) -> None:
    """Write the base and the patches as Parquet files."""
    rng = np.random.default_rng(0)
    series = [f"s{number:04d}" for number in range(SERIES)]
    base = _fill(series, pd.date_range("2020", periods=LENGTH, freq="h", unit="us"), rng)
    base.to_parquet(folder / "000.parquet", index=False)
    each = ROWS // SERIES
    for number in range(1, PATCHES + 1):
        if kind == "scattered":
            keys = base.iloc[np.sort(rng.choice(len(base), ROWS, replace=False))][list(SPEC.keys)]
            patch = keys.assign(**{name: rng.normal(size=ROWS).round(3) for name in NAMES})
        else:
            first = base["timestamp"].iloc[-1] + pd.Timedelta(hours=1 + each * (number - 1))
            patch = _fill(series, pd.date_range(first, periods=each, freq="h", unit="us"), rng)
        patch.to_parquet(folder / f"{number:03d}.parquet", index=False)


def write(inputs: Path, folder: Path, name: str) -> dict[str, Any]:
    """Return what making the versions has cost one contestant."""
    contestant = CONTESTANTS[name](folder)
    base, *patches = sorted(inputs.iterdir())
    first = _time(lambda: contestant.send(base, 1))
    before, before_all = _size(folder, uploads=False), _size(folder, uploads=True)
    seconds: list[float] = []
    for number, patch in enumerate(patches, start=2):
        seconds.append(_time(lambda patch=patch, number=number: contestant.send(patch, number)))
        if sum(seconds) > BUDGET_S:
            break
    return {
        "patches": len(seconds),
        "base s": first,
        "growth": _size(folder, uploads=False) / before,
        "with uploads": _size(folder, uploads=True) / before_all,
        "patch ms": 1e3 * statistics.median(seconds),
        "p95 ms": 1e3 * float(np.quantile(seconds, 0.95)),
        "write MB": _peak_mb(),
    }


def read(folder: Path, name: str) -> dict[str, Any]:
    """Return what reading the newest version costs one contestant, in a process that has read nothing yet."""
    contestant = CONTESTANTS[name](folder)
    cold = _time(contestant.read)
    warm = statistics.median(_time(contestant.read) for _ in range(5))
    figures = {"cold ms": 1e3 * cold, "warm ms": 1e3 * warm}
    for part, choice in (("series ms", {"series": f"s{SERIES // 2:04d}"}), ("week ms", WEEK)):
        figures[part] = 1e3 * statistics.median(
            _time(lambda choice=choice: contestant.read(**choice)) for _ in range(5)
        )
    return {**figures, "read MB": _peak_mb()}


def digest(folder: Path, name: str) -> dict[str, Any]:
    """Return the digest of what one contestant reads."""
    return {"digest": state_digest(CONTESTANTS[name](folder).read(), SPEC)}


def _measure(folder: Path, name: str) -> dict[str, Any]:
    """Return one row of the table."""
    print(f"  {name} ...", file=sys.stderr, flush=True)
    place = folder / name.replace(" ", "_")
    place.mkdir()
    written = _run(write, folder / "inputs", place, name)
    return {"way": name, **written, **_run(read, place, name), **_run(digest, place, name)}


def _compare(row: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """Return a row's figures as multiples of ours."""
    left_out = ("way", "patches", "base s")
    return {"way": row["way"], **{name: row[name] / ours[name] for name in row if name not in left_out}}


def _run(work: Callable[..., Any], *arguments: object) -> Any:
    """Return what a function returns in a fresh process."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def _fill(series: list[str], stamps: pd.DatetimeIndex, rng: np.random.Generator) -> pd.DataFrame:
    """Return rows of all series at some timestamps."""
    frame = pd.DataFrame({"series": np.repeat(series, len(stamps)), "timestamp": np.tile(stamps, len(series))})
    return frame.assign(**{name: rng.normal(size=len(frame)).round(3) for name in NAMES})


def _size(folder: Path, *, uploads: bool) -> int:
    """Return the bytes of everything in a folder, with or without the uploads, which are kept as they came."""
    files = (file for file in folder.rglob("*") if file.is_file() and (uploads or "uploads" not in file.parts))
    return sum(file.stat().st_size for file in files)


def _time(call: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _peak_mb() -> float:
    """Return the most memory that this process has had, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
