"""Several processes that write to one store, and others that read it all the while."""

import random
import time
from collections import Counter
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path

from loopcast.dataops.digest import state_digest
from loopcast.store import checkpoints
from loopcast.store.lake import LocalLake
from loopcast.store.verify import verify
from loopcast.store.version_records import version_key
from store_examples import NOW, store_over, upload


@dataclass(frozen=True)
class Outcome:
    """What came of a crowd.

    Args:
        versions: versions that were made.
        reads: versions that were read meanwhile.
        wrong_reads: reads whose content did not have the digest in the version's record.
        checks: how often the whole store was verified meanwhile.
        false_alarms: damages that those verifications reported.
        errors: what processes died of.
        is_one_chain: whether each writer got its own versions and all of them make one unbroken chain.
        damages: what a verification finds in the end.
        seconds: from the first update to the last.
    """

    versions: int
    reads: int
    wrong_reads: int
    checks: int
    false_alarms: int
    errors: tuple[str, ...]
    is_one_chain: bool
    damages: int
    seconds: float


def gather(root: Path, *, writers: int, patches: int, readers: int, checkers: int, patch_limit: int) -> Outcome:
    """Return what comes of so many writers with so many patches each, of readers and of verifications all the while.

    Args:
        root: an empty folder for the store.
        writers, patches: processes that write, and how many updates each.
        readers, checkers: processes that read single versions, and that verify the whole store.
        patch_limit: a checkpoint is made after so many patches, and older ones are thinned.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload(["__main__", "loopcast.store.store", "loopcast.store.verify"])
    store = store_over(LocalLake(root))
    is_over = context.Event()
    crowd = [(_write, (number, patches)) for number in range(writers)]
    crowd += [(_read, (number, is_over)) for number in range(readers)] + [(_check, (is_over,))] * checkers
    started, receivers = time.perf_counter(), []
    for work, arguments in crowd:
        receiver, sender = context.Pipe(duplex=False)
        context.Process(target=_report, args=(work, root, arguments, sender, patch_limit), daemon=True).start()
        sender.close()
        receivers.append(receiver)
    written = [receiver.recv() for receiver in receivers[:writers]]
    seconds = time.perf_counter() - started
    is_over.set()
    read = [receiver.recv() for receiver in receivers[writers:]]
    errors = tuple(result for result in written + read if isinstance(result, str))
    made = [version for result in written if not isinstance(result, str) for version in result]
    totals: Counter[str] = sum((result for result in read if not isinstance(result, str)), Counter())
    records = store.versions.records()
    wanted = [version_key(number) for number in range(1, writers * patches + 1)]
    is_one_chain = (
        sorted(made) == [record.version for record in records] == wanted
        and [record.previous_digest for record in records] == [None, *(record.digest for record in records[:-1])]
        and [record.rows for record in records] == list(range(2, len(records) + 2))
    )
    return Outcome(
        versions=len(records),
        reads=totals["reads"],
        wrong_reads=totals["wrong"],
        checks=totals["checks"],
        false_alarms=totals["false alarms"],
        errors=errors,
        is_one_chain=is_one_chain,
        damages=len(verify(store).damages),
        seconds=seconds,
    )


def _report(work, root: Path, arguments: tuple, sender: Connection, patch_limit: int) -> None:
    """Send what the work returns, or the error that it died of."""
    checkpoints.PATCH_LIMIT = patch_limit
    try:
        sender.send(work(root, *arguments))
    except Exception as error:
        sender.send(f"{type(error).__name__}: {error}")


def _write(root: Path, writer: int, patches: int) -> list[str]:
    """Return the versions of one writer's updates, each of which adds one row and corrects a common one."""
    versions, made = store_over(LocalLake(root)).versions, []
    for number in range(patches):
        row = f"w{writer},2020-01-{number // 24 + 1:02d} {number % 24:02d}:00,{number}"
        text = f"k,t,y\n{row}\ncommon,2020-01-01 00:00,{number}\n"
        claim = versions.claim(upload(text), now=NOW)
        versions.settle(claim.version, now=NOW)
        made.append(claim.version)
    return made


def _read(root: Path, reader: int, is_over: Event) -> Counter[str]:
    """Return how many versions one reader has read, the newest and random ones in turn, and how many were wrong."""
    rng, totals = random.Random(reader), Counter({"reads": 0, "wrong": 0})  # noqa: S311 - no secret
    store = store_over(LocalLake(root))
    while not is_over.is_set():
        newest = store.versions.newest()
        if newest is None:
            continue
        if totals["reads"] % 2:
            newest = store.versions.record(version_key(rng.randint(1, int(newest.version[1:]))))
        frame = store.versions.read(newest.version)
        totals["wrong"] += (len(frame), state_digest(frame, store.spec)) != (newest.rows, newest.state_digest)
        totals["reads"] += 1
    return totals


def _check(root: Path, is_over: Event) -> Counter[str]:
    """Return how often the store was verified while others wrote, and how much damage that found."""
    totals = Counter({"checks": 0, "false alarms": 0})
    while not is_over.is_set():
        totals["false alarms"] += len(verify(store_over(LocalLake(root))).damages)
        totals["checks"] += 1
    return totals
