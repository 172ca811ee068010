"""Whenever the process goes: nothing acknowledged is lost, nothing half-written is visible."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from loopcast.store.lake import LocalLake
from loopcast.store.verify import verify
from store_examples import FIRST, NOW, send, store_over

WRITER = """
import sys
from pathlib import Path
from store_examples import NOW, store_over, upload
from loopcast.store.lake import LocalLake

versions = store_over(LocalLake(Path(sys.argv[1]))).versions
for number in range(1, 10_000):
    text = f"k,t,y\\na,2020-01-01 {number % 24:02d}:00,{number}\\n"
    claim = versions.claim(upload(text, key=str(number)), now=NOW)
    sys.stdout.write(f"claimed {claim.version}\\n")
    sys.stdout.flush()
    versions.settle(claim.version, now=NOW)
    sys.stdout.write(f"settled {claim.version}\\n")
    sys.stdout.flush()
"""


def test_a_writer_killed_at_any_moment_has_lost_nothing_it_acknowledged(tmp_path):
    tests = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tests), str(tests.parent / "platform")])}
    for attempt in range(3):
        root = tmp_path / str(attempt)
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(root)], env=environment, stdout=subprocess.PIPE, text=True
        )
        lines = [writer.stdout.readline().split() for _ in range(10 + attempt)]
        time.sleep(0.007 * attempt)
        os.kill(writer.pid, signal.SIGKILL)
        lines += [line.split() for line in writer.stdout.read().splitlines()]
        writer.wait()
        writer.stdout.close()
        store = store_over(LocalLake(root))
        claimed = [version for word, version in lines if word == "claimed"]
        settled = [version for word, version in lines if word == "settled"]
        assert set(claimed) <= set(store.versions.claims())
        assert set(settled) <= {record.version for record in store.versions.records()}
        for version in store.versions.unsettled():
            store.versions.settle(version, now=NOW)
        send(store, FIRST)
        assert verify(store).damages == ()
