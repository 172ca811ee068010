"""A use case at a glance: its status and why, figures of the newest versions, and what it costs to tell."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from loopcast.alerts.alert import Finding
from loopcast.loop.alerts.book import Observed, read_book, take_up, write_book
from loopcast.loop.judging.accuracy import CELLS
from loopcast.loop.judging.decisions import DECISIONS, append_decision, read_newest
from loopcast.loop.overview import Overview, describe_use_case, draw_sparkline, to_document, to_row
from loopcast.loop.project import Project
from loopcast.loop.recent import read_recent
from loopcast.loop.zoos.pins import put_pin
from loopcast.loop.zoos.verdicts import Verdict, record_verdict
from made_use_case import NOW, make_counts, make_project, send, take_turn

BAD = b"at,count,promotion\n2024-02-28 00:00,many,0\n"


def look(project: Project, *, after: timedelta = timedelta(hours=1), failed: tuple[str, ...] = ()) -> Overview:
    return describe_use_case(project, now=NOW + after, failed=failed)


def test_a_use_case_without_updates_waits_for_one(empty: Project) -> None:
    told = look(empty)
    assert (told.status, told.version, told.needs) == ("waiting", None, "loopcast update counts FILE")
    assert (told.recent.claimed, told.recent.mae, told.recent.latency_s(0.5)) == (0, None, None)


def test_a_use_case_that_is_as_promised_is_fine_and_says_what_comes_next(played: Project) -> None:
    told = look(played)
    assert (told.status, told.needs, told.version, told.zoo) == ("fine", None, "v00000003", "z0001")
    assert (told.arrived_at, told.due) == (NOW, NOW + timedelta(days=1))
    assert (told.next_action, told.next_at) == ("the next update", told.due)
    assert str(told.data_end) == "2024-02-27 23:00:00"
    assert told.zoo_age == timedelta(days=2)
    assert (told.builds, told.zoos, told.decisions) == (1, 1, {"build_first": 1, "keep": 2})
    assert told.action == "keep (too_soon)"


def test_figures_are_those_of_all_scored_cells(played: Project) -> None:
    recent = read_recent(played)
    cells = [played.store.outputs.read(CELLS, version) for version in ("v00000002", "v00000003")]
    errors = np.concatenate([frame["error"] for frame in cells])
    inside = np.concatenate([frame["actual"].between(frame["lower"], frame["upper"]) for frame in cells])
    assert recent.scored == len(errors) == 48
    assert recent.mae == pytest.approx(np.abs(errors).mean())
    assert recent.coverage_pct == pytest.approx(100 * inside.mean())
    assert [version for version, _ in recent.trend] == ["v00000002", "v00000003"]
    assert recent.skill_pct == pytest.approx(100 * (1 - recent.mae / recent.naive_mae))
    assert recent.latencies_s == (0.0, 0.0, 0.0)  # the tests' clock stands still


def test_an_update_that_does_not_come_is_overdue_after_the_grace(played: Project) -> None:
    assert look(played, after=timedelta(hours=29)).status == "fine"
    late = look(played, after=timedelta(hours=31))
    assert (late.status, late.needs) == ("overdue", "ask the provider for the update")
    assert late.why == "an update was due at 2026-01-02 12:00 UTC"


def test_an_update_under_way_is_waited_for(project: Project) -> None:
    version = send(project, make_counts("2024-02-28", 1), name="third.csv")
    told = look(project)
    assert (told.status, told.unfinished, told.next_action) == ("waiting", (version,), f"forecast of {version}")


def test_a_refused_update_needs_a_person_until_a_good_one_comes(project: Project) -> None:
    version = take_turn(project, BAD)
    told = look(project)
    assert (told.status, told.needs) == ("failing", f"loopcast quarantine show counts {version}")
    assert told.recent.refused == 1
    take_turn(project, make_counts("2024-02-28", 1))
    assert look(project, failed=(version,)).status == "fine"  # its run has failed for that alone


def test_a_failed_run_is_told_before_anything_else(played: Project) -> None:
    told = look(played, after=timedelta(days=9), failed=("v00000003",))
    assert (told.status, told.why) == ("failing", "the newest run of v00000003 failed")


def test_worse_than_promised_is_told_with_both_errors(project: Project) -> None:
    last = project.store.references.current(DECISIONS).value
    judgement = {"is_worse": True, "production_mae": 9.0, "promised_mae": 4.0, "score": 3.0, "limit": 2.0}
    evidence = {**last["evidence"], "judgement": judgement}
    project.store.references.append(DECISIONS, {**last, "evidence": evidence}, now=NOW)
    told = look(project)
    assert (told.status, told.why, told.needs) == ("worse", "MAE 9, promised 4", None)
    assert to_row(told)["promised"] == 4.0


def decide_to(project: Project, **said: object) -> None:
    """Record one more decision that differs from the newest one."""
    last = read_newest(project)
    build = said.pop("build", None)
    record = replace(last, number=last.number + 1, decision=replace(last.decision, **said), build=build)
    append_decision(project, record, now=NOW)


def test_a_decision_that_waits_for_a_person_says_how_to_approve_it(project: Project) -> None:
    decide_to(project, action="rebuild", rule="worse_than_promised", waits_for="approval")
    told = look(project)
    assert (told.status, told.needs) == ("needs approval", "loopcast decision approve counts")
    assert told.why == "d00000004, rebuild (worse_than_promised), waits for a person"
    assert told.next_action == "rebuild, once it is approved"


@pytest.mark.parametrize(
    ("said", "then"),
    [
        ({"action": "rebuild", "waits_for": "outside_hours"}, "rebuild, in its hours"),
        ({"action": "rebuild", "build": "b0002"}, "experiment b0002"),
        (
            {"action": "keep", "evidence": {"has_zoo": True, "age_days": 27.5}},
            "rebuild (too_old) after the next update",
        ),
    ],
)
def test_what_comes_next_follows_from_the_decision(project: Project, said: dict, then: str) -> None:
    decide_to(project, **said)
    told = look(project)
    assert (told.status, told.next_action) == ("fine", then)


def test_open_alerts_are_counted(project: Project) -> None:
    assert look(project).alerts == 0
    failed = Finding("failed_check", "dataset", "output", "error", NOW, "v00000003", "a gap", "none", "look", "/assets")
    write_book(project, take_up(read_book(project), Observed((failed,)), now=NOW), now=NOW)
    assert look(project).alerts == 1


def test_pin_and_challenger_are_told(project: Project) -> None:
    put_pin(project, "z0001", actor="ana", reason="audit", now=NOW)
    shadow = Verdict("b0002", "z0002", "shadow", "z0001", 4.0, 3.0, 48, 0.01, "better")
    record_verdict(project, shadow, now=NOW)
    told = look(project)
    assert (told.pinned, told.challenger) == ("z0001", "z0002")
    assert to_row(told)["zoo"] == "z0001 (pinned, z0002 in its shadow)"


def test_the_document_holds_json_s_own_types(played: Project) -> None:
    document = to_document(look(played))
    assert (document["cadence_s"], document["due"]) == (86_400.0, "2026-01-02T12:00:00+00:00")
    assert document["recent"]["latency_p50_s"] == 0.0


def test_a_flat_trend_is_a_flat_line() -> None:
    assert (draw_sparkline([2.0, 2.0]), draw_sparkline([])) == ("▁▁", "")


def test_reading_it_costs_the_same_after_many_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = make_project(tmp_path / "few"), make_project(tmp_path / "many")
    for project, versions in ((few, 40), (many, 120)):
        start = datetime(2026, 1, 1, tzinfo=UTC)
        for number in range(versions):
            day = make_counts(f"2024-{1 + number // 28:02d}-{1 + number % 28:02d}", 1)
            version = send(project, day, name=f"{number}.csv", now=start + timedelta(days=number))
            project.store.versions.settle(version, now=start)
    read = {name: count_reads(make_project(tmp_path / name), monkeypatch) for name in ("few", "many")}
    assert read["many"] <= read["few"] + 10  # finding the newest number takes some steps more


def count_reads(project: Project, monkeypatch: pytest.MonkeyPatch) -> int:
    lake, asked = project.store.lake, []
    with monkeypatch.context() as patched:
        for name in ("get", "list", "exists"):
            original = getattr(type(lake), name)
            patched.setattr(
                type(lake), name, lambda self, path, original=original: asked.append(path) or original(self, path)
            )
        read_recent(project)
    return len(asked)
