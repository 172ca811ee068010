"""What people do to the champion: rollback in one step, promote, pin; by whom and why; and what is forecast next."""

from datetime import timedelta
from pathlib import Path

import pytest

from loopcast.errors import CallerError, NotFoundError
from loopcast.loop.judging.audit import list_trail
from loopcast.loop.judging.reflect import reflect
from loopcast.loop.project import Project
from loopcast.loop.zoos.champion import Action, Request, act, list_champions
from loopcast.loop.zoos.champion_sheet import describe_champion
from loopcast.loop.zoos.forces import FORECASTS, list_in_force, list_spans, newest_in_force, read_zoo
from loopcast.loop.zoos.pins import read_pin
from loopcast.loop.zoos.states import STATES, find_earlier_state
from loopcast.loop.zoos.verdicts import find_verdict
from loopcast.store.outputs import OutputManifest
from loopcast.zoo.document import zoo_from_document
from made_challenge import NAIVE, build, copy_of, live_on, with_policies
from made_use_case import NOW, make_project, put_another_in_force

ROLLBACK = Request(Action.rollback, "ana", "too high at night")


def promote(key: str) -> Request:
    return Request(Action.promote, "ben", "on purpose", key)


def pins_of(project: Project, version: str) -> OutputManifest:
    made = project.store.outputs.manifest(FORECASTS, version)
    assert made is not None
    return made


@pytest.fixture
def two(lived: Project, tmp_path: Path) -> Project:
    """The same with a second zoo, worse than the first, put in force by a person two days ago."""
    project = copy_of(lived, tmp_path)
    put_another_in_force(with_policies(project, members=NAIVE), "v00000010")
    live_on(project, 2)
    return project


def test_a_rollback_puts_the_previous_champion_in_force_and_the_next_forecast_is_its(two: Project) -> None:
    before = pins_of(two, "v00000012")
    assert before.pins["zoo"] == "z0002"
    assert act(two, ROLLBACK, now=NOW) == "z0001 is in force from v00000013 on"
    (version,) = live_on(two, 1, after=2)
    made = pins_of(two, version)
    assert (made.pins["zoo"], made.pins["state_after"]) == ("z0001", "v00000010")
    assert pins_of(two, "v00000012") == before
    entry = newest_in_force(two)
    assert entry is not None
    assert (entry.kind, entry.actor, entry.reason) == ("rollback", "ana", "too high at night")


def test_a_zoo_that_is_in_force_again_knows_what_it_would_have_known(
    two: Project, lived: Project, tmp_path: Path
) -> None:
    act(two, ROLLBACK, now=NOW)
    (version,) = live_on(two, 1, after=2)
    never_left = copy_of(lived, tmp_path / "other")
    last = live_on(never_left, 3)[-1]
    states = [
        zoo_from_document(project.store.outputs.read_document(STATES, pins_of(project, key).pins["state_digest"]))
        for project, key in ((two, version), (never_left, last))
    ]
    assert [str(block.until[0]) for state in states for block in state.blocks] == ["2024-03-08T23:00:00.000000"] * 2
    one, other = (project.store.outputs.read(FORECASTS, key) for project, key in ((two, version), (never_left, last)))
    assert one["forecast"].to_numpy() == pytest.approx(other["forecast"].to_numpy(), rel=1e-6)


def test_the_versions_of_the_successor_are_not_looked_at_for_a_state(two: Project) -> None:
    act(two, ROLLBACK, now=NOW)
    digest = list_in_force(two)[0].digest
    assert list(list_spans(two, digest)) == [(13, None), (1, 10)]
    found = find_earlier_state(two, "v00000013", digest=digest)
    assert found is not None
    assert found.partition == "v00000010"


def test_a_second_rollback_goes_further_back_and_never_to_what_was_left(two: Project) -> None:
    put_another_in_force(two, "v00000012")
    assert [entry.zoo for entry in list_champions(two)] == ["z0001", "z0002", "z0003"]
    act(two, ROLLBACK, now=NOW)
    act(two, ROLLBACK, now=NOW)
    assert [entry.zoo for entry in list_champions(two)] == ["z0001"]
    with pytest.raises(CallerError, match="no champion before the present one"):
        act(two, ROLLBACK, now=NOW)
    assert [entry.zoo for entry in list_in_force(two)] == ["z0001", "z0002", "z0003", "z0002", "z0001"]


