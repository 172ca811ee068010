"""The challenge: who takes force, on what the two are compared, and that neither knows what it is judged on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loopcast.experimentation.trial import replay_zoo
from loopcast.loop.project import Project
from loopcast.loop.slices import read_build
from loopcast.loop.zoos.challenge import DUELS, choose_level, find_changes
from loopcast.loop.zoos.experiment import release_zoo, run_experiment
from loopcast.loop.zoos.forces import FORECASTS, BuildRequest, list_in_force, list_zoos, newest_in_force, read_zoo
from loopcast.loop.zoos.pins import put_pin
from loopcast.loop.zoos.verdicts import Verdict, count_rejected, find_verdict, list_verdicts, record_verdict
from loopcast.zoo.panel import panel_from_frame
from made_challenge import NAIVE, build, copy_of, live_on, with_policies, with_promotion
from made_use_case import NOW, make_counts, put_another_in_force, take_turn


def test_the_first_zoo_has_nobody_to_meet(lived: Project) -> None:
    verdict = find_verdict(lived, "b0001")
    assert verdict is not None
    assert (verdict.outcome, verdict.rule, verdict.zoo, verdict.champion) == ("in_force", "unopposed", "z0001", None)
    assert verdict.reason.startswith("no zoo was in force; combination has MAE")
    assert (verdict.n, verdict.p_value) == (0, None)


def test_an_equal_challenger_is_rejected_and_the_loop_goes_on(lived: Project, tmp_path: Path) -> None:
    project = copy_of(lived, tmp_path)
    verdict = build(project, "v00000010")
    assert (verdict.outcome, verdict.rule, verdict.champion, verdict.zoo) == ("rejected", "not_better", "z0001", None)
    assert verdict.n == 6  # of seven windows the first knows no weights
    assert verdict.p_value is not None
    assert verdict.p_value > 0.05
    assert [zoo.zoo for zoo in list_zoos(project)] == ["z0001"]
    assert count_rejected(project) == 1
    (version,) = live_on(project, 1)
    made = project.store.outputs.manifest(FORECASTS, version)
    assert made is not None
    assert made.pins["zoo"] == "z0001"


def test_a_better_challenger_takes_force_and_a_worse_one_does_not(lived: Project, tmp_path: Path) -> None:
    project = copy_of(lived, tmp_path)
    worse = build(with_policies(project, members=NAIVE), "v00000010")
    assert (worse.outcome, worse.rule) == ("rejected", "not_better")
    assert worse.challenger_mae > worse.champion_mae  # type: ignore[operator]
    put_another_in_force(with_policies(project, members=NAIVE), "v00000009")  # a person makes it the champion
    better = build(project, "v00000010")
    assert (better.outcome, better.rule, better.champion) == ("in_force", "better", "z0002")
    assert better.challenger_mae < better.champion_mae  # type: ignore[operator]
    released = release_zoo(project, str(better.zoo), now=NOW)
    assert released.in_force == newest_in_force(project)
    assert released.in_force is not None
    assert (released.in_force.kind, released.in_force.reason) == ("release", better.reason)


@pytest.mark.parametrize(("rule", "level"), [("too_old", 0.05), ("worse_than_promised", 0.25), ("asked", 0.05)])
def test_less_proof_is_asked_while_the_champion_is_worse_than_it_promised(
    lived: Project, rule: str, level: float
) -> None:
    request = BuildRequest("b0009", "v00000010", rule, "")
    assert choose_level(lived, request) == pytest.approx(level)
    challenger = lived.use_case.policies.challenger.model_copy(update={"significance": 0.2})
    assert choose_level(with_policies(lived, challenger=challenger), request) < 0.5


def test_the_champion_replayed_is_the_champion_that_forecast(lived: Project) -> None:
    champion, panel = read_zoo(lived, list_in_force(lived)[0].digest), read_build(lived, "v00000010").panel
    cutoffs = pd.Series(pd.date_range("2024-02-25 23:00", periods=9, unit="us"), name="cutoff").to_frame()
    again = replay_zoo(champion, panel, cutoffs).groupby("cutoff")["forecast"].apply(list)
    for number, cutoff in enumerate(cutoffs["cutoff"], start=1):
        made = lived.store.outputs.read(FORECASTS, f"v{number:08d}")
        assert made["origin"].iloc[0] == cutoff
        assert np.allclose(again[cutoff], made["forecast"], rtol=1e-9)


def test_nothing_after_an_origin_is_known_to_the_champion(lived: Project) -> None:
    champion = read_zoo(lived, list_in_force(lived)[0].digest)
    frame = with_promotion("2024-01-01", 65)
    cutoffs = pd.Series(pd.date_range("2024-02-25 23:00", periods=9, unit="us"), name="cutoff").to_frame()
    origin = cutoffs["cutoff"].iloc[4]
    changed = frame.assign(count=frame["count"].where(frame["at"] <= origin, frame["count"] * 3 + 50))
    made = [replay_zoo(champion, panel_from_frame(rows, lived.store.spec), cutoffs) for rows in (frame, changed)]
    upto, after = (
        [table.loc[mask(table["cutoff"]), "forecast"].to_numpy() for table in made]
        for mask in (lambda cutoff: cutoff <= origin, lambda cutoff: cutoff > origin)
    )
    assert np.array_equal(*upto)
    assert not np.allclose(*after)


def test_what_the_champion_learned_from_is_judged_by_its_own_backtest(lived: Project, tmp_path: Path) -> None:
    project = copy_of(lived, tmp_path)
    put_another_in_force(project, "v00000006")  # learned from data until 1 March; the windows begin on 28 February
    verdict = build(project, "v00000010")
    losses = project.store.outputs.read(DUELS, verdict.build)
    own = project.store.outputs.read("backtests", "b0002")
    own = own[own["member"] == "combination"].assign(error=lambda cells: (cells["target"] - cells["forecast"]).abs())
    own = own.groupby("cutoff")["error"].mean()
    early = losses[losses["cutoff"] < "2024-03-01 23:00"].set_index("cutoff")["champion"]
    assert (verdict.champion, verdict.n, len(early)) == ("z0002", 6, 2)
    assert np.allclose(early, own[early.index])


def test_corrections_are_known_to_both_or_to_neither(lived: Project, tmp_path: Path) -> None:
    project = copy_of(lived, tmp_path)
    version = take_turn(project, make_counts("2024-02-28", 1).assign(count=100.0), name="correction.csv")
    verdict = build(project, version)
    losses = project.store.outputs.read(DUELS, verdict.build).set_index("cutoff")
    made = project.store.outputs.read(FORECASTS, "v00000004")  # as it was made then, a day after what was corrected
    panel = read_build(project, version).panel
    champion = read_zoo(project, list_in_force(project)[0].digest)
    cutoffs = losses.index.to_frame(index=False)
    again = replay_zoo(champion, panel, cutoffs[cutoffs["cutoff"] <= "2024-02-28 23:00"])
    again = again[again["cutoff"] == made["origin"].iloc[0]]
    actual = make_counts("2024-02-29", 1)["count"].to_numpy()
    assert losses.loc[made["origin"].iloc[0], "champion"] == pytest.approx(np.abs(actual - again["forecast"]).mean())
    assert not np.allclose(made["forecast"], again["forecast"])


def test_a_champion_that_was_built_for_something_else_counts_as_absent(lived: Project, tmp_path: Path) -> None:
    project = with_policies(copy_of(lived, tmp_path), level=95.0)
    verdict = build(project, "v00000010")
    assert (verdict.outcome, verdict.rule, verdict.zoo) == ("in_force", "unopposed", "z0002")
    assert verdict.reason.startswith("z0001 was built for something else: level 80.0, now 95.0; combination")
    champion, panel = read_zoo(lived, list_in_force(lived)[0].digest), read_build(lived, "v00000010").panel
    assert find_changes(champion, panel, lived.use_case.zoo) == []


def test_while_a_zoo_is_pinned_no_other_takes_force(lived: Project, tmp_path: Path) -> None:
    project = copy_of(lived, tmp_path)
    put_another_in_force(with_policies(project, members=NAIVE), "v00000009")
    put_pin(project, "z0002", actor="ana", reason="audit week", now=NOW)
    verdict = build(project, "v00000010")
    assert (verdict.outcome, verdict.rule, verdict.zoo) == ("rejected", "pinned", None)
    assert verdict.reason.startswith("z0002 is pinned by ana (audit week); without the pin: better: MAE")
    assert count_rejected(project) == 0  # for no fault of its own


def test_a_zoo_that_is_pinned_before_another_is_released_stays(lived: Project, tmp_path: Path) -> None:
    project = copy_of(lived, tmp_path)
    put_another_in_force(with_policies(project, members=NAIVE), "v00000009")
    verdict = build(project, "v00000010")
    put_pin(project, "z0002", actor="ana", reason="", now=NOW)
    released = release_zoo(project, str(verdict.zoo), now=NOW)
    assert released.in_force is None
    assert released.verdict is not None
    assert (released.verdict.outcome, released.verdict.rule) == ("rejected", "pinned")
    assert newest_in_force(project) == list_in_force(project)[-1]
    assert list_in_force(project)[-1].zoo == "z0002"


def test_the_same_build_run_again_has_the_same_verdict_once(lived: Project, tmp_path: Path) -> None:
    project = copy_of(lived, tmp_path)
    first = build(project, "v00000010")
    again = run_experiment(project, first.build, now=NOW)
    assert again.verdict == first
    assert len(again.losses) == first.n
    assert len(list_verdicts(project)) == 2


def test_verdicts_from_before_there_were_rules_still_read(lived: Project, tmp_path: Path) -> None:
    project = copy_of(lived, tmp_path)
    old = Verdict("b0009", None, "rejected", "z0001", 1.0, 2.0, 7, 0.9, "not better")
    value = {name: item for name, item in vars(old).items() if name != "rule"}
    project.store.references.append("verdicts", value, now=NOW)
    assert list_verdicts(project, last=1) == [old]
    record_verdict(project, replace(old, outcome="shadow"), now=NOW)
    assert find_verdict(project, "b0009") == replace(old, outcome="shadow")
