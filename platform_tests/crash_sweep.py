"""A writer that does everything the store can do, killed again and again, and what is there afterwards."""

import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from loopcast.dataops.digest import frame_digest, state_digest
from loopcast.errors import DamageError, NotFoundError
from loopcast.store import checkpoints
from loopcast.store.lake import LocalLake, ObjectLake
from loopcast.store.store import Store
from loopcast.store.verify import verify
from store_examples import FIRST, NOW, send, store_over, upload

MOST_MESSAGES, LONGEST_S = 12, 0.05  # a writer is killed so many messages and seconds after it began, at most
PATCH_LIMIT = 10  # a checkpoint is made after so many patches


@dataclass
class Toll:
    """What some kills have cost: nothing of it may be lost, half-visible or unreadable."""

    kills: int = 0
    acknowledged: int = 0
    lost: int = 0
    partial: int = 0
    unreadable: int = 0
    killed_in: Counter[str] = field(default_factory=Counter)


def sweep(root: Path, *, kills: int, seed: int, verify_each: int) -> Toll:
    """Return what so many kills at random moments have cost, on one store that grows all the time."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["__main__", "loopcast.store.store", "loopcast.store.verify"])
    rng, toll = random.Random(seed), Toll()  # noqa: S311 - no secret
    store_over(LocalLake(root))
    for kill in range(1, kills + 1):
        receiver, sender = context.Pipe(duplex=False)
        writer = context.Process(target=write_for_ever, args=(root, sender))
        writer.start()
        sender.close()
        messages = [receiver.recv() for _ in range(rng.randint(1, MOST_MESSAGES))]
        time.sleep(rng.uniform(0, LONGEST_S))
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        messages += _drain(receiver)
        receiver.close()
        _count(store_over(LocalLake(root)), messages, toll)
        if kill % verify_each == 0 or kill == kills:
            toll.partial += len(verify(store_over(LocalLake(root))).damages)
    return toll


def write_for_ever(root: Path, sender: Connection) -> None:
    """Send updates, settle them, write outputs and references; say what comes next and what is acknowledged."""
    send(store_over(ObjectLake.in_memory()), FIRST)  # what is slow the first time is not what is to be interrupted
    checkpoints.PATCH_LIMIT = PATCH_LIMIT
    store = store_over(LocalLake(root))
    sender.send(("starts", "settle"))
    for version in store.versions.unsettled():
        store.versions.settle(version, now=NOW)
    first = len(store.versions.claims())
    for number in count(max(first, 1)):
        for name, step in STEPS.items():
            sender.send(("starts", name))
            sender.send(("acknowledged", name, number, step(store, number)))


def claim(store: Store, number: int) -> str:
    text = f"k,t,y,z\na,2020-01-{number % 28 + 1:02d} {number % 24:02d}:00,{number},1\nb,2020-01-01 00:00,,{number}\n"
    return store.versions.claim(upload(text, key=str(number)), now=NOW).version


def settle(store: Store, number: int) -> str:
    return store.versions.settle(store.versions.claims()[-1], now=NOW).digest


def write_output(store: Store, number: int) -> str:
    frame = store.versions.read(store.versions.newest().version)
    return store.outputs.write("forecast", f"p{number}", frame, pins={"number": number}, now=NOW).digest


def append_reference(store: Store, number: int) -> int:
    return store.references.append("zoo_in_force", {"number": number}, now=NOW).number


def make_checkpoint(store: Store, number: int) -> str:
    return store.versions.checkpoint(store.versions.newest().version).version


STEPS = {
    "claim": claim,
    "settle": settle,
    "checkpoint": make_checkpoint,
    "output": write_output,
    "reference": append_reference,
}


def _drain(receiver: Connection):
    """Yield what a killed writer had still said."""
    while True:
        try:
            yield receiver.recv()
        except (EOFError, OSError):
            return


def _count(store: Store, messages: list[tuple], toll: Toll) -> None:
    """Add what one kill has cost."""
    toll.kills += 1
    done = [message[1:] for message in messages if message[0] == "acknowledged"]
    toll.acknowledged += len(done)
    toll.killed_in[next((message[1] for message in reversed(messages) if message[0] == "starts"), "settle")] += 1
    for name, number, result in done:
        try:
            toll.lost += not _is_there(store, name, number, result)
        except NotFoundError:
            toll.lost += 1
        except DamageError:
            toll.partial += 1
    newest = store.versions.newest()
    if newest is not None:
        frame = store.versions.read(newest.version)
        toll.unreadable += state_digest(frame, store.spec) != newest.state_digest or len(frame) != newest.rows


def _is_there(store: Store, name: str, number: int, result: object) -> bool:
    """Return whether something acknowledged is there as it was acknowledged."""
    if name == "claim":
        return store.versions.claim_of(result).idempotency_key == str(number)
    if name == "settle":
        return result in {record.digest for record in store.versions.records()[-50:]}
    if name == "checkpoint":  # a later one may have made it go; what counts is that its version reads back
        record = store.versions.record(result)
        return state_digest(store.versions.read(result), store.spec) == record.state_digest
    if name == "output":
        return frame_digest(store.outputs.read("forecast", f"p{number}")) == result
    return any(entry.value["number"] == number for entry in store.references.history("zoo_in_force", last=50))