def test_a_run_that_dagster_starts_again_does_not_roll_back_again(two: Project) -> None:
    put_another_in_force(two, "v00000012")
    asked = Request(Action.rollback, "ana", "", key="run-1")
    assert act(two, asked, now=NOW) == act(two, asked, now=NOW) == "z0002 is in force from v00000013 on"
    assert act(two, Request(Action.rollback, "ana", "", key="run-2"), now=NOW).startswith("z0001")


def test_a_rejected_zoo_can_be_promoted_by_its_build(lived: Project, tmp_path: Path) -> None:
    project = copy_of(lived, tmp_path)
    verdict = build(project, "v00000010")
    assert verdict.zoo is None
    assert act(project, promote(verdict.build), now=NOW) == "z0002 is in force from v00000011 on"
    after = find_verdict(project, verdict.build)
    assert after is not None
    assert (after.outcome, after.rule, after.zoo) == ("in_force", "promoted", "z0002")
    assert after.reason.startswith("promoted by ben (on purpose); before: not better")
    assert act(project, promote("z0001"), now=NOW) == "z0001 is in force from v00000011 on"


def test_a_pinned_zoo_stays_whatever_anybody_wants_and_opens_no_build(two: Project) -> None:
    assert act(two, Request(Action.pin, "ana", "audit", "z0001"), now=NOW) == "z0001 is pinned by ana (audit)"
    champion = newest_in_force(two)
    assert champion is not None
    assert (champion.zoo, champion.kind) == ("z0001", "promote")
    for asked in (ROLLBACK, promote("z0002")):
        with pytest.raises(CallerError, match="z0001 is pinned by ana"):
            act(two, asked, now=NOW)
    verdict = build(with_policies(two, challenger=two.use_case.policies.challenger), "v00000012")
    assert verdict.outcome == "rejected"
    always = with_policies(two, rebuild=make_project(two.inbox.parents[1]).use_case.policies.rebuild)
    assert reflect(always, now=NOW).build is None
    assert act(two, Request(Action.unpin, "ben", "over"), now=NOW) == "z0001 is no longer pinned"
    assert read_pin(two) is None
    with pytest.raises(CallerError, match="no pinned zoo"):
        act(two, Request(Action.unpin, "ben"), now=NOW)


def test_what_makes_no_sense_is_refused_in_words(two: Project, empty: Project) -> None:
    with pytest.raises(CallerError, match="no zoo in force yet"):
        act(empty, Request(Action.pin, "ana"), now=NOW)
    with pytest.raises(CallerError, match="found no actor"):
        act(two, Request(Action.rollback, " "), now=NOW)
    with pytest.raises(CallerError, match="name one, such as z0002"):
        act(two, Request(Action.promote, "ana"), now=NOW)
    with pytest.raises(CallerError, match="z0002 is in force already"):
        act(two, promote("z0002"), now=NOW)
    for key in ("z0009", "b0009"):
        with pytest.raises(NotFoundError, match=key):
            act(two, promote(key), now=NOW)
    assert act(two, Request(Action.none, ""), now=NOW) == "nothing was asked for"


def test_everything_is_in_the_audit_trail_and_on_the_sheet(two: Project) -> None:
    later = NOW + timedelta(hours=1)
    act(two, ROLLBACK, now=later)
    act(two, Request(Action.pin, "ana", "audit"), now=later + timedelta(minutes=1))
    trail = list_trail(two, last=2)
    assert trail["what"].tolist() == ["in force", "pin"]
    assert trail["said"].tolist() == ["in force from v00000013 (rollback)", "z0001 pinned"]
    assert trail["actor"].tolist() == ["ana", "ana"]
    sheet = describe_champion(two)
    assert sheet.facts["champion"] == sheet.facts["pinned"] == "z0001"
    assert (sheet.facts["previous"], sheet.facts["kind"], sheet.facts["actor"]) == (None, "rollback", "ana")
    assert sheet.history["zoo"].tolist() == ["z0001", "z0002", "z0001"]
    assert sheet.verdicts["rule"].tolist() == ["promoted", "not_better", "unopposed"]
    assert sheet.compared is not None
    assert len(sheet.losses) == sheet.compared.n
    assert describe_champion(two, last=1).history["kind"].tolist() == ["rollback"]
    assert read_zoo(two, list_in_force(two)[-1].digest).target == "count"
