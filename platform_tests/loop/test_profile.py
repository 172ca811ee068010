"""The profile of versions: planted faults are named, clean data are not, odd data do no harm."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from loopcast.errors import DataError, NotFoundError
from loopcast.loop.profile import CONTROLS, PROFILES, profile_version
from loopcast.loop.project import Project
from loopcast.loop.stage_checks import check_profile
from made_use_case import NOW, PANEL_YAML, make_counts, make_project, make_sales, send

HISTORY, SEED = 90, 1


def settle(project: Project, content: pd.DataFrame | bytes) -> str:
    version = send(project, content, name=f"{project.store.versions.next_key()}.csv")
    project.store.versions.settle(version, now=NOW)
    return version


def rules(project: Project, version: str) -> set[tuple[str, str]]:
    control = profile_version(project, version, now=NOW).fitness.control
    return set(zip(control["variable"], control["rule"], strict=True))


def day(number: int = 0) -> pd.DataFrame:
    return make_counts(str(pd.Timestamp("2024-01-01") + pd.Timedelta(days=HISTORY + number)), 1, seed=SEED)


@pytest.fixture
def started(empty: Project) -> Project:
    settle(empty, make_counts("2024-01-01", HISTORY, seed=SEED))
    return empty


def test_nothing_is_named_on_clean_days(started: Project) -> None:
    assert rules(started, "v00000001") == set()
    assert [rules(started, settle(started, day(number))) for number in range(5)] == [set()] * 5


def test_a_planted_jump_is_named_with_its_variable_and_hour(started: Project) -> None:
    jumped = day()
    jumped.loc[12:, "count"] += 120
    control = profile_version(started, settle(started, jumped), now=NOW).fitness.control
    named = control[control["rule"] == "individuals"].iloc[0]
    assert (named["variable"], named["timestamp"]) == ("count", pd.Timestamp("2024-03-31 12:00"))
    assert named["value"] > named["limit"]
    assert "drift_jump" in set(control["rule"])
    assert set(control["variable"]) == {"count"}


def test_a_stuck_sensor_is_named(started: Project) -> None:
    found = rules(started, settle(started, day().assign(count=101.0)))
    assert ("count", "stuck") in found
    assert {variable for variable, _ in found} == {"count"}


def test_missing_hours_are_named_and_counted_in_the_profile(started: Project) -> None:
    version = settle(started, day().drop(index=range(5, 17)))
    assert ("count", "missing") in rules(started, version)
    profile = started.store.outputs.read(PROFILES, version).set_index("variable")
    assert profile.loc["count", ["gaps", "longest_gap"]].tolist() == [1, 12]


def test_a_drifting_level_is_named_within_a_week(started: Project) -> None:
    found = [rules(started, settle(started, day(n).assign(count=lambda f, n=n: f["count"] + 3 * n))) for n in range(7)]
    assert any(rule.startswith("drift") for rules in found for _, rule in rules)


def test_a_predictor_that_stays_away_is_named_by_where_it_ends(started: Project) -> None:
    for number in range(6):
        assert rules(started, settle(started, day(number))) == set()
    version = settle(started, day(6)[["at", "count"]])
    assert rules(started, version) == {("promotion", "ends_early")}
    profile = started.store.outputs.read(PROFILES, version).set_index("variable")
    assert profile["ends_at"].to_dict() == {"count": 0.0, "promotion": -24.0}


@pytest.mark.parametrize(
    "content",
    [
        make_counts("2024-01-01", 30).iloc[:3],
        make_counts("2024-01-01", 30).assign(count=np.nan),
        make_counts("2024-01-01", 30).assign(count=5.0, promotion=0.0),
        make_counts("2024-01-01", 30).assign(promotion=np.nan),
        make_counts("2024-01-01", 30).iloc[::12],
        b"at,count\n",
    ],
    ids=["three_rows", "no_target", "constant", "no_predictor", "sparse", "empty"],
)
def test_odd_data_are_profiled_without_a_word(empty: Project, content: pd.DataFrame | bytes) -> None:
    version = settle(empty, content)
    if empty.store.versions.record(version).status == "refused":
        with pytest.raises(DataError, match="refused"):
            profile_version(empty, version, now=NOW)
        return
    made = profile_version(empty, version, now=NOW)
    assert made.fitness.control.empty
    assert (made.fitness.profile["note"] != "").any() or len(made.fitness.chart)


def test_too_short_is_said(empty: Project) -> None:
    made = profile_version(empty, settle(empty, make_counts("2024-01-01", 2)), now=NOW)
    assert made.fitness.profile["note"].tolist() == ["too short", "too short"]


def test_a_correction_of_the_newest_days_is_judged_and_one_of_long_ago_is_not(started: Project) -> None:
    late = make_counts("2024-03-30", 1).iloc[[20]].assign(count=900.0)
    early = make_counts("2024-01-02", 1).iloc[[20]].assign(count=900.0)
    assert ("count", "individuals") in rules(started, settle(started, late))
    assert ("count", "individuals") not in rules(started, settle(started, early))


def test_the_same_version_profiled_again_is_the_same(started: Project) -> None:
    version = settle(started, day())
    made = profile_version(started, version, now=NOW).manifest
    settle(started, day(1))
    assert profile_version(started, version, now=NOW).manifest == made
    assert started.store.outputs.manifest(CONTROLS, version) is not None


def test_a_profile_s_own_checks_hold_and_see_other_data_and_a_table_that_is_gone(started: Project) -> None:
    manifest = profile_version(started, "v00000001", now=NOW).manifest
    checked = check_profile(started, manifest)
    assert [rule.rule for rule in checked.inputs + checked.outputs if rule.broken] == []
    other = check_profile(started, replace(manifest, pins={**manifest.pins, "dataset": "other"}))
    assert [rule.broken for rule in other.inputs] == [0, 1]
    file = started.store.lake.local_path(manifest.file)
    assert file is not None
    file.write_bytes(b"gone")
    assert check_profile(started, manifest).outputs[0].rule == "the stored profile table can be read"


def test_a_panel_names_the_series_that_is_stuck(tmp_path_factory: pytest.TempPathFactory) -> None:
    shops = make_project(tmp_path_factory.mktemp("shops"), yaml=PANEL_YAML, name="shops")
    settle(shops, make_sales("2024-01-01", 200))
    week = make_sales("2024-07-19", 14)
    is_stuck = (week["region"] == "north") & (week["shop"] == "b")
    version = settle(shops, week.assign(sales=week["sales"].mask(is_stuck, 201.5)))
    control = profile_version(shops, version, now=NOW).fitness.control
    assert ("north / b", "stuck") in set(zip(control["series"], control["rule"], strict=True))
    assert set(control["series"]) <= {"north / b", "(all)"}
    profile = shops.store.outputs.read(PROFILES, version)
    assert set(profile["series"]) == {"(all)", "north / a", "north / b", "south / a"}


def test_a_version_that_is_not_there_is_refused(empty: Project) -> None:
    with pytest.raises(NotFoundError):
        profile_version(empty, "v00000001", now=NOW)
