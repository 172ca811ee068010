"""8 processes write 50 updates each to one store while 4 others read random and newest versions,
and one verifies the whole store, all the time."""

import tempfile
from pathlib import Path

from crowd import gather
from loopcast.cli.output import print_rows

WRITERS, PATCHES, READERS, CHECKERS = 8, 50, 4, 1
PATCH_LIMIT = 20  # far below the store's own, so that checkpoints come and go while others read


def main() -> None:
    """Print what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = gather(
            Path(folder),
            writers=WRITERS,
            patches=PATCHES,
            readers=READERS,
            checkers=CHECKERS,
            patch_limit=PATCH_LIMIT,
        )
    row = {
        "writers": WRITERS,
        "readers": READERS,
        "versions": outcome.versions,
        "one chain": "yes" if outcome.is_one_chain else "no",
        "reads": outcome.reads,
        "wrong reads": outcome.wrong_reads,
        "checks": outcome.checks,
        "false alarms": outcome.false_alarms,
        "errors": len(outcome.errors),
        "damages": outcome.damages,
        "s": outcome.seconds,
        "ms per patch": 1e3 * outcome.seconds / outcome.versions,
    }
    print_rows([row], as_json=False)
    for error in outcome.errors:
        print(f"  {error}")
