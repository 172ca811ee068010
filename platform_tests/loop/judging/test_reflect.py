"""Reflection: which build is opened when, once, and with which evidence."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from loopcast.errors import CallerError
from loopcast.loop.judging.decisions import list_decisions, read_decisions
from loopcast.loop.judging.evidence import make_policy
from loopcast.loop.judging.judgement import make_limits
from loopcast.loop.judging.reflect import reflect
from loopcast.loop.production import forecast_version
from loopcast.loop.profile import profile_version
from loopcast.loop.project import Project, find_project
from loopcast.loop.zoos.champion import Action, Request, promote
from loopcast.loop.zoos.experiment import run_experiment
from loopcast.loop.zoos.forces import list_builds
from made_use_case import NOW, YAML, make_counts, make_project, send, take_turn


def with_rebuild(folder: Path, rebuild: str) -> Project:
    yaml = YAML.format(name="counts").replace("n_windows: 7", f"n_windows: 7, rebuild: {rebuild}")
    return make_project(folder, yaml=yaml)


def settle(project: Project) -> str:
    version = send(project, make_counts("2024-01-01", 20))
    project.store.versions.settle(version, now=NOW)
    return version


def test_without_a_version_there_is_nothing_to_reflect_on(empty: Project) -> None:
    with pytest.raises(CallerError, match=r"counts has no version yet; send an update first"):
        reflect(empty, now=NOW)


def test_the_first_build_is_opened_once_and_asked_again_is_the_same(empty: Project) -> None:
    version = settle(empty)
    first = reflect(empty, now=NOW)
    assert (first.decision.action, first.decision.rule) == ("build_first", "no_zoo")
    assert first.build is not None
    assert (first.build.build, first.build.version) == ("b0001", version)
    again = reflect(empty, now=NOW + timedelta(days=1))
    assert again.build == first.build
    assert again.decision == first.decision
    assert len(list_builds(empty)) == 1
    assert len(list_decisions(empty)) == 1


def test_a_decision_recorded_before_a_crash_opens_its_build_once(empty: Project) -> None:
    settle(empty)
    decided = reflect(empty, now=NOW)
    build = empty.store.references._path("builds", 1)
    empty.store.references._lake.delete(build)  # as if it had crashed between the two
    empty.store.references._highest.clear()
    assert list_builds(empty) == []
    assert reflect(empty, now=NOW).build == decided.build
    assert [request.decision for request in list_builds(empty)] == ["d00000001"]


def test_reflections_side_by_side_take_one_decision_and_open_one_build(empty: Project) -> None:
    settle(empty)
    projects = [find_project("counts", settings=empty.settings) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda project: reflect(project, now=NOW), projects))
    assert {one.record.key for one in made} == {"d00000001"}
    assert {one.build.build for one in made if one.build} == {"b0001"}
    assert len(list_builds(empty)) == 1


def test_while_the_first_build_is_under_way_a_new_version_opens_no_other(empty: Project) -> None:
    settle(empty)
    reflect(empty, now=NOW)
    empty.store.versions.settle(send(empty, make_counts("2024-01-21", 1)), now=NOW)
    kept = reflect(empty, now=NOW)
    assert (kept.decision.action, kept.decision.rule, kept.build) == ("keep", "build_under_way", None)


def test_a_zoo_that_has_grown_too_old_opens_the_next_build(tmp_path: Path) -> None:
    project = with_rebuild(tmp_path, "{max_age: 2D, rest: 1}")
    take_turn(project, make_counts("2024-01-01", 42))
    for start in ("2024-02-12", "2024-02-13"):
        take_turn(project, make_counts(start, 1))
    decisions = list_decisions(project)
    assert decisions["rule"].tolist() == ["no_zoo", "as_promised", "too_old"]
    assert decisions["build"].fillna("none").tolist() == ["b0001", "none", "b0002"]
    assert [request.version for request in list_builds(project)] == ["v00000001", "v00000003"]
    assert "2 days old, limit 2" in decisions["reason"].iloc[-1]


def test_errors_worse_than_promised_open_the_next_build(tmp_path: Path) -> None:
    project = with_rebuild(tmp_path, "{tolerance_pct: 25, window: 7, rest: 1}")
    take_turn(project, make_counts("2024-01-01", 42))
    for day in range(7):
        shifted = make_counts(f"2024-02-{12 + day}", 1)
        take_turn(project, shifted.assign(count=shifted["count"] + 200.0 * (-1) ** day + 200.0))
    decisions = list_decisions(project)
    first = decisions["rule"].tolist().index("worse_than_promised")
    worse = decisions.iloc[first]
    assert (worse["action"], worse["build"]) == ("rebuild", "b0002")
    assert set(decisions["rule"].iloc[1:first]) == {"as_promised"}


def test_where_building_again_does_not_help_it_is_back_to_experimentation_with_hints(tmp_path: Path) -> None:
    project = with_rebuild(tmp_path, "{tolerance_pct: 25, window: 7, rest: 1, max_age: null}")
    take_turn(project, make_counts("2024-01-01", 42))
    for day in range(10):
        shifted = make_counts(f"2024-02-{12 + day}", 1)
        stuck = shifted.assign(count=shifted["count"] + 200.0 * (-1) ** day + 200.0, promotion=1.0)
        version = take_turn(project, stuck)
        profile_version(project, version, now=NOW)
    decisions = {record.decision.rule: record for record in read_decisions(project)}
    assert decisions["worse_than_promised"].build == "b0002"
    found = decisions["rebuild_did_not_help"]
    assert (found.decision.action, found.build) == ("experiment", "b0003")
    assert [build.search for build in list_builds(project)[1:3]] == ["usual", "wide"]
    assert "and still MAE" in found.decision.reason
    assert any("count" in hint or "promotion" in hint for hint in found.hints), found.hints
    costs = {cost["action"]: cost for cost in found.costs}
    assert costs["rebuild"]["gain_pct"] > 25.0
    assert costs["rebuild"]["basis"].endswith("if the promise is kept again")


def test_a_decision_is_taken_once_per_version(project: Project) -> None:
    assert list_decisions(project)["version"].tolist() == ["v00000001", "v00000002", "v00000003"]
    reflect(project, now=NOW)
    assert len(list_decisions(project)) == 3


def test_a_refused_version_is_not_reflected_on(project: Project) -> None:
    take_turn(project, b"at,count\n2024-02-28 00:00,many\n")
    assert reflect(project, now=NOW).version == "v00000003"


def test_the_policy_is_the_use_case_s_own(tmp_path: Path) -> None:
    project = with_rebuild(tmp_path, "{max_age: 36h, tolerance_pct: 10, window: 3, rest: 2}")
    policy, limits = make_policy(project), make_limits(project)
    assert (policy.max_age_days, policy.min_versions_between) == (1.5, 2)
    assert (limits.tolerance_pct, limits.window, limits.versions_per_year) == (10.0, 3, 365.0)


def test_the_evidence_is_kept_with_the_decision(played: Project) -> None:
    known = played.store.references.current("decisions")
    assert known is not None
    evidence = known.value["evidence"]
    assert evidence["has_zoo"]
    assert evidence["age_days"] == 2.0
    assert evidence["judgement"]["scored_versions"] == 2
    assert evidence["judgement"]["production_mae"] > 0


def test_refused_updates_do_not_bring_the_next_build_nearer(tmp_path: Path) -> None:
    project = with_rebuild(tmp_path, "{max_age: 1h, rest: 3}")
    take_turn(project, make_counts("2024-01-01", 35))
    for number in range(4):
        take_turn(project, b"at,count\n2024-02-05 00:00,many\n", name=f"bad-{number}.csv")
    version = take_turn(project, make_counts("2024-02-05", 1))
    last = list_decisions(project).iloc[-1]
    assert (last["version"], last["rule"]) == (version, "too_soon")


def test_a_zoo_that_is_in_force_only_from_the_next_version_on_counts_as_built(tmp_path: Path) -> None:
    project = with_rebuild(tmp_path, "{max_age: 2D, rest: 1}")
    take_turn(project, make_counts("2024-01-01", 35))
    behind = send(project, make_counts("2024-02-05", 3))  # claimed before the next zoo is released
    project.store.versions.settle(behind, now=NOW)
    opened = reflect(project, now=NOW)
    assert (opened.decision.rule, opened.decision.evidence["age_days"]) == ("too_old", 3.0)
    assert opened.build is not None
    forecast_version(project, behind, now=NOW)
    later = send(project, make_counts("2024-02-08", 1))
    project.store.versions.settle(later, now=NOW)
    forecast_version(project, later, now=NOW)
    run_experiment(project, opened.build.build, now=NOW)
    assert promote(project, Request(Action.promote, "ana", "test", opened.build.build), now=NOW).from_version > later
    kept = reflect(project, now=NOW)
    assert (kept.decision.action, kept.decision.evidence["age_days"]) == ("keep", 1.0)
