"""200 times `kill -9` at a random moment of a writer that sends updates and writes outputs, on one growing store."""

import tempfile
import time
from pathlib import Path

from crash_sweep import sweep
from loopcast.cli.output import print_rows

KILLS = 200


def main() -> None:
    """Print what the kills have cost, and what the writer was doing when it was killed."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        toll = sweep(Path(folder), kills=KILLS, seed=1, verify_each=20)
    row = {
        "kills": toll.kills,
        "acknowledged": toll.acknowledged,
        "lost": toll.lost,
        "partial": toll.partial,
        "unreadable": toll.unreadable,
        "s": time.perf_counter() - started,
        "killed in": [f"{name} {number}" for name, number in toll.killed_in.most_common()],
    }
    print_rows([row], as_json=False)
