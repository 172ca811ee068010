"""Challengers in the shadow: they forecast beside the champion for a while, and what comes of it decides."""

from pathlib import Path

import pytest

from loopcast.loop.production import forecast_version
from loopcast.loop.project import Project
from loopcast.loop.zoos.challenge import DUELS
from loopcast.loop.zoos.champion import Action, Request, act
from loopcast.loop.zoos.experiment import release_zoo, run_experiment
from loopcast.loop.zoos.forces import FORECASTS, SHADOW_FORECASTS, list_in_force, list_zoos, newest_in_force, open_build
from loopcast.loop.zoos.pins import put_pin
from loopcast.loop.zoos.shadow import read_challenger, turn_shadow
from loopcast.loop.zoos.verdicts import Verdict, find_verdict
from loopcast.use_case.policies import Challenger
from made_challenge import NAIVE, copy_of, live_on, with_policies
from made_use_case import NOW, put_another_in_force

POLICY = Challenger(shadow=5)


def challenge(project: Project, version: str, **policies: object) -> Verdict:
    """Build a zoo that has to stand in the shadow first, release it, and return its verdict."""
    shadowed = with_policies(project, challenger=POLICY, **policies)
    request = open_build(project, version=version, rule="test", reason="asked for", now=NOW)
    made = run_experiment(shadowed, request.build, now=NOW)
    assert made.zoo is not None
    assert release_zoo(shadowed, made.zoo.zoo, now=NOW).in_force is None
    return made.verdict


@pytest.fixture
def project(lived: Project, tmp_path: Path) -> Project:
    return copy_of(lived, tmp_path)


@pytest.fixture
def poor(project: Project) -> Project:
    """The same with a champion that knows seasonal naives alone."""
    put_another_in_force(with_policies(project, members=NAIVE), "v00000010")
    return project


def shadows(project: Project) -> list[str]:
    return project.store.outputs.partitions(SHADOW_FORECASTS)


def test_a_better_challenger_takes_force_by_itself_after_its_time_in_the_shadow(poor: Project) -> None:
    verdict = challenge(poor, "v00000010")
    assert (verdict.outcome, verdict.rule, verdict.zoo, verdict.champion) == ("shadow", "shadow", "z0003", "z0002")
    assert "for 5 versions first; in the backtest better" in verdict.reason
    challenger = read_challenger(poor)
    assert challenger is not None
    assert (challenger.zoo, challenger.from_version, challenger.versions) == ("z0003", "v00000011", 5)
    versions = live_on(poor, 5)
    assert shadows(poor) == versions
    assert newest_in_force(poor).zoo == "z0002"  # type: ignore[union-attr]
    last = poor.store.outputs.manifest(SHADOW_FORECASTS, versions[-1])
    assert last is not None
    assert (last.facts["number"], last.pins["zoo"], last.pins["state_after"]) == (5, "z0003", versions[-2])
    (decided,) = live_on(poor, 1, after=5)
    final = find_verdict(poor, verdict.build)
    assert final is not None
    assert (final.outcome, final.rule, final.n) == ("in_force", "better", 5)
    assert final.reason.startswith("in the shadow, better: MAE")
    assert shadows(poor) == versions, "as many as asked for, and no more"
    assert read_challenger(poor) is None
    entry = newest_in_force(poor)
    assert entry is not None
    assert (entry.zoo, entry.kind, entry.reason) == ("z0003", "release", final.reason)
    (after,) = live_on(poor, 1, after=6)
    made = poor.store.outputs.manifest(FORECASTS, after)
    assert made is not None
    assert (made.pins["zoo"], made.pins["state_after"]) == ("z0003", versions[-1])  # it goes on from the shadow
    assert poor.store.outputs.manifest(FORECASTS, decided).pins["zoo"] == "z0002"  # type: ignore[union-attr]


