"""Runs the benchmarks: `make bench` for all, `make bench BENCH=latency` for one. They test nothing."""

import argparse
import importlib
import sys
from pathlib import Path

NAMES = (
    "demo",
    "latency",
    "minimal",
    "alerts",
    "store",
    "faults",
    "crash",
    "concurrency",
    "state_machine",
    "versions",
    "bad_input",
    "control",
    "drift",
    "deterioration",
    "profile",
    "gefcom",
    "check_estimator",
    "epf",
    "m4",
    "leakage",
    "scale",
    "root_cause",
    "policies",
    "turns",
    "ticks",
    "lifecycle",
    "lifecycle_quick",
    "accuracy",
)


def main() -> None:
    """Run the benchmarks named on the command line, all without a name."""
    parser = argparse.ArgumentParser(description=__doc__, epilog="Example: run.py latency")
    parser.add_argument("names", nargs="*", help=f"which of {', '.join(NAMES)}; default: all")
    sys.path[:0] = [str(folder) for folder in Path(__file__).resolve().parents[:2]]
    for name in parser.parse_args().names or NAMES:
        print(f"== {name}", flush=True)
        importlib.import_module(f"bench_{name}").main()


if __name__ == "__main__":
    main()
