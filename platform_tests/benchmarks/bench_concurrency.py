"""8 processes write 50 updates each to one store while 4 others read random and newest versions all the time."""

import tempfile
from pathlib import Path

from crowd import gather
from loopcast.cli.output import print_rows

WRITERS, PATCHES, READERS = 8, 50, 4


def main() -> None:
    """Print what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = gather(Path(folder), writers=WRITERS, patches=PATCHES, readers=READERS)
    row = {
        "writers": WRITERS,
        "readers": READERS,
        "versions": outcome.versions,
        "one chain": "yes" if outcome.is_one_chain else "no",
        "reads": outcome.reads,
        "wrong reads": outcome.wrong_reads,
        "errors": len(outcome.errors),
        "damages": outcome.damages,
        "s": outcome.seconds,
        "ms per patch": 1e3 * outcome.seconds / outcome.versions,
    }
    print_rows([row], as_json=False)
    for error in outcome.errors:
        print(f"  {error}")
