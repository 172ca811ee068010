"""Planted causes of changes are ranked first, every view sums to what is stored, and what cannot be told is said."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loopcast.errors import CallerError, DataError, NotFoundError
from loopcast.loop.explaining.explanation import explain_cells, find_previous
from loopcast.loop.explaining.point import View, describe_point, explain_point, list_effects
from loopcast.loop.explaining.root_cause import POINTS, ROOT_CAUSES, list_steps, trace_version
from loopcast.loop.forget import erase_rows, make_request
from loopcast.loop.production import forecast_version
from loopcast.loop.project import Project
from loopcast.loop.stage_checks import check_root_cause
from loopcast.loop.zoos.forces import FORECASTS, ZooChoice
from loopcast.reflection.root_cause import sum_parts, view_predictors
from made_use_case import (
    NOW,
    PANEL_YAML,
    YAML,
    make_counts,
    make_project,
    make_sales,
    put_another_in_force,
    send,
    take_turn,
)

AT = pd.Timestamp("2024-02-27 10:00")


@pytest.fixture(scope="module")
def two_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A use case that forecasts two days ahead, so that each hour is forecast twice: eight weeks, and a zoo.

    The models stay as they were built: what a retrain changes is another model too.
    """
    folder = tmp_path_factory.mktemp("two_days")
    yaml = YAML.format(name="counts").replace("horizon: 1D", "horizon: 2D")
    project = make_project(folder, yaml=yaml.replace("policies: {", "policies: {retrain: never, "))
    take_turn(project, make_counts("2024-01-01", 56))
    return folder


@pytest.fixture
def project(two_days: Path, tmp_path: Path) -> Project:
    """A copy, free to be changed."""
    shutil.copytree(two_days, tmp_path / "home")
    return make_project(tmp_path / "home")


def change_of(project: Project, at: pd.Timestamp = AT) -> tuple[list[str], str]:
    """Return the parts of a point's change, largest first, and the variable that moved the first one most."""
    found = explain_point(project, at)
    assert found.made.changes is not None
    before = found.previous["previous_forecast"].iloc[0]
    total = found.cell["forecast"].iloc[0] - before
    assert found.made.changes["contribution"].sum() == pytest.approx(total, abs=1e-9)
    parts = sum_parts(found.made.changes)
    first = found.made.changes[found.made.changes["part"] == parts["part"].iloc[0]]
    return parts["part"].tolist(), view_predictors(first)["variable"].iloc[0]


def test_a_day_that_is_not_like_the_others_is_the_new_data_that_moved_the_forecast(project: Project) -> None:
    take_turn(project, make_counts("2024-02-26", 1).assign(count=lambda day: day["count"] + 60))
    assert change_of(project) == (["new data"], "count")


def test_a_corrected_cell_is_ranked_first_and_named(project: Project) -> None:
    sent = make_counts("2024-02-25", 2)
    sent.loc[15, "count"] += 400
    take_turn(project, sent[sent.index.isin([15]) | (sent["at"] >= "2024-02-26")])
    at = pd.Timestamp("2024-02-27 15:00")
    parts, variable = change_of(project, at)
    assert (set(parts), variable) == ({"corrected data", "new data"}, "count")
    found = explain_point(project, at)
    effects = list_effects(project, found)
    assert effects[["column", "at"]].iloc[0].tolist() == ["count", pd.Timestamp("2024-02-25 15:00")]
    corrected = found.made.changes.query("part == 'corrected data'")["contribution"].sum()
    assert effects["contribution"].sum() == pytest.approx(corrected, abs=1e-9)


def test_a_predictor_s_jump_is_ranked_first(project: Project) -> None:
    ahead = make_counts("2024-02-27", 1)[["at", "promotion"]]
    take_turn(project, ahead.assign(promotion=0.0))
    take_turn(project, ahead.assign(promotion=1.0))
    assert change_of(project) == (["corrected data"], "promotion")


def test_another_zoo_on_the_same_version_is_another_model_and_nothing_else(project: Project) -> None:
    version = take_turn(project, make_counts("2024-02-26", 1))
    put_another_in_force(project, version)
    forecast_version(project, version, now=NOW, choice=ZooChoice.current)
    assert change_of(project)[0] == ["other model"]
    take_turn(project, make_counts("2024-02-27", 1))
    assert "other model" not in change_of(project, pd.Timestamp("2024-02-28 10:00"))[0]


