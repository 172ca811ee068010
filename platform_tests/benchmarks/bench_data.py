"""Where research data for benchmarks are: the folder that LOOPCAST_BENCH_DATA names. None are in the project."""

import os
from pathlib import Path

VARIABLE = "LOOPCAST_BENCH_DATA"


def find_data(name: str) -> Path | None:
    """Return the folder of one data set; None, and it is said, where it is not there."""
    folder = Path(os.environ.get(VARIABLE, "")) / name
    if os.environ.get(VARIABLE) and folder.exists():
        return folder
    print(f"no data {name!r}: set {VARIABLE} to the folder that holds it")
    return None
