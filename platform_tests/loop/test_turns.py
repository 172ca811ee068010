"""What is unfinished is told from the store alone, whatever crashed before."""

from loopcast.loop.accuracy import score_version
from loopcast.loop.production import forecast_version
from loopcast.loop.project import Project
from loopcast.loop.turns import LOOK_BACK, Turn, list_turns
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


def test_only_the_newest_versions_are_looked_at(project: Project) -> None:
    for number in range(LOOK_BACK + 1):
        project.store.versions.settle(send(project, make_counts("2024-02-28", 1), name=f"{number}.csv"), now=NOW)
    turns = list_turns(project)
    assert len(turns) == LOOK_BACK
    assert turns[0].version == "v00000005"