def test_what_is_judged_are_the_forecasts_as_they_were_made_on_the_actuals_that_came(poor: Project) -> None:
    verdict = challenge(poor, "v00000010")
    versions = live_on(poor, 6)[:5]
    losses = poor.store.outputs.read(DUELS, verdict.build)
    for row, version in zip(losses.itertuples(), versions, strict=True):
        actual = poor.store.versions.read("v00000016").set_index("at")["count"]
        for table, found in ((FORECASTS, row.champion), (SHADOW_FORECASTS, row.challenger)):
            made = poor.store.outputs.read(table, version)
            assert set(made["origin"]) == {row.cutoff}
            error = made["forecast"].to_numpy() - actual[made["timestamp"]].to_numpy()
            assert found == pytest.approx(abs(error).mean())


def test_an_equal_challenger_retires(project: Project) -> None:
    verdict = challenge(project, "v00000010")
    live_on(project, 6)
    final = find_verdict(project, verdict.build)
    assert final is not None
    assert (final.outcome, final.rule, final.zoo) == ("rejected", "not_better", "z0002")
    assert read_challenger(project) is None
    assert [entry.zoo for entry in list_in_force(project)] == ["z0001"]
    release_zoo(project, "z0002", now=NOW)  # materialized once more, it stays where it is
    assert read_challenger(project) is None
    assert newest_in_force(project).zoo == "z0001"  # type: ignore[union-attr]


def test_a_newer_challenger_takes_the_place_of_the_one_in_the_shadow(project: Project) -> None:
    first = challenge(project, "v00000010")
    live_on(project, 2)
    challenge(project, "v00000012")
    replaced = find_verdict(project, first.build)
    assert replaced is not None
    assert (replaced.outcome, replaced.rule, replaced.reason) == ("rejected", "replaced", "z0003 has taken its place")
    challenger = read_challenger(project)
    assert challenger is not None
    assert (challenger.zoo, challenger.from_version) == ("z0003", "v00000013")


def test_when_the_champion_changes_the_shadow_begins_anew(poor: Project) -> None:
    challenge(poor, "v00000010")
    live_on(poor, 2)
    act(poor, Request(Action.rollback, "ana"), now=NOW)
    live_on(poor, 1, after=2)
    challenger = read_challenger(poor)
    assert challenger is not None
    assert (challenger.champion, challenger.from_version) == ("z0001", "v00000013")
    act(poor, Request(Action.promote, "ana", "", "z0003"), now=NOW)
    live_on(poor, 1, after=3)
    assert read_challenger(poor) is None  # it is the champion itself


def test_a_pinned_champion_is_not_followed_by_a_challenger_however_good(poor: Project) -> None:
    verdict = challenge(poor, "v00000010")
    put_pin(poor, "z0002", actor="ana", reason="audit", now=NOW)
    live_on(poor, 6)
    final = find_verdict(poor, verdict.build)
    assert final is not None
    assert (final.outcome, final.rule) == ("rejected", "pinned")
    assert final.reason.startswith("z0002 is pinned by ana (audit); in the shadow, better")
    assert newest_in_force(poor).zoo == "z0002"  # type: ignore[union-attr]


def test_a_version_forecast_again_changes_nothing_in_the_shadow(project: Project) -> None:
    challenge(project, "v00000010")
    versions = live_on(project, 2)
    before = project.store.outputs.history(SHADOW_FORECASTS, versions[-1])
    for version, is_newest in ((versions[0], False), (versions[1], True)):
        again = forecast_version(project, version, now=NOW)
        assert again is not None
        assert (turn_shadow(project, again.manifest, now=NOW) is not None) == is_newest
    assert project.store.outputs.history(SHADOW_FORECASTS, versions[-1]) == before
    assert [zoo.zoo for zoo in list_zoos(project)] == ["z0001", "z0002"]


def test_without_a_challenger_nothing_is_made(lived: Project) -> None:
    made = lived.store.outputs.manifest(FORECASTS, "v00000010")
    assert made is not None
    assert turn_shadow(lived, made, now=NOW) is None
    assert shadows(lived) == []
