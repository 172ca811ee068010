"""Promises: renewed where nothing better is found, and what is judged by them."""

from pathlib import Path

import pytest

from loopcast.experimentation.backtest import COMBINATION
from loopcast.loop.judging.audit import list_trail
from loopcast.loop.judging.judgement import read_judgement
from loopcast.loop.project import Project
from loopcast.loop.zoos.experiment import FIRST_ANSWER, release_zoo, run_experiment
from loopcast.loop.zoos.forces import newest_in_force, open_build, read_promise
from loopcast.loop.zoos.promises import PROMISES, find_promise
from made_challenge import NAIVE, build, copy_of, live_on, with_policies
from made_use_case import NOW, put_another_in_force


def test_a_zoo_that_was_released_promises_its_backtest(lived: Project) -> None:
    champion = newest_in_force(lived)
    assert champion is not None
    promise = find_promise(lived, champion)
    assert (promise.build, promise.from_version) == (None, champion.from_version)
    assert promise.bins == read_promise(lived, champion.digest)[0]
    assert set(promise.reference["member"]) >= {COMBINATION, "seasonal_naive_24"}


def test_a_zoo_that_has_to_stay_promises_what_it_reached_beside_the_new_one(lived: Project, tmp_path: Path) -> None:
    project = copy_of(lived, tmp_path)
    verdict, champion = build(project, "v00000010"), newest_in_force(project)
    assert champion is not None
    promise = find_promise(project, champion)
    assert (verdict.outcome, promise.build, promise.from_version) == ("rejected", "b0002", "v00000011")
    assert promise.bins[0].bin == "all"
    assert promise.bins[0].mae == pytest.approx(verdict.champion_mae)
    own = promise.reference[promise.reference["member"] == COMBINATION]
    assert (len(own), own["cutoff"].nunique()) == (promise.bins[0].n, verdict.n)
    said = list_trail(project)[lambda rows: rows["what"] == "promise"]
    assert said["key"].tolist() == [champion.zoo]
    live_on(project, 4)
    judgement = read_judgement(project, "v00000014")
    assert judgement is not None
    assert judgement.scored_versions == 3  # the newest has no actuals yet, those before the renewal do not count
    assert judgement.promised_mae == pytest.approx(promise.bins[0].mae, rel=0.2)


def test_the_first_answer_to_an_alarm_renews_nothing_and_a_wider_search_does(lived: Project, tmp_path: Path) -> None:
    project = copy_of(lived, tmp_path)
    for rule, renewed in ((FIRST_ANSWER, 0), ("rebuild_did_not_help", 1)):
        request = open_build(project, version="v00000010", rule=rule, reason="worse", now=NOW)
        assert run_experiment(project, request.build, now=NOW).verdict.outcome == "rejected"
        assert len(project.store.references.history(PROMISES)) == renewed


def test_a_new_champion_brings_its_own_promise(lived: Project, tmp_path: Path) -> None:
    project = copy_of(lived, tmp_path)
    put_another_in_force(with_policies(project, members=NAIVE), "v00000009")
    build(with_policies(project, members=NAIVE), "v00000010")  # no better than itself
    better = build(project, "v00000010")
    release_zoo(project, str(better.zoo), now=NOW)
    champion = newest_in_force(project)
    assert champion is not None
    assert [one.value["zoo"] for one in project.store.references.history(PROMISES)] == ["z0001", "z0002"]
    assert find_promise(project, champion).bins == read_promise(project, champion.digest)[0]