def test_new_data_and_another_model_are_told_apart(project: Project) -> None:
    put_another_in_force(replace(project, use_case=_with_more_windows(project)), "v00000001")
    take_turn(project, make_counts("2024-02-26", 1).assign(count=lambda day: day["count"] + 60))
    parts, _ = change_of(project)
    assert parts == ["new data", "other model"]


def _with_more_windows(project: Project) -> object:
    policies = project.use_case.policies.model_copy(update={"n_windows": 14})
    return project.use_case.model_copy(update={"policies": policies})


def test_every_cell_of_a_version_sums_to_the_forecast_and_to_its_change(project: Project) -> None:
    take_turn(project, make_counts("2024-02-26", 1))
    version = take_turn(project, make_counts("2024-02-27", 1))
    manifest = project.store.outputs.manifest(FORECASTS, version)
    cells = project.store.outputs.read(FORECASTS, version).set_index("timestamp", drop=False)
    previous = find_previous(project, manifest, cells.reset_index(drop=True))
    made = explain_cells(project, manifest, cells.reset_index(drop=True), previous=previous)
    sums = made.terms.groupby("timestamp")["contribution"].sum()
    assert np.abs(sums - cells["forecast"]).max() < 1e-9
    known = previous.set_index("timestamp")["previous_forecast"]
    assert set(previous["previous_version"]) == {"v00000002"}
    assert len(known) == 24
    changes = made.changes.groupby("timestamp")["contribution"].sum()
    assert np.abs(changes - (cells["forecast"] - known).dropna()).max() < 1e-9


def test_the_sharpest_points_are_written_bounded_and_checked(project: Project) -> None:
    jumped = make_counts("2024-02-26", 1).assign(count=lambda day: day["count"] + 200 * (day["at"].dt.hour == 9))
    version = take_turn(project, jumped)
    made = trace_version(project, version, now=NOW)
    assert len(made.points) <= 10
    first = made.points.iloc[0]
    assert (first["forecast_version"], first["timestamp"]) == ("v00000001", pd.Timestamp("2024-02-26 09:00"))
    assert first["explanation"].startswith("missed its actual by +")
    assert {"error", "change"} <= {reason for reasons in made.points["reason"] for reason in reasons.split(", ")}
    assert "since v00000001: new data" in made.points.query("previous_version != ''")["explanation"].iloc[0]
    sums = made.causes[made.causes["view"] == "term"].groupby("rank")["contribution"].sum()
    assert sums.to_numpy() == pytest.approx(made.points["forecast"].to_numpy(), abs=1e-9)
    assert not [rule for rule in check_root_cause(project, made.manifest).outputs if rule.broken]
    assert trace_version(project, version, now=NOW).manifest == made.manifest
    title, steps = list_steps(made, project.store.spec)
    assert title.startswith("count at 2024-02-26 09:00, term by term; actual ")
    assert steps["after"].iloc[-1] == pytest.approx(first["forecast"])


def test_the_check_finds_causes_that_do_not_add_up(project: Project) -> None:
    made = trace_version(project, "v00000001", now=NOW)
    wrong = made.causes.assign(contribution=made.causes["contribution"] + 1.0)
    manifest = project.store.outputs.write(ROOT_CAUSES, "v00000001", wrong, pins=made.manifest.pins, now=NOW)
    broken = {rule.rule for rule in check_root_cause(project, manifest).outputs if rule.broken}
    assert broken == {"the causes of each term view sum to what they explain"}
    other = replace(manifest, pins={**manifest.pins, "forecast": "0" * 64})
    assert [rule.rule for rule in check_root_cause(project, other).inputs if rule.broken]


def test_a_first_forecast_has_no_predecessor(project: Project) -> None:
    found = explain_point(project, AT, version="v00000001")
    assert (found.made.changes, len(found.previous)) == (None, 0)
    assert found.view(View.change, top=5).empty
    told = describe_point(project, found)
    assert (told["previous_version"], told["actual"], told["samples_ahead"]) == (None, None, 35)
    made = trace_version(project, "v00000001", now=NOW)
    assert set(made.causes["view"]) == {"term"}


