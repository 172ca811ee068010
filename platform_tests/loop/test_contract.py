"""The contract in force: recorded with who and when, replaced only as its version allows, judged on what is stored."""

from datetime import timedelta
from pathlib import Path

import pytest

from loopcast.errors import CallerError, UseCaseError
from loopcast.loop.contract import (
    IN_FORCE,
    STATUS,
    check_contract,
    contract_in_force,
    find_contract,
    is_stopped,
    judge_version,
    list_changes,
    list_contracts,
    put_in_force,
    read_status,
    settle_version,
)
from loopcast.loop.project import Project
from loopcast.loop.turns import list_turns
from loopcast.store.verify import verify
from loopcast.use_case.contract import CONTRACT_FILE, to_contract_yaml, to_odcs
from made_use_case import NOW, make_counts, make_project, send

DEFS = Path("platform/use_cases/counts")


def written(home: Path, *changes: tuple[str, str]) -> Project:
    """Return the project after changing its contract.yaml, which is made from its defs.yaml where it is not there."""
    file = home / DEFS / CONTRACT_FILE
    if not file.exists():
        file.write_text(to_contract_yaml(to_odcs(make_project(home).use_case)))
        defs = home / DEFS / "defs.yaml"
        defs.write_text(defs.read_text().replace("  contract: {cadence: 1D, grace: 6h}\n", ""))
    text = file.read_text()
    for old, new in changes:
        assert old in text, text
        text = text.replace(old, new, 1)
    file.write_text(text)
    return make_project(home)


def home_of(project: Project) -> Path:
    return project.inbox.parents[1]


def test_the_contract_is_put_in_force_once_with_who_and_when(empty: Project) -> None:
    assert contract_in_force(empty) is None
    assert list_changes(empty) == ()
    assert put_in_force(empty, by="ana", now=NOW)
    assert not put_in_force(empty, by="ben", now=NOW)
    (entry,) = list_contracts(empty)
    assert (entry.version, entry.by, entry.at) == ("1.0.0", "ana", NOW)
    found = contract_in_force(empty)
    assert found is not None
    assert found.document == to_odcs(empty.use_case)
    assert verify(empty.store).damages == ()


def test_a_version_records_the_contract_that_it_was_settled_under(empty: Project) -> None:
    version = send(empty, make_counts("2024-01-01", 2))
    record = settle_version(empty, version, by="ana", now=NOW)
    (entry,) = list_contracts(empty)
    assert (record.contract_version, record.contract_digest) == (entry.version, entry.digest)


def test_a_breaking_change_is_refused_before_anything_is_settled_under_it(empty: Project) -> None:
    home = home_of(empty)
    put_in_force(written(home), by="ana", now=NOW)
    narrowed = written(home, ("minimum: 0.0", "minimum: 0.0\n      maximum: 500.0"))
    version = send(narrowed, make_counts("2024-01-01", 2))
    words = (
        r"contract.yaml of counts: version: found 1.0.0; expected one that may follow 1.0.0: "
        r"column count: maximum none became 500: breaking, needs 2.0.0"
    )
    with pytest.raises(UseCaseError, match=words):
        settle_version(narrowed, version, by="ana", now=NOW)
    assert narrowed.store.versions.unsettled() == [version]
    assert len(list_contracts(narrowed)) == 1
    raised = written(home, ("version: 1.0.0", "version: 2.0.0"))
    assert settle_version(raised, version, by="ben", now=NOW).contract_version == "2.0.0"
    assert [(entry.version, entry.by) for entry in list_contracts(raised)] == [("1.0.0", "ana"), ("2.0.0", "ben")]
    assert [change.kind for change in list_changes(raised)] == []
    assert find_contract(raised, "1.0.0").column("count") != find_contract(raised, "2.0.0").column("count")
    with pytest.raises(CallerError, match=r"in force were: 1.0.0, 2.0.0"):
        find_contract(raised, "3.0.0")


