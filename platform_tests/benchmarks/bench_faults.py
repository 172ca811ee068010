"""Every step of the disk fails once, in three ways: the disk is full, broken, or the power goes."""

import errno
import tempfile
import time
from pathlib import Path

from fault_sweep import sweep
from loopcast.cli.output import print_rows


def main() -> None:
    """Print how many faults were met; a fault that does harm ends the run with an error."""
    rows = []
    for name, code in (("full", errno.ENOSPC), ("broken", errno.EIO), ("power", None)):
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            met = sweep(Path(folder), errnos=(code,), each=1, verify_each=1)
        rows.append({"fault": name, "N": sum(met.values()), "harm": 0, "s": time.perf_counter() - started, **met})
    print_rows(rows, as_json=False)
