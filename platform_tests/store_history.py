"""A history that uses everything the store can do, step by step, and what the lake holds after each step."""

import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from loopcast.store.erasure import ErasureRequest
from loopcast.store.forgetting import erase
from loopcast.store.lake import STAGING, LocalLake
from loopcast.store.store import Store
from store_examples import BAD, FIRST, NOW, SECOND, send, store_over, upload

MIXED = "z,_operation,t,k\n7,upsert,2020-01-01 00:00,a\n8,,2020-01-01 03:00,b\n,remove,2020-01-01 00:00,b\n"


class Step(NamedTuple):
    """One thing that a user of the store does; doing it again after a failure changes nothing more."""

    name: str
    do: Callable[[Store], object]


def claim_two(store: Store) -> None:
    for text in ("k,t,y\nd,2020-01-01 00:00,1\n", "k,t,y\nd,2020-01-01 01:00,2\n"):
        store.versions.claim(upload(text), now=NOW)


def make_checkpoint(store: Store, *, version: str) -> None:
    store.versions.checkpoint(version)


def write_output(store: Store, *, zoo: str = "a") -> None:
    frame = store.versions.read("v00000002")
    store.outputs.write("forecast", "v00000002", frame, pins={"zoo": zoo}, facts={"rows": len(frame)}, now=NOW)


def write_document(store: Store) -> None:
    store.outputs.write_document("zoos", {"weights": [0.5, 0.5]})
    store.outputs.write_document("zoos", {"weights": np.array([0.5, 0.25, 0.25])})


def append_reference(store: Store) -> None:
    store.references.append("zoo_in_force", {"digest": "a"}, now=NOW)


def mend_upload(store: Store) -> None:
    """Send again, under another name, content whose stored bytes have been damaged."""
    send(store, FIRST, name="again.csv")


def erase_series(store: Store) -> None:
    erase(store, ErasureRequest((("c",),), None, None, "ada", "article 17"), salt="s", now=NOW)


HISTORY = (
    Step("first upload", lambda store: send(store, FIRST)),
    Step("correction", lambda store: send(store, SECOND)),
    Step("other columns and a removal", lambda store: send(store, MIXED)),
    Step("refused update", lambda store: send(store, BAD)),
    Step("duplicate", lambda store: send(store, SECOND)),
    Step("two claims", claim_two),
    Step("settling both", lambda store: store.versions.settle("v00000006", now=NOW)),
    Step("checkpoint", partial(make_checkpoint, version="v00000002")),
    Step("second checkpoint", partial(make_checkpoint, version="v00000003")),
    Step("checkpoint that thins the others", partial(make_checkpoint, version="v00000005")),
    Step("fourth checkpoint", partial(make_checkpoint, version="v00000006")),
    Step("output", write_output),
    Step("output made of something else", partial(write_output, zoo="b")),
    Step("document", write_document),
    Step("reference", append_reference),
    Step("damaged upload sent again", mend_upload),
    Step("erasure", erase_series),
)


def undisturbed(root: Path) -> Iterator[tuple[Step, Path, dict[str, bytes], dict[str, bytes]]]:
    """Yield each step with a folder that holds the lake before it, and the lake's files before and after it."""
    lake = root / "lake"
    for number, step in enumerate(HISTORY):
        store = store_over(LocalLake(lake))
        if step.do is mend_upload:
            damage(lake / "demo" / "uploads" / store.versions.claim_of("v00000001").upload_digest)
        before, kept = tree(lake), root / f"{number:02d}"
        copy(lake, kept)
        step.do(store)
        yield step, kept, before, tree(lake)


def copy(lake: Path, to: Path) -> None:
    """Copy a lake by linking its files, none of which is ever written in place."""
    shutil.copytree(lake, to, copy_function=os.link)


def damage(file: Path) -> None:
    """Cut the end off a file."""
    content = file.read_bytes()[:-3]
    file.unlink()
    file.write_bytes(content)


def tree(root: Path) -> dict[str, bytes]:
    """Return every file of a lake that somebody may see, but the second reference that a repeated append leaves."""
    files = (path for path in root.rglob("*") if STAGING not in path.parts and path.is_file())
    names = ((path.relative_to(root).as_posix(), path) for path in files)
    return {name: path.read_bytes() for name, path in names if "/refs/" not in name or "00000001" in name}