def test_a_refused_contract_leaves_nothing_in_the_store(empty: Project) -> None:
    home = home_of(empty)
    put_in_force(written(home), by="ana", now=NOW)
    before = sorted(empty.store.lake.list(empty.name))
    with pytest.raises(UseCaseError):
        put_in_force(written(home, ("value: 6", "value: 9")), by="ana", now=NOW)
    assert sorted(empty.store.lake.list(empty.name)) == before


def test_an_inline_contract_is_held_to_the_same_rules(empty: Project) -> None:
    put_in_force(empty, by="ana", now=NOW)
    defs = home_of(empty) / DEFS / "defs.yaml"
    defs.write_text(defs.read_text().replace("predictors: [{name: promotion, known_ahead: true}]", "predictors: []"))
    with pytest.raises(UseCaseError, match=r"defs.yaml of counts: contract.version: .*column promotion removed"):
        check_contract(make_project(home_of(empty)))


def test_words_may_change_under_the_same_version(empty: Project) -> None:
    home = home_of(empty)
    put_in_force(written(home), by="ana", now=NOW)
    reworded = written(home, ("status: active", "status: deprecated"))
    assert [change.kind for change in list_changes(reworded)] == ["editorial"]
    assert put_in_force(reworded, by="ben", now=NOW)
    assert len(reworded.store.references.history(IN_FORCE)) == 2


def test_promises_are_judged_at_the_moment_a_version_was_settled_and_written(played: Project, project: Project) -> None:
    first, second = "v00000001", "v00000003"
    attained = {item.clause.name: item for item in judge_version(project, second, now=NOW)}
    assert attained["timeliness"].observed == 0.0
    assert attained["validity"].observed == 100.0
    table = project.store.outputs.read(STATUS, second)
    assert table["kept"].tolist() == ["yes", "yes"]
    manifest = project.store.outputs.manifest(STATUS, second)
    assert manifest is not None
    assert manifest.pins["dataset"] == project.store.versions.record(second).state_digest
    assert judge_version(project, first, now=NOW)[0].kept
    again = judge_version(project, second, now=NOW + timedelta(days=50))
    assert {item.clause.name: item for item in again} == attained
    late = {item.clause.name: item for item in read_status(project, now=NOW + timedelta(hours=40))}
    assert (late["timeliness"].observed, late["timeliness"].deviation) == (40.0, 10.0)
    assert late["timeliness"].attainment_pct == pytest.approx(75.0)


def test_without_a_version_there_is_no_status(empty: Project) -> None:
    assert read_status(empty, now=NOW) == ()


def test_only_records_of_the_window_are_judged(empty: Project) -> None:
    for number, days in enumerate((0, 10, 50, 60)):
        version = send(empty, make_counts(f"2024-01-{number + 1:02d}", 1))
        empty.store.versions.settle(version, now=NOW + timedelta(days=days))
    (timely, valid) = read_status(empty, now=NOW + timedelta(days=61))
    assert valid.observed == 100.0
    assert timely.observed == 240.0
    # of the 720 hours before the end: 456 + 210 overdue until day 50 and day 60, then 24 in time
    assert timely.attainment_pct == pytest.approx(100 * (1 - (19 * 24 + 210) / 720))


def test_a_broken_promise_of_severity_error_stops_the_version_and_no_other_does(project: Project) -> None:
    rule = "  quality:\n  - {metric: rowCount, arguments: {per: update}, mustBeBetween: [1, 24], severity: error}\n"
    home = home_of(project)
    file = home / DEFS / CONTRACT_FILE
    strict = written(home, ("version: 1.0.0", "version: 1.1.0"))
    file.write_text(file.read_text().replace("  properties:\n", f"{rule}  properties:\n", 1))
    strict = make_project(home)
    version = send(strict, make_counts("2024-02-28", 2))
    assert settle_version(strict, version, by="ana", now=NOW).status == "accepted"
    assert [turn.version for turn in list_turns(strict)] == [version]
    judge_version(strict, version, now=NOW)
    assert is_stopped(strict, version)
    assert list_turns(strict) == []
    assert not is_stopped(strict, "v00000003")
