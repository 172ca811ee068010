"""Asking sources for news: each kind in its way, several at the same time, none for longer than its timeout.

Here belongs what holds for all kinds. Not here: what is done with a batch (`loopcast.loop.pull`).
"""

import queue
from collections.abc import Mapping
from threading import Thread

from loopcast.dataops.table import TableSpec
from loopcast.errors import LoopcastError, SourceError
from loopcast.sources.batch import Fetched, Position, Shape
from loopcast.sources.secrets import Secrets, describe_url
from loopcast.sources.sql import fetch_sql
from loopcast.use_case.sources import Polled, RowSource, SqlSource

GRACE_S = 2.0  # a source that bounds its own waits says better what was wrong


def fetch(source: Polled, position: Position, *, spec: TableSpec, environment: Mapping[str, str]) -> Fetched:
    """Return what is new in a source.

    Args:
        source: the source.
        position: what was taken before; empty: nothing.
        spec: the use case's table.
        environment: where secrets are.

    Raises:
        SourceError: it does not answer as it should.
    """
    secrets = Secrets(environment)
    if isinstance(source, SqlSource):
        return fetch_sql(source, position, shape=_shape_of(source, spec=spec), secrets=secrets)
    raise SourceError(f"sources of the kind {source.kind} are not there yet")


def fetch_all(
    asked: Mapping[str, tuple[Polled, Position]], *, spec: TableSpec, environment: Mapping[str, str]
) -> dict[str, Fetched | LoopcastError]:
    """Return what is new in several sources, asked at the same time, or why one does not answer.

    One that is silent for longer than its timeout is given up; its thread ends when its connection does.

    Args:
        asked: sources and their positions, by label.
        spec: the use case's table.
        environment: where secrets are.
    """
    answers: dict[str, queue.SimpleQueue[Fetched | LoopcastError]] = {}
    for label, (source, position) in asked.items():
        answers[label] = queue.SimpleQueue()
        arguments = (answers[label], source, position, spec, environment)
        Thread(target=_answer, args=arguments, daemon=True, name=f"source {label}").start()
    found: dict[str, Fetched | LoopcastError] = {}
    for label, answer in answers.items():
        source = asked[label][0]
        try:
            found[label] = answer.get(timeout=source.timeout_s + GRACE_S)
        except queue.Empty:
            found[label] = SourceError(f"{describe_url(source.url)} did not answer within {source.timeout_s:g} s")
    return found


def _answer(
    answers: "queue.SimpleQueue[Fetched | LoopcastError]",
    source: Polled,
    position: Position,
    spec: TableSpec,
    environment: Mapping[str, str],
) -> None:
    """Put the answer of one source; a fault of our own is told too, and shown in the log by the thread."""
    answer: Fetched | LoopcastError = SourceError(f"asking {source.label} failed in a way nobody foresaw; see the log")
    try:
        answer = fetch(source, position, spec=spec, environment=environment)
    except LoopcastError as error:
        answer = error
    finally:
        answers.put(answer)


def _shape_of(source: RowSource, *, spec: TableSpec) -> Shape:
    return Shape(
        label=source.label,
        keys=spec.keys,
        known=frozenset((*spec.keys, *spec.variable_names)),
        columns=source.columns,
        cursor=getattr(source, "cursor", None),
    )
