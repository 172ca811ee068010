"""Messages: what people read of one alert or of several, the same by whichever channel.

Here belong the words. Not here: the forms in which channels want them.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from textwrap import fill
from typing import Any
from zoneinfo import ZoneInfo

from loopcast.alerts.alert import Notice
from loopcast.errors import bound_text

MOST_NOTICES = 30  # more in one message are counted only
FOUND_LIMIT = 600
WIDTH, INDENT = 100, " " * 12
UNBROKEN: Any = {"break_long_words": False, "break_on_hyphens": False}


@dataclass(frozen=True)
class Message:
    """What one target is told at once.

    Args:
        id: the same whenever it is sent again, so that whoever gets it twice can tell.
        use_case: the use case.
        at: when it was written, aware.
        subject: one line.
        items: one document per notice, in JSON's own types; its `headline` and `text` are for people.
        left_out: notices that are counted only.
    """

    id: str
    use_case: str
    at: datetime
    subject: str
    items: tuple[dict[str, Any], ...]
    left_out: int = 0

    @property
    def text(self) -> str:
        """The whole message as plain text."""
        return "\n\n".join([*(f"{item['headline']}\n{item['text']}" for item in self.items), *self.rest]) + "\n"

    @property
    def rest(self) -> list[str]:
        """What stands below the notices."""
        more = [f"and {self.left_out} more"] if self.left_out else []
        return [*more, f"All that is open: loopcast alerts list {self.use_case}"]

    def to_dict(self) -> dict[str, Any]:
        """Return the message in JSON's own types, for programs."""
        told = {"id": self.id, "use_case": self.use_case, "at": self.at.isoformat(timespec="seconds")}
        return {**told, "subject": self.subject, "alerts": list(self.items), "left_out": self.left_out}


def compose(
    notices: Sequence[Notice], *, use_case: str, target: str, url: str, time_zone: str | None, now: datetime
) -> Message:
    """Return the message that tells some notices, errors first.

    Args:
        notices: at least one.
        use_case: name of the use case.
        target: for whom; two targets have messages of their own.
        url: where the UI is, without a slash at its end.
        time_zone: of the times that people read; None: UTC.
        now: the present time, aware.
    """
    ordered = sorted(notices, key=lambda notice: (notice.what in {"resolved", "over"}, notice.alert.newest.severity))
    items = tuple(_describe(notice, use_case=use_case, url=url, zone=_zone(time_zone)) for notice in ordered)
    marks = [f"{notice.alert.key} {notice.what} {notice.alert.since.isoformat()}" for notice in ordered]
    digest = hashlib.sha256("\n".join([use_case, target, now.isoformat(), *marks]).encode()).hexdigest()
    left_out = max(0, len(items) - MOST_NOTICES)
    return Message(digest[:32], use_case, now, _subject(use_case, items), items[:MOST_NOTICES], left_out)


def _subject(use_case: str, items: Sequence[dict[str, Any]]) -> str:
    """Return the subject: what is the matter, or how many things are."""
    if len(items) == 1:
        return f"[loopcast] {use_case}: {items[0]['headline']}"
    counts = [(word, sum(_subject_word(item) == word for item in items)) for word in ("error", "warning", "resolved")]
    told = ", ".join(f"{number} {word}{'s' * (number > 1 and word != 'resolved')}" for word, number in counts if number)
    return f"[loopcast] {use_case}: {told}"


def _subject_word(item: dict[str, Any]) -> str:
    return "resolved" if item["what"] in {"resolved", "over"} else str(item["severity"])


def _describe(notice: Notice, *, use_case: str, url: str, zone: ZoneInfo | None) -> dict[str, Any]:
    """Return one notice as a document."""
    alert, newest = notice.alert, notice.alert.newest
    facts = {
        "use_case": use_case,
        "kind": newest.kind,
        "severity": newest.severity,
        "what": notice.what,
        "asset": newest.asset,
        "version": newest.version,
        "rule": newest.rule,
        "found": bound_text(newest.found, limit=FOUND_LIMIT),
        "expected": newest.expected,
        "since": alert.since.isoformat(timespec="seconds"),
        "last": newest.at.isoformat(timespec="seconds"),
        "count": alert.count,
        "resolved": alert.over.at.isoformat(timespec="seconds") if alert.over else None,
        "how": alert.over.words if alert.over else None,
        "to_do": newest.to_do,
        "link": f"{url}{newest.path}",
        "key": alert.key,
    }
    return {**facts, "headline": _headline(notice), "text": "\n".join(_lines(notice, facts, zone))}


def _headline(notice: Notice) -> str:
    """Return one notice as one line."""
    finding = notice.alert.newest
    said = {
        "failed_check": f"check {finding.rule} of {finding.asset} fails",
        "refused_update": "an update was refused",
        "source": "a source does not answer",
        "failed_run": f"the run of {finding.asset or finding.rule} failed",
        "overdue": f"{finding.asset} is overdue",
        "deterioration": "forecasts are worse than promised",
        "approval": "a decision waits for approval",
    }[finding.kind]
    mark = {"raised": finding.severity, "reminder": f"still {finding.severity}", "resolved": "resolved", "over": "over"}
    version = f" ({finding.version})" if finding.version else ""
    return f"{mark[notice.what]}: {said}{version}"


def _lines(notice: Notice, facts: dict[str, Any], zone: ZoneInfo | None) -> Iterator[str]:
    """Yield the lines `name  value` below the headline."""
    alert = notice.alert
    asset = f"{facts['use_case']}/{facts['asset']}" if facts["asset"] else facts["use_case"]
    times = f"{alert.count} times, last {_at(alert.newest.at, zone)}" if alert.count > 1 else "once"
    lines = {
        "asset": asset,
        "version": facts["version"],
        "rule": facts["rule"],
        "found": facts["found"],
        "expected": facts["expected"],
        "since": f"{_at(alert.since, zone)}, {times}",
        "resolved": f"{_at(alert.over.at, zone)}: {alert.over.words}" if alert.over else "",
        "to do": "" if alert.over else facts["to_do"],
        "look": facts["link"],
    }
    for name, value in lines.items():
        if value:  # a link that were broken in two would lead nowhere
            yield fill(value, WIDTH, initial_indent=f"  {name:<9} ", subsequent_indent=INDENT, **UNBROKEN)


def _zone(time_zone: str | None) -> ZoneInfo | None:
    return ZoneInfo(time_zone) if time_zone else None


def _at(moment: datetime, zone: ZoneInfo | None) -> str:
    return f"{moment.astimezone(zone or UTC):%Y-%m-%d %H:%M %Z}"
