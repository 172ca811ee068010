"""Growth and speed of the store: 1,000,000 x 5 rows, then 100 patches of 1,000 rows, scattered and appended."""

import io
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from loopcast.dataops.table import TableSpec, Variable
from loopcast.store.store import open_store
from loopcast.store.version_records import Upload, version_key
from loopcast.store.versions import VersionStore

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SERIES, LENGTH, PATCHES, ROWS = 100, 10_000, 100, 1_000
NAMES = [f"x{i}" for i in range(5)]
SPEC = TableSpec("timestamp", "h", "x0", tuple(Variable(name) for name in NAMES), series_keys=("series",))


def main() -> None:
    """Print the figures of both kinds of patches."""
    for kind in ("scattered", "appended"):
        with tempfile.TemporaryDirectory() as folder:
            _measure(Path(folder), kind)


def _measure(folder: Path, kind: str) -> None:
    rng = np.random.default_rng(0)
    base = _make_base(rng)
    versions = open_store(str(folder), use_case="bench", spec=SPEC, code_version="bench").versions
    _send(versions, base, "base")
    before = _size(folder)
    seconds = [_send(versions, patch, str(number)) for number, patch in enumerate(_make_patches(base, kind, rng))]
    last = version_key(PATCHES + 1)
    window = {"start": datetime(2020, 6, 1), "end": datetime(2020, 6, 7)}  # noqa: DTZ001
    cold = open_store(str(folder), use_case="bench", spec=SPEC, code_version="bench").versions
    print(
        f"{kind}: growth x{_size(folder) / before:.3f}, patch {1e3 * statistics.median(seconds):.0f} ms, "
        f"full read {_time(lambda: versions.read(last)):.0f} ms "
        f"(cold {_time(lambda: cold.read(last), times=1):.0f} ms), "
        f"one series {_time(lambda: versions.read(last, series=['s050'])):.0f} ms, "
        f"one week {_time(lambda: versions.read(last, **window)):.0f} ms"
    )


def _make_base(rng: np.random.Generator) -> pd.DataFrame:
    stamps = pd.date_range("2020", periods=LENGTH, freq="h", unit="us")
    series = [f"s{i:03d}" for i in range(SERIES)]
    frame = pd.DataFrame({"series": np.repeat(series, LENGTH), "timestamp": np.tile(stamps, SERIES)})
    return frame.assign(**{name: rng.normal(size=len(frame)).round(3) for name in NAMES})


def _make_patches(base: pd.DataFrame, kind: str, rng: np.random.Generator) -> Iterator[pd.DataFrame]:
    each = ROWS // SERIES
    for number in range(PATCHES):
        if kind == "scattered":
            patch = base.iloc[np.sort(rng.choice(len(base), ROWS, replace=False))].copy()
        else:
            first = base["timestamp"].max() + pd.Timedelta(hours=1 + each * number)
            stamps = pd.date_range(first, periods=each, freq="h", unit="us")
            patch = pd.DataFrame(
                {"series": np.repeat(base["series"].unique(), each), "timestamp": np.tile(stamps, SERIES)}
            )
        yield patch.assign(**{name: rng.normal(size=len(patch)).round(3) for name in NAMES})


def _send(versions: VersionStore, frame: pd.DataFrame, name: str) -> float:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    started = time.perf_counter()
    claim = versions.claim(Upload(f"{name}.parquet", buffer.getvalue(), "bench", "bench"), now=NOW)
    versions.settle(claim.version, now=NOW)
    return time.perf_counter() - started


def _size(folder: Path) -> int:
    """Return the bytes of everything but the uploads, which are kept as they came."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and "uploads" not in file.parts)


def _time(call: Callable[[], object], *, times: int = 3) -> float:
    """Return the median of some calls in milliseconds."""
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return 1e3 * statistics.median(seconds)
