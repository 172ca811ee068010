"""The figures of every benchmark run, one JSON line each, kept in the project: what became better, and what did not.

Measuring does not belong here, and nothing reads the clock: the caller says when it was.
"""

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

HISTORY = Path(__file__).with_name("history.jsonl")
Record = dict[str, Any]


def keep(
    benchmark: str,
    figures: Mapping[str, float],
    *,
    now: datetime,
    cpu_s: float,
    peer: Mapping[str, float] | None = None,
    file: Path = HISTORY,
) -> Record:
    """Append a run's figures to the history, and print them beside the peer's and those of the last run.

    Args:
        benchmark: its name; runs of the same name are compared.
        figures: by name, with the unit in the name.
        now: when it was run.
        cpu_s: CPU seconds of the product's part.
        peer: the same figures of something else, measured in the same run.
        file: the history.

    Returns:
        The line that was written.
    """
    before = [line for line in read_history(file) if line["benchmark"] == benchmark]
    record = {
        "benchmark": benchmark,
        "date": now.date().isoformat(),
        "commit": find_commit(),
        "cores": os.cpu_count(),
        "cpu_s": round(cpu_s, 3),
        "figures": {name: round(float(value), 5) for name, value in figures.items()},
        "peer": {name: round(float(value), 5) for name, value in (peer or {}).items()},
    }
    with file.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(record) + "\n")
    print("\n".join(describe(record, before[-1] if before else None)))
    return record


def read_history(file: Path = HISTORY) -> list[Record]:
    """Return all lines of the history, oldest first; none where there is no file yet."""
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []


def describe(record: Record, before: Record | None) -> Iterable[str]:
    """Yield the table of a run: each figure, the peer's, their ratio, and the figure of the run before."""
    yield f"{record['benchmark']}: {record['cpu_s']:.2f} CPU s on {record['cores']} cores, commit {record['commit']}"
    last = f"on {before['date']}" if before else "before"
    yield f"  {'figure':<28}{'value':>12}{'peer':>12}{'ratio':>8}{last:>15}"
    for name, value in record["figures"].items():
        other, old = record["peer"].get(name), before["figures"].get(name) if before else None
        ratio = f"{value / other:.3f}" if other else ""
        told = [f"{number:.4g}" if number is not None else "" for number in (value, other, old)]
        yield f"  {name:<28}{told[0]:>12}{told[1]:>12}{ratio:>8}{told[2]:>15}"


def find_commit() -> str:
    """Return the short name of the commit that is checked out, with a plus where files differ from it."""
    asked = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    done = subprocess.run(asked, cwd=HISTORY.parent, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