def test_what_is_not_there_is_said_with_what_is(project: Project) -> None:
    with pytest.raises(NotFoundError, match="it goes from 2024-02-26 00:00:00 to 2024-02-27 23:00:00"):
        explain_point(project, pd.Timestamp("2025-01-01"))
    with pytest.raises(NotFoundError, match="no settled version v00000009"):
        explain_point(project, AT, version="v00000009")
    refused = take_turn(project, b"at,count\n2024-02-26 00:00,many\n")
    with pytest.raises(DataError, match=r"v00000002 is refused: .* Explain v00000001, its parent"):
        explain_point(project, AT, version=refused)
    with pytest.raises(CallerError, match="counts has one series; leave out --series"):
        explain_point(project, AT, series=[{"shop": "a"}])
    waiting = send(project, make_counts("2024-02-26", 1))
    project.store.versions.settle(waiting, now=NOW)
    with pytest.raises(NotFoundError, match="no forecast of v00000003"):
        explain_point(project, AT, version=waiting)


def test_erased_data_are_said_to_be_erased(project: Project) -> None:
    take_turn(project, make_counts("2024-02-26", 1))
    day = {
        "start": pd.Timestamp("2024-02-20"),
        "end": pd.Timestamp("2024-02-20 23:00"),
        "actor": "ana",
        "reason": "asked for",
    }
    erase_rows(project, make_request(project, series=None, **day), salt="s", now=NOW)
    with pytest.raises(NotFoundError, match="some were erased since"):
        explain_point(project, AT, version="v00000001")
    trace = trace_version(project, "v00000002", now=NOW)
    assert trace.points.empty
    assert "v00000002: found other rows in v00000002 than its forecast was made from" in "; ".join(trace.notes)


def test_rows_without_which_no_forecast_is_made_are_said_to_be_erased_too(project: Project) -> None:
    span = {
        "start": pd.Timestamp("2024-01-01"),
        "end": pd.Timestamp("2024-02-24 23:00"),
        "actor": "ana",
        "reason": "asked",
    }
    erase_rows(project, make_request(project, series=None, **span), salt="s", now=NOW)
    with pytest.raises(NotFoundError, match="some were erased since"):
        explain_point(project, AT)


def test_times_are_asked_for_and_told_on_the_use_case_s_own_clock(tmp_path: Path) -> None:
    zone = "frequency: h\n  time_zone: Europe/Copenhagen"
    zoned = make_project(tmp_path, yaml=YAML.format(name="counts").replace("frequency: h", zone))
    take_turn(zoned, make_counts("2024-01-01", 56))
    found = explain_point(zoned, pd.Timestamp("2024-02-26 10:00"))
    assert found.cell["timestamp"].tolist() == [pd.Timestamp("2024-02-26 09:00")]
    assert describe_point(zoned, found)["timestamp"] == "2024-02-26 10:00:00+01:00"


def test_a_panel_s_series_is_named_and_read_alone(tmp_path: Path) -> None:
    shops = make_project(tmp_path, yaml=PANEL_YAML, name="shops")
    take_turn(shops, make_sales("2024-01-01", 200))
    take_turn(shops, make_sales("2024-07-19", 1))
    at = pd.Timestamp("2024-07-21")
    with pytest.raises(
        CallerError, match="found 3 series with a forecast; name one with --series, for instance region="
    ):
        explain_point(shops, at)
    with pytest.raises(CallerError, match="found 0 series"):
        explain_point(shops, at, series=[{"region": "west", "shop": "a"}])
    found = explain_point(shops, at, series=[{"region": "north", "shop": "b"}])
    assert found.view(View.term, top=3)["contribution"].sum() == pytest.approx(found.cell["forecast"].iloc[0], abs=1e-9)
    assert found.previous["previous_version"].tolist() == ["v00000001"]
    made = trace_version(shops, "v00000002", now=NOW)
    assert len(made.points) == 10
    assert shops.store.outputs.manifest(POINTS, "v00000002").rows == 10
    assert list_steps(made, shops.store.spec)[0].startswith(
        f"sales {' / '.join(made.points.iloc[0][['region', 'shop']])} at"
    )
