"""Every step of the disk fails once, in three ways: the disk is full, broken, or the power goes."""

import errno
import sys
import tempfile
import time
from pathlib import Path

from fault_sweep import sweep
from loopcast.cli.output import print_rows

FAULTS = {"disk full": errno.ENOSPC, "disk broken": errno.EIO, "power cut": None}


def main() -> None:
    """Print how many faults were met at each step; a fault that does harm ends the run with an error."""
    started, met = time.perf_counter(), {}
    for name, code in FAULTS.items():
        print(f"{name} ...", file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder:
            met[name] = sweep(Path(folder), errnos=(code,), each=1, verify_each=1)
    rows = [{"step": step, **{name: steps[step] for name, steps in met.items()}} for step in met["disk full"]]
    rows.append({"step": "all, N", **{name: sum(steps.values()) for name, steps in met.items()}})
    print_rows(rows, as_json=False)
    print(f"harm done: none, in {time.perf_counter() - started:.0f} s")
