"""The version store as a Hypothesis state machine next to a plain dict, with many more examples than the tests have."""

import os
import time

from loopcast.cli.output import print_rows
from store_machine import run_machine

EXAMPLES, STEPS = int(os.environ.get("LOOPCAST_BENCH_EXAMPLES", "100")), 50


def main() -> None:
    """Print how often each thing was done; a mismatch ends the run with the shortest way there."""
    started = time.perf_counter()
    done = run_machine(examples=EXAMPLES, steps=STEPS, derandomize=False)
    row = {"examples": EXAMPLES, "steps": STEPS, "done": sum(done.values()), "mismatches": 0}
    print_rows([{**row, "s": time.perf_counter() - started, **done}], as_json=False)
