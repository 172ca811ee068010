"""Orders: decisions approved and overruled, actions asked for; each once, and refused where it makes no sense."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from loopcast.errors import CallerError, NotFoundError
from loopcast.loop.judging.decisions import find_decision, list_decisions, read_newest
from loopcast.loop.judging.orders import Order, give_order, list_pending
from loopcast.loop.judging.reflect import Reflection, find_due, reflect
from loopcast.loop.project import Project
from loopcast.loop.zoos.experiment import run_experiment
from loopcast.loop.zoos.forces import list_builds
from loopcast.loop.zoos.pins import put_pin
from made_use_case import NOW, YAML, make_counts, make_project, take_turn

NIGHT = datetime(2026, 1, 2, 23, tzinfo=UTC)


def with_policies(folder: Path, policies: str) -> Project:
    yaml = YAML.format(name="counts").replace("n_windows: 7", f"n_windows: 7, {policies}")
    return make_project(folder, yaml=yaml)


def order(project: Project, kind: str, **fields: str) -> Reflection:
    give_order(project, Order(kind, actor="ana", **fields), now=NOW)  # type: ignore[arg-type]
    return reflect(project, now=NOW)


@pytest.fixture
def old(tmp_path: Path) -> Project:
    """A use case whose zoo has grown too old, where every build has to be approved."""
    project = with_policies(tmp_path, "rebuild: {max_age: 1D, rest: 1, approval: all}")
    take_turn(project, make_counts("2024-01-01", 35))
    assert read_newest(project).decision.waits_for == "approval"  # type: ignore[union-attr]
    return project


def test_a_decision_waits_for_its_approval_and_is_then_carried_out_once(old: Project) -> None:
    assert list_builds(old) == []
    made = order(old, "approve", reason="go")
    assert made.build is not None
    assert (made.decision.rule, made.decision.action) == ("asked", "build_first")
    assert made.decision.reason.startswith("approved by ana: go (d00000001: build_first, no zoo is in force; waits")
    assert reflect(old, now=NOW).record == made.record
    with pytest.raises(CallerError, match="d00000002 has opened b0001 already"):
        order(old, "approve")
    assert [request.decision for request in list_builds(old)] == ["d00000002"]


def test_what_was_ordered_is_not_ordered_again_before_it_is_carried_out(old: Project) -> None:
    give_order(old, Order("approve", actor="ana"), now=NOW)
    with pytest.raises(CallerError, match="ana ordered the same before"):
        give_order(old, Order("approve", actor="ben", decision="d1"), now=NOW)
    assert find_due(old, now=NOW) == "order-1"
    reflect(old, now=NOW)
    assert find_due(old, now=NOW) is None
    assert list_pending(old, read_newest(old)) == []


def test_an_order_that_is_given_again_by_a_retry_is_one_order(project: Project) -> None:
    asked = Order("ask", actor="ana", action="rebuild", key="run-1")
    first = give_order(project, asked, now=NOW)
    made = reflect(project, now=NOW)
    assert give_order(project, asked, now=NOW) == first
    assert reflect(project, now=NOW).record == made.record
    assert len(list_builds(project)) == 2
    give_order(project, replace(asked, key="run-2"), now=NOW)
    assert reflect(project, now=NOW).build != made.build, "a person may ask twice"


def test_an_overruled_build_is_not_asked_for_again_for_the_time_of_a_rest(tmp_path: Path) -> None:
    project = with_policies(tmp_path, "rebuild: {max_age: 1h, rest: 2, approval: all}")
    take_turn(project, make_counts("2024-01-01", 35))
    assert order(project, "overrule", reason="not now").decision.action == "keep"
    for day in (5, 6, 7):
        take_turn(project, make_counts(f"2024-02-0{day}", 1))
    decisions = list_decisions(project)
    assert decisions["rule"].tolist() == ["no_zoo", "asked", "overruled", "no_zoo", "no_zoo"]
    assert decisions["waits_for"].fillna("").tolist() == ["approval", "", "", "approval", "approval"]


def test_decisions_in_a_row_that_wait_for_the_same_are_approved_by_any_of_them(old: Project) -> None:
    take_turn(old, make_counts("2024-02-05", 1))
    newest = read_newest(old)
    assert newest is not None
    assert (newest.key, newest.since) == ("d00000002", "d00000001")
    made = order(old, "approve", decision="d00000001")
    assert made.build is not None
    assert made.build.version == "v00000002"


def test_what_was_superseded_or_never_there_is_refused_in_words(project: Project) -> None:
    with pytest.raises(CallerError, match=r"d00000001 was superseded by d00000003 \(keep"):
        order(project, "approve", decision="d00000001")
    with pytest.raises(NotFoundError, match="found no decision d00000009 of counts; the newest is d00000003"):
        order(project, "overrule", decision="d00000009")
    with pytest.raises(CallerError, match="expected one such as d00000007"):
        find_decision(project, "seven")
    with pytest.raises(CallerError, match="waits for nothing; ask for an action"):
        order(project, "approve")
    with pytest.raises(CallerError, match="say which action is wanted instead"):
        order(project, "overrule")
    with pytest.raises(CallerError, match="ask for retrain, rebuild or experiment"):
        order(project, "ask", action="keep")
    with pytest.raises(CallerError, match="`retrain: every_version`, so every forecast learns first"):
        order(project, "ask", action="retrain")
    with pytest.raises(CallerError, match="say who"):
        give_order(project, Order("approve", actor=" "), now=NOW)
    with pytest.raises(CallerError, match="reason of 501"):
        give_order(project, Order("approve", actor="ana", reason="x" * 501), now=NOW)


def test_orders_need_a_decision(empty: Project) -> None:
    with pytest.raises(CallerError, match="no decision yet"):
        give_order(empty, Order("approve", actor="ana"), now=NOW)
    assert find_due(empty, now=NOW) is None


def test_a_build_is_opened_when_somebody_asks_though_a_zoo_is_pinned(project: Project) -> None:
    put_pin(project, "z0001", actor="ben", reason="audit", now=NOW)
    made = order(project, "ask", action="rebuild", scope="new_situations", reason="new meter")
    assert made.build is not None
    assert (made.build.rule, made.build.scope, made.build.search) == ("asked", "new_situations", "usual")
    assert made.build.reason == "asked for by ana: new meter"
    take_turn(project, make_counts("2024-02-28", 1))
    assert read_newest(project).decision.rule == "pinned"  # type: ignore[union-attr]


def test_keeping_can_be_overruled_by_a_wider_search(project: Project) -> None:
    made = order(project, "overrule", action="experiment")
    assert made.build is not None
    assert (made.decision.action, made.build.search) == ("experiment", "wide")
    tried = [set(run_experiment(project, build, now=NOW).leaderboard["member"]) for build in ("b0001", "b0002")]
    assert tried[0] < tried[1], "members beside those of the use case"
    take_turn(project, make_counts("2024-02-28", 1))
    told = {cost["action"]: cost["cpu_s"] for cost in read_newest(project).costs}  # type: ignore[union-attr]
    assert told["experiment"] > 0.0
    assert told["rebuild"] > told["retrain"] > told["keep"] == 0.0


def test_a_decision_outside_its_hours_is_carried_out_when_they_begin(tmp_path: Path) -> None:
    project = with_policies(tmp_path, 'rebuild: {budget: {hours: "22:00-06:00"}}')
    take_turn(project, make_counts("2024-01-01", 35))
    waiting = read_newest(project)
    assert waiting is not None
    assert (waiting.decision.action, waiting.decision.waits_for) == ("build_first", "outside_hours")
    assert "it is 12:00, builds start 22:00-06:00" in waiting.decision.reason
    assert find_due(project, now=NOW + timedelta(hours=1)) is None
    assert reflect(project, now=NOW + timedelta(hours=1)).record == waiting
    assert find_due(project, now=NIGHT) == waiting.key
    made = reflect(project, now=NIGHT)
    assert made.build is not None
    assert (made.decision.rule, made.decision.waits_for) == ("no_zoo", None)
    assert find_due(project, now=NIGHT) is None


def test_the_budget_counts_what_was_opened_without_a_person(tmp_path: Path) -> None:
    project = with_policies(tmp_path, "rebuild: {max_age: 1D, rest: 1, budget: {builds: 2, per: 5D}}")
    take_turn(project, make_counts("2024-01-01", 42))
    for day in range(12, 18):
        take_turn(project, make_counts(f"2024-02-{day}", 1))
    waits = list_decisions(project)["waits_for"].fillna("").tolist()
    assert waits.count("budget_spent") > 0
    builds = [int(request.version[1:]) for request in list_builds(project)]
    assert all(sum(first <= version < first + 5 for version in builds) <= 2 for first in builds)
    made = order(project, "ask", action="rebuild")
    assert made.build is not None
