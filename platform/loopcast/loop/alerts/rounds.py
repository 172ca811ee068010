"""Alerts: what is found becomes one message, its repeats a count, its end another message, whatever crashes in between.

Here belongs when what is told to whom. Not here: what is the matter (`loopcast.loop.alerts.findings`, and Dagster's
part), and how a message gets there (`loopcast.alerts`).

A message is written into the book before it is sent, and taken out after it arrived: a crash in between sends it once
more, with the same id.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd

from loopcast.alerts.alert import Alert, Finding, Notice
from loopcast.alerts.message import Message, compose
from loopcast.alerts.targets import AlertSettings, Target, list_targets, send
from loopcast.errors import ChannelError
from loopcast.loop.alerts.book import Book, Letter, Observed, read_book, take_up, write_book
from loopcast.loop.alerts.mutes import Mute, is_muted, read_mutes
from loopcast.loop.project import Project

FIRST_RETRY, LAST_RETRY = timedelta(seconds=30), timedelta(hours=1)
MOST_FAILURES = 2  # of one round: a server that does not answer takes its time each time


@dataclass(frozen=True)
class Round:
    """What one round did.

    Args:
        book: the book after it.
        delivered: subjects by target.
        problems: why letters could not be delivered, by target.
    """

    book: Book
    delivered: tuple[tuple[str, str], ...] = ()
    problems: tuple[tuple[str, str], ...] = ()


def tell(project: Project, observed: Observed, *, settings: AlertSettings, now: datetime) -> Round:
    """Take up what was found, and tell what is due.

    Args:
        project: the use case.
        observed: what was found.
        settings: the machine's.
        now: the present time, aware.
    """
    before = read_book(project)
    targets = list_targets(project.use_case, settings)
    mutes = read_mutes(project, now=now)
    after = write_letters(project, take_up(before, observed, now=now), targets, mutes=mutes, url=settings.url, now=now)
    if after != before:
        write_book(project, after, now=now)
    done = _deliver(after, targets, settings, now=now)
    if done.book != after:
        write_book(project, done.book, now=now)
    return done


def write_letters(
    project: Project, book: Book, targets: Sequence[Target], *, mutes: Collection[Mute], url: str, now: datetime
) -> Book:
    """Return the book with a letter for each target that is due one; what nobody needs any more is left out.

    A target that has not got its letter yet gets no second one: what comes up meanwhile waits for the next.
    """
    there = {target.key for target in targets}
    book = replace(book, letters=tuple(letter for letter in book.letters if letter.target in there))
    waiting = {letter.target for letter in book.letters}
    for target in targets:
        notices = list_notices(project, book, target, mutes=mutes, now=now)
        if target.key not in waiting and _is_due(project, book, target, notices, now=now):
            book = _write_letter(project, book, target, notices, url=url, now=now)
    return replace(
        book, alerts=tuple(alert for alert in book.alerts if _is_needed(project, alert, targets, mutes, now))
    )


def list_notices(
    project: Project, book: Book, target: Target, *, mutes: Collection[Mute], now: datetime
) -> list[Notice]:
    """Return what a target is to be told, now or later."""
    wanted = [alert for alert in book.alerts if target.wants(alert.newest)]
    return [notice for alert in wanted for notice in _notices_of(project, alert, target, mutes, now)]


def try_targets(project: Project, *, settings: AlertSettings, now: datetime) -> dict[str, str]:
    """Send a trial message to every target at once and return why it did not arrive, by target; empty where it did."""
    return {target.key: _try(project, target, settings, now=now) for target in list_targets(project.use_case, settings)}


def _try(project: Project, target: Target, settings: AlertSettings, *, now: datetime) -> str:
    finding = _make_trial(project, now=now)
    notice = Notice(Alert(finding, since=now, noticed=now), "raised", now)
    try:
        send(_compose(project, target, [notice], url=settings.url, now=now), target, settings)
    except ChannelError as error:
        return str(error)
    return ""


def _make_trial(project: Project, *, now: datetime) -> Finding:
    """Return a finding that says that nothing is the matter: to see whether messages arrive."""
    return Finding(
        kind="failed_check",
        asset="source_feed",
        rule="trial",
        severity="error",
        at=now,
        event="trial",
        found="nothing: somebody tries whether alerts arrive",
        expected="that you read this",
        to_do="nothing",
        path=f"/assets/{project.name}",
    )


def _notices_of(
    project: Project, alert: Alert, target: Target, mutes: Collection[Mute], now: datetime
) -> Iterator[Notice]:
    """Yield what a target that wants an alert is to be told of it: nothing, or one thing."""
    told, is_error = alert.told.get(target.key), alert.newest.severity == "error"
    digest = _delta(project.use_case.alerts.digest)
    if alert.over is not None:
        if target.key not in alert.ended and (told or (is_error and not is_muted(alert, mutes, now=now))):
            yield Notice(alert, "resolved" if told else "over", alert.over.at + digest)
    elif is_muted(alert, mutes, now=now):
        return
    elif told is None:
        yield Notice(alert, "raised", alert.noticed + (timedelta() if is_error else digest))
    elif is_error and project.use_case.alerts.repeat:
        due = told + _delta(project.use_case.alerts.repeat)
        if due <= now:
            yield Notice(alert, "reminder", due)


def _is_due(project: Project, book: Book, target: Target, notices: Sequence[Notice], *, now: datetime) -> bool:
    """Return whether a letter goes out now: something is due, the last one is long enough ago, it is not quiet."""
    if not any(notice.due <= now for notice in notices):
        return False
    last = book.last_told.get(target.key)
    rested = last is None or now - last >= _delta(project.use_case.alerts.digest)
    return rested and not all(_is_quiet(project, channel.quiet, now=now) for channel in target.channels)


def _write_letter(
    project: Project, book: Book, target: Target, notices: Sequence[Notice], *, url: str, now: datetime
) -> Book:
    """Return the book with a letter of these notices, and with what its target knows from now on."""
    message = _compose(project, target, notices, url=url, now=now)
    told = {notice.alert.key for notice in notices}
    alerts = tuple(_mark_told(alert, target, now=now) if alert.key in told else alert for alert in book.alerts)
    letters = (*book.letters, Letter(target.key, message, next_at=now))
    return replace(book, alerts=alerts, letters=letters, last_told={**book.last_told, target.key: now})


def _mark_told(alert: Alert, target: Target, *, now: datetime) -> Alert:
    if alert.over is not None:
        return replace(alert, ended=(*alert.ended, target.key))
    return replace(alert, told={**alert.told, target.key: now})


def _is_needed(
    project: Project, alert: Alert, targets: Sequence[Target], mutes: Collection[Mute], now: datetime
) -> bool:
    """Return whether an alert is open, or somebody is still to be told of its end."""
    if alert.over is None:
        return True
    wanting = [target for target in targets if target.wants(alert.newest)]
    return any(list(_notices_of(project, alert, target, mutes, now)) for target in wanting)


def _deliver(book: Book, targets: Sequence[Target], settings: AlertSettings, *, now: datetime) -> Round:
    """Send the letters that may be sent, and return what became of them."""
    by_key = {target.key: target for target in targets}
    left: list[Letter] = []
    delivered: list[tuple[str, str]] = []
    problems: list[tuple[str, str]] = []
    for letter in sorted(book.letters, key=lambda letter: letter.next_at):
        if letter.next_at > now or len(problems) >= MOST_FAILURES:
            left.append(letter)
            continue
        try:
            send(letter.message, by_key[letter.target], settings)
        except ChannelError as error:
            problems.append((letter.target, str(error)))
            left.append(_put_off(letter, str(error), now=now))
        else:
            delivered.append((letter.target, letter.message.subject))
    if not delivered and not problems:
        return Round(book)
    return Round(replace(book, letters=tuple(left)), tuple(delivered), tuple(problems))


def _put_off(letter: Letter, problem: str, *, now: datetime) -> Letter:
    """Return a letter that could not be delivered: it is sent again later, each time twice as much later."""
    wait = min(FIRST_RETRY * 2 ** min(letter.attempts, 10), LAST_RETRY)
    return replace(letter, attempts=letter.attempts + 1, next_at=now + wait, problem=problem)


def _is_quiet(project: Project, hours: str | None, *, now: datetime) -> bool:
    """Return whether nothing is to be told at this time of day, on the use case's clock."""
    if hours is None:
        return False
    start, end = hours.split("-")
    at = f"{now.astimezone(ZoneInfo(project.use_case.time_zone or 'UTC')):%H:%M}"
    return start <= at < end if start < end else not end <= at < start


def _compose(project: Project, target: Target, notices: Sequence[Notice], *, url: str, now: datetime) -> Message:
    zone = project.use_case.time_zone
    return compose(notices, use_case=project.name, target=target.key, url=url, time_zone=zone, now=now)


def _delta(text: str) -> timedelta:
    return pd.Timedelta(text).to_pytimedelta()
