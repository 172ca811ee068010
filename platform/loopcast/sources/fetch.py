"""Asking sources for news: each kind in its way, several at the same time, none for longer than its timeout.

Here belongs what holds for all kinds. Not here: what is done with a batch (`loopcast.loop.pull`).
"""

import queue
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import Thread

from loopcast.dataops.table import TableSpec
from loopcast.errors import LoopcastError, SourceError
from loopcast.sources.batch import Fetched, Position, Shape
from loopcast.sources.files import FindTaken, fetch_files
from loopcast.sources.http import fetch_http
from loopcast.sources.secrets import Secrets, describe_url
from loopcast.sources.sql import fetch_sql
from loopcast.use_case.sources import FilesSource, HttpSource, Polled, SqlSource

GRACE_S = 8.0  # for what is done with the answer; sources that bound their own waits say better what was wrong


@dataclass(frozen=True)
class Question:
    """One source that is asked for news, with what it must know.

    Args:
        source: the source.
        position: what was taken before; empty: nothing.
        spec: the use case's table.
        environment: where secrets are.
        now: the present time, aware.
        find_taken: returns those of some batches' keys that were claimed.
    """

    source: Polled
    position: Position
    spec: TableSpec
    environment: Mapping[str, str]
    now: datetime
    find_taken: FindTaken


def fetch(question: Question) -> Fetched:
    """Return what is new in a source.

    Raises:
        SourceError: it does not answer as it should; the message holds nothing that came from the environment.
    """
    secrets = Secrets.of(question.source, question.environment)
    try:
        return _fetch(question, secrets=secrets)
    except SourceError as error:
        raise SourceError(secrets.mask(str(error)), retry_after_s=error.retry_after_s) from None


def fetch_all(questions: Mapping[str, Question]) -> dict[str, Fetched | LoopcastError]:
    """Return what is new in several sources, asked at the same time, or why one does not answer.

    One that is silent for longer than its timeout is given up; its thread ends when its connection does.

    Args:
        questions: what is asked, by the sources' labels.
    """
    answers: dict[str, queue.SimpleQueue[Fetched | LoopcastError]] = {}
    for label, question in questions.items():
        answers[label] = queue.SimpleQueue()
        Thread(target=_answer, args=(answers[label], question), daemon=True, name=f"source {label}").start()
    found: dict[str, Fetched | LoopcastError] = {}
    for label, answer in answers.items():
        source = questions[label].source
        try:
            found[label] = answer.get(timeout=source.timeout_s + GRACE_S)
        except queue.Empty:
            found[label] = SourceError(f"{describe_url(source.url)} did not answer within {source.timeout_s:g} s")
    return found


def _fetch(question: Question, *, secrets: Secrets) -> Fetched:
    """Return what is new in a source, whatever its kind."""
    source, position = question.source, question.position
    if isinstance(source, FilesSource):
        return fetch_files(source, position, find_taken=question.find_taken, now=question.now, secrets=secrets)
    is_text = isinstance(source, HttpSource) and source.format == "csv"
    shape = Shape(source.label, question.spec, columns=source.columns, cursor=source.cursor, is_text=is_text)
    if isinstance(source, SqlSource):
        return fetch_sql(source, position, shape=shape, secrets=secrets)
    return fetch_http(source, position, shape=shape, secrets=secrets)


def _answer(answers: "queue.SimpleQueue[Fetched | LoopcastError]", question: Question) -> None:
    """Put the answer of one source; a fault of our own is told too, and shown in the log by the thread."""
    label = question.source.label
    answer: Fetched | LoopcastError = SourceError(f"asking {label} failed in a way nobody foresaw; see the log")
    try:
        answer = fetch(question)
    except LoopcastError as error:
        answer = error
    finally:
        answers.put(answer)
