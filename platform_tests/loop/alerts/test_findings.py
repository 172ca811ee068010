"""What the store knows to be the matter: refused updates since the last look, deterioration by the newest decision."""

from datetime import timedelta
from typing import Any

import pytest

from loopcast.loop.alerts.book import Book, Observed, take_up
from loopcast.loop.alerts.findings import (
    MOST_VERSIONS,
    VERSIONS,
    find_deterioration,
    find_matters,
    find_refused,
    find_waiting,
)
from loopcast.loop.contract import settle_version
from loopcast.loop.judging.decisions import Course, DecisionRecord, append_decision, decision_key, read_newest
from loopcast.loop.project import Project
from loopcast.reflection.decision import Decision
from loopcast.reflection.deterioration import Judgement
from loopcast.reflection.evidence import Episode
from loopcast.store.version_records import version_key
from made_use_case import NOW, make_counts, send

LATER = NOW + timedelta(minutes=5)


def settle(project: Project, *, good: bool, hour: int) -> str:
    frame = make_counts("2024-01-01", 1).iloc[[hour % 24]]
    sent = send(project, frame if good else frame.assign(count=-1.0), name=f"file_{hour}.csv")
    settle_version(project, sent, by="test", now=NOW)
    return sent


def decide(
    project: Project, *, is_worse: bool = False, since: str | None = None, waits_for: str | None = None, **judged: Any
) -> DecisionRecord:
    """Record a decision after the n-th version, as its number says."""
    before = read_newest(project)
    number = before.number + 1 if before else 1
    judgement = Judgement(is_worse, "v00000003" if is_worse else None, 9, 7.5, 5.0).to_dict()
    evidence = {"judgement": {**judgement, **judged}}
    decision = Decision("rebuild", "too_old", "30 days", evidence, waits_for=waits_for)
    waited = before.since if before and waits_for and before.decision.waits_for == waits_for else decision_key(number)
    course = Course(episode=Episode(since=since))
    record = DecisionRecord(number, version_key(number), decision, None, waited, course, None, (), ())
    return append_decision(project, record, now=NOW)


def test_nothing_there_is_nothing_the_matter(empty: Project) -> None:
    found = find_matters(empty, Book(), after=None, now=NOW)
    assert (found.findings, found.over, dict(found.marks)) == ((), (), {})


def test_a_refused_update_says_file_rows_and_repair(empty: Project) -> None:
    version = settle(empty, good=False, hour=3)
    found = find_refused(empty, after=None, now=LATER)
    (finding,) = found.findings
    assert finding.key == "refused_update/dataset/accepted"
    assert (finding.version, finding.severity, finding.at) == (version, "error", NOW)
    assert finding.found == "file_3.csv is refused: 1 violation (below_minimum), first in row 2, column count"
    assert f"loopcast quarantine show counts {version}" in finding.to_do
    assert found.over == ()
    assert found.marks == {VERSIONS: version}


def test_a_file_that_is_no_table_is_told_without_a_place(empty: Project) -> None:
    version = send(empty, b"", name="empty.csv")
    settle_version(empty, version, by="test", now=NOW)
    (finding,) = find_refused(empty, after=None, now=LATER).findings
    assert finding.found.startswith("empty.csv is refused: 1 violation (")
    assert "first in" not in finding.found


def test_every_refused_update_since_the_last_look_is_found_once_and_an_accepted_one_ends_it(empty: Project) -> None:
    for hour, good in enumerate([True, False, False, True]):
        settle(empty, good=good, hour=hour)
    found = find_refused(empty, after="v00000001", now=LATER)
    assert [finding.version for finding in found.findings] == ["v00000002", "v00000003"]
    (over,) = found.over
    assert over.words == "v00000004 was accepted; what is still refused: loopcast quarantine list counts"
    again = find_refused(empty, after="v00000004", now=LATER)
    assert (again.findings, again.over) == ((), ())


def test_a_first_look_takes_the_newest_version_alone_and_a_late_one_no_more_than_fifty(
    empty: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hour in range(6):
        settle(empty, good=False, hour=hour)
    assert [finding.version for finding in find_refused(empty, after=None, now=NOW).findings] == ["v00000006"]
    assert MOST_VERSIONS == 50
    monkeypatch.setattr("loopcast.loop.alerts.findings.MOST_VERSIONS", 2)
    late = find_refused(empty, after=version_key(1), now=NOW)
    assert [finding.version for finding in late.findings] == ["v00000005", "v00000006"]


def test_worse_than_promised_says_both_errors_since_when_and_what_was_decided(empty: Project) -> None:
    (finding,) = find_deterioration(empty, decide(empty, is_worse=True), now=LATER).findings
    assert finding.key == "deterioration/accuracy_report/worse_than_promised"
    assert (finding.version, finding.event, finding.at) == ("v00000001", "v00000001", NOW)
    judged = "worse than promised since v00000003: MAE 7.5 over 9 versions, promised 5 (+50 %)"
    assert finding.found == f"{judged}; decision: rebuild (too_old)"


def test_a_judgement_from_before_there_were_signs_is_understood(empty: Project) -> None:
    record = decide(empty, is_worse=True)
    for name in ("signs", "data_drift"):
        del record.decision.evidence["judgement"][name]
    assert len(find_deterioration(empty, record, now=LATER).findings) == 1


def test_as_promised_again_ends_it_once_the_episode_is_over(empty: Project) -> None:
    goes_on = find_deterioration(empty, decide(empty, since="v00000001"), now=LATER)
    assert (goes_on.findings, goes_on.over) == ((), ())
    (over,) = find_deterioration(empty, decide(empty), now=LATER).over
    assert over.words == "as promised again after v00000002, decision: rebuild"


def test_nothing_scored_says_nothing(empty: Project) -> None:
    assert find_deterioration(empty, decide(empty, scored_versions=0), now=LATER) == Observed()
    assert find_deterioration(empty, None, now=LATER) == Observed()


def test_a_decision_that_waits_for_a_person_is_found_once_until_it_is_answered(empty: Project) -> None:
    book, found = Book(), []
    for waits_for in ("approval", "approval", None, "approval"):
        found.append(find_waiting(empty, decide(empty, waits_for=waits_for), book, now=LATER))
        book = take_up(book, found[-1], now=LATER)
    assert [[finding.key for finding in one.findings] for one in found] == [
        ["approval/reflection/d00000001"],
        ["approval/reflection/d00000001"],
        [],
        ["approval/reflection/d00000004"],
    ]
    assert [[over.key for over in one.over] for one in found] == [[], [], ["approval/reflection/d00000001"], []]
    first = book.find("approval/reflection/d00000001")
    assert first is not None
    assert first.count == 1
    assert "loopcast decision approve counts d00000001" in first.newest.to_do


def test_what_waits_for_the_night_or_the_budget_is_nobodys_alert(empty: Project) -> None:
    assert find_waiting(empty, decide(empty, waits_for="outside_hours"), Book(), now=LATER) == Observed()


def test_a_decision_of_a_turn_is_understood(played: Project) -> None:
    assert find_matters(played, Book(), after=None, now=LATER).findings == ()
