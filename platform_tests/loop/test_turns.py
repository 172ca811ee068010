"""What is unfinished is told from the store alone, whatever crashed before."""

import pandas as pd
import pytest

from loopcast.loop import turns
from loopcast.loop.judging.accuracy import CELLS, score_version
from loopcast.loop.production import forecast_version
from loopcast.loop.project import Project
from loopcast.loop.turns import FINISHED, NEWEST, STRIDE, Turn, list_turns, note_finished
from loopcast.loop.zoos.forces import FORECASTS, put_in_force
from loopcast.store.version_records import version_key
from made_use_case import NOW, make_counts, make_project, send, take_turn

NEXT = "v00000004"


def test_nothing_is_unfinished_without_versions_and_after_whole_turns(empty: Project, played: Project) -> None:
    assert list_turns(empty) == []
    assert list_turns(played) == []


def test_claimed_versions_need_the_whole_chain_oldest_first(empty: Project) -> None:
    versions = [send(empty, make_counts("2024-01-01", days)) for days in (1, 2)]
    assert list_turns(empty) == [Turn(version, "chain", has_zoo=False) for version in versions]


def test_with_a_zoo_in_force_a_turn_says_so(project: Project) -> None:
    send(project, make_counts("2024-02-28", 1))
    assert list_turns(project) == [Turn(NEXT, "chain", has_zoo=True)]


def test_after_a_crash_between_settle_and_forecast_the_rest_is_unfinished(project: Project) -> None:
    send(project, make_counts("2024-02-28", 1))
    project.store.versions.settle(NEXT, now=NOW)
    send(project, make_counts("2024-02-29", 1))
    halfway = [Turn(NEXT, "forecast", has_zoo=True), Turn("v00000005", "chain", has_zoo=True)]
    assert list_turns(project) == halfway
    forecast_version(project, NEXT, now=NOW)
    assert list_turns(project) == halfway, "the report is not there yet"
    score_version(project, NEXT, now=NOW)
    assert list_turns(project) == halfway[1:]


def test_a_second_process_sees_the_same(project: Project) -> None:
    send(project, make_counts("2024-02-28", 1))
    project.store.versions.settle(NEXT, now=NOW)
    assert list_turns(make_project(project.inbox.parents[1])) == list_turns(project)


def test_versions_without_a_zoo_are_finished_when_they_are_settled(empty: Project) -> None:
    empty.store.versions.settle(send(empty, make_counts("2024-01-01", 1)), now=NOW)
    assert list_turns(empty) == []


def test_refused_versions_are_not_unfinished(project: Project) -> None:
    take_turn(project, b"at,count\n2024-02-28 00:00,many\n")
    assert project.store.versions.record(NEXT).status == "refused"
    assert list_turns(project) == []


def settle(project: Project, number: int) -> None:
    """Settle versions that no forecast is made for, as where their runs failed."""
    for _ in range(number):
        key = project.store.versions.next_key()
        project.store.versions.settle(send(project, make_counts("2024-02-28", 1), name=f"{key}.csv"), now=NOW)


def finish(project: Project, version: str) -> None:
    """Make a version look finished."""
    for table in (FORECASTS, CELLS):
        project.store.outputs.write(table, version, pd.DataFrame({"a": [1]}), pins={"version": version}, now=NOW)


def keys(first: int, last: int) -> list[str]:
    return [version_key(number) for number in range(first, last + 1)]


def test_however_many_are_unfinished_after_a_standstill_all_are_found(project: Project) -> None:
    settle(project, 3 * NEWEST)
    assert [turn.version for turn in list_turns(project)] == keys(4, 3 + 3 * NEWEST)


def test_what_is_finished_is_noted_and_not_looked_at_again(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(project, STRIDE + 2)
    for key in (*keys(4, 6), *keys(8, 5 + STRIDE)):
        finish(project, key)
    before = list_turns(project)
    note_finished(project, now=NOW)
    assert list_turns(project) == before == [Turn("v00000007", "forecast", has_zoo=True)]
    looked_at = []
    monkeypatch.setattr(turns, "_is_open", lambda _, version: looked_at.append(version))
    assert list_turns(project) == []
    assert looked_at == ["v00000007"]


def test_a_note_is_taken_once_in_a_while_and_one_that_was_open_is_forgotten_when_it_is_finished(
    project: Project,
) -> None:
    settle(project, STRIDE)
    note_finished(project, now=NOW)
    note_finished(project, now=NOW)
    assert [note.value["open"] for note in project.store.references.history(FINISHED)] == [keys(4, 3 + STRIDE)]
    for key in keys(5, 3 + 2 * STRIDE):
        finish(project, key)
    settle(project, STRIDE)
    note_finished(project, now=NOW)
    assert project.store.references.history(FINISHED)[-1].value == {
        "until": version_key(3 + 2 * STRIDE),
        "open": [NEXT],
    }


def test_with_more_failures_than_anybody_looks_after_the_newest_versions_are_still_found(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "MOST_OPEN", 2)
    monkeypatch.setattr(turns, "MOST_LOOKED_AT", 5)
    monkeypatch.setattr(turns, "NEWEST", 3)
    settle(project, 14)
    note_finished(project, now=NOW)
    note = project.store.references.current(FINISHED)
    assert note is not None
    assert note.value == {"until": "v00000005", "open": keys(4, 5)}
    assert [turn.version for turn in list_turns(project)] == [*keys(4, 10), *keys(15, 17)]
    for key in keys(4, 12):
        finish(project, key)
    note_finished(project, now=NOW)
    assert [turn.version for turn in list_turns(project)] == keys(13, 17)


def test_before_the_first_zoo_nothing_is_noted_and_after_it_no_version_before_it_is_looked_at(empty: Project) -> None:
    settle(empty, STRIDE + 5)
    note_finished(empty, now=NOW)
    assert empty.store.references.current(FINISHED) is None
    put_in_force(empty, "z0001", digest="a", from_version=version_key(STRIDE + 2), now=NOW)
    assert [turn.version for turn in list_turns(empty)] == keys(STRIDE + 2, STRIDE + 5)
