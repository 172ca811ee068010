"""The words of a message: subjects, times on the use case's clock, bounds."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from loopcast.alerts.alert import Alert, Finding, Notice, Over
from loopcast.alerts.message import MOST_NOTICES, Message, compose
from loopcast.use_case.alerts import Kind

AT = datetime(2026, 7, 2, 8, tzinfo=UTC)
FINDING = Finding(
    "failed_check", "forecast", "output", "error", AT, "e", "found", "expected", "do", "/runs/1", "v00000003"
)


def notice_of(finding: Finding = FINDING, what: str = "raised", **more: object) -> Notice:
    return Notice(Alert(finding, since=finding.at, noticed=finding.at, **more), what, AT)


def write(*notices: Notice, time_zone: str | None = None, target: str = "file", now: datetime = AT) -> Message:
    return compose(notices, use_case="counts", target=target, url="http://ui", time_zone=time_zone, now=now)


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind_of_alert_has_a_headline(kind: Kind) -> None:
    subject = write(notice_of(replace(FINDING, kind=kind))).subject
    assert subject.startswith("[loopcast] counts: error: ")
    assert subject.endswith(" (v00000003)")


def test_times_are_on_the_use_cases_clock() -> None:
    assert "2026-07-02 08:00 UTC" in write(notice_of()).text
    assert "2026-07-02 10:00 CEST" in write(notice_of(), time_zone="Europe/Oslo").text


def test_a_resolved_notice_says_how_and_no_longer_what_to_do() -> None:
    over = Over(FINDING.key, AT + timedelta(hours=1), "passes with v00000004")
    text = write(notice_of(what="resolved", over=over, count=3)).text
    assert "resolved  2026-07-02 09:00 UTC: passes with v00000004" in text
    assert "3 times" in text
    assert "to do" not in text


def test_found_text_is_bounded_and_wrapped_and_links_are_never_broken() -> None:
    finding = replace(FINDING, found="row 1:\n\n" + "some words " * 500, path="/assets/" + "x-" * 80)
    lines = write(notice_of(finding)).text.splitlines()
    assert sum(map(len, lines)) < 1_500
    assert max(len(line) for line in lines if "http" not in line) <= 100
    assert [line for line in lines if line.endswith(finding.path)]


def test_more_notices_than_fit_are_counted() -> None:
    message = write(*(notice_of(replace(FINDING, rule=f"rule_{number}")) for number in range(MOST_NOTICES + 5)))
    assert (len(message.items), message.left_out) == (MOST_NOTICES, 5)
    assert message.subject == "[loopcast] counts: 35 errors"
    assert "and 5 more" in message.text


def test_ids_tell_messages_apart_and_stay_the_same_for_the_same_one() -> None:
    same = {write(notice_of()).id for _ in range(3)}
    others = {
        write(notice_of(), target="mail:a").id,
        write(notice_of(what="reminder")).id,
        write(notice_of(), now=AT + timedelta(days=1)).id,
    }
    assert len(same) == 1
    assert len(same | others) == 4
