"""Builds, zoos and the zoo in force: what is asked for, released and in force, and since which version."""

import pytest

from loopcast.errors import NotFoundError
from loopcast.loop.project import Project
from loopcast.loop.zoos.champion import Action, Request, promote
from loopcast.loop.zoos.experiment import release_zoo, run_experiment
from loopcast.loop.zoos.forces import (
    FORECASTS,
    find_build,
    find_zoo,
    list_builds,
    list_in_force,
    list_zoos,
    newest_in_force,
    open_build,
    open_zoo,
    put_in_force,
    zoo_for_version,
)
from made_use_case import NOW, make_counts, put_another_in_force, send, take_turn


def ask(project: Project, version: str = "v00000001") -> str:
    return open_build(project, version=version, rule="test", reason="asked for", now=NOW).build


def test_keys_count_up_from_one(empty: Project) -> None:
    assert [ask(empty), ask(empty)] == ["b0001", "b0002"]
    zoos = [open_zoo(empty, request, now=NOW).zoo for request in list_builds(empty)]
    assert zoos == ["z0001", "z0002"]
    assert [zoo.build for zoo in list_zoos(empty)] == ["b0001", "b0002"]
    assert find_zoo(empty, "z0002").build == "b0002"
    assert find_build(empty, "b0002").reason == "asked for"


def test_a_build_has_one_zoo_however_often_it_is_opened(empty: Project) -> None:
    request = find_build(empty, ask(empty))
    assert open_zoo(empty, request, now=NOW) == open_zoo(empty, request, now=NOW)
    assert len(list_zoos(empty)) == 1


def test_what_nobody_asked_for_is_not_found(empty: Project) -> None:
    with pytest.raises(NotFoundError, match="b0009"):
        find_build(empty, "b0009")
    with pytest.raises(NotFoundError, match="z0009"):
        find_zoo(empty, "z0009")
    with pytest.raises(NotFoundError, match="b0001"):
        run_experiment(empty, "b0001", now=NOW)


def test_a_zoo_is_in_force_from_its_version_until_the_next_one(empty: Project) -> None:
    put_in_force(empty, "z0001", digest="d1", from_version="v00000002", now=NOW)
    put_in_force(empty, "z0002", digest="d2", from_version="v00000005", now=NOW)
    versions = [f"v{number:08d}" for number in range(1, 7)]
    found = [entry.zoo if (entry := zoo_for_version(empty, version)) else None for version in versions]
    assert found == [None, "z0001", "z0001", "z0001", "z0002", "z0002"]


def test_of_two_zoos_from_one_version_on_the_later_one_is_in_force(empty: Project) -> None:
    for zoo in ("z0001", "z0002"):
        put_in_force(empty, zoo, digest=zoo, from_version="v00000001", now=NOW)
    entry = zoo_for_version(empty, "v00000001")
    assert entry is not None
    assert entry.zoo == "z0002"


def test_who_put_a_zoo_in_force_and_why_is_kept_and_older_entries_still_read(empty: Project) -> None:
    empty.store.references.append(
        "zoo_in_force", {"zoo": "z0001", "digest": "d1", "from_version": "v00000001"}, now=NOW
    )
    put_in_force(
        empty, "z0002", digest="d2", from_version="v00000002", now=NOW, kind="promote", actor="ana", reason="better"
    )
    assert [(entry.kind, entry.actor, entry.reason) for entry in list_in_force(empty)] == [
        ("release", "", ""),
        ("promote", "ana", "better"),
    ]
    champion = newest_in_force(empty)
    assert champion is not None
    assert champion.zoo == "z0002"


def test_the_first_zoo_is_in_force_from_the_version_that_waits(played: Project) -> None:
    assert [(entry.zoo, entry.from_version) for entry in list_in_force(played)] == [("z0001", "v00000001")]


def test_a_later_zoo_is_in_force_from_the_next_version_and_changes_no_forecast(project: Project) -> None:
    before = project.store.outputs.manifest(FORECASTS, "v00000003")
    promoted = put_another_in_force(project, "v00000003")
    assert (promoted.zoo, promoted.from_version) == ("z0002", "v00000004")
    version = take_turn(project, make_counts("2024-02-28", 1))
    made = project.store.outputs.manifest(FORECASTS, version)
    assert made is not None
    assert made.pins["zoo"] == "z0002"
    assert project.store.outputs.manifest(FORECASTS, "v00000003") == before


def test_a_zoo_released_while_a_version_waits_is_in_force_for_that_version(project: Project) -> None:
    run_experiment(project, ask(project, "v00000003"), now=NOW)
    version = send(project, make_counts("2024-02-28", 1))
    project.store.versions.settle(version, now=NOW)
    assert promote(project, Request(Action.promote, "ana", "test", "b0002"), now=NOW).from_version == version


def test_an_experiment_run_again_gives_the_same_zoo(project: Project) -> None:
    digests = {run_experiment(project, "b0001", now=NOW).manifest.pins["zoo_digest"] for _ in range(2)}
    assert digests == {list_in_force(project)[0].digest}
    assert [zoo.zoo for zoo in list_zoos(project)] == ["z0001"]
    assert release_zoo(project, "z0001", now=NOW).in_force == list_in_force(project)[0]
