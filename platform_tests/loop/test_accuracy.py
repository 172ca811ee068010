"""Production accuracy: which forecasts meet which actuals, and that none knew what it is judged on."""

import numpy as np
import pandas as pd
import pytest

from loopcast.loop.accuracy import (
    CELLS,
    find_forecasts,
    read_accuracy,
    read_actuals,
    read_cells,
    score_version,
    trace_errors,
)
from loopcast.loop.forces import FORECASTS, ZooChoice
from loopcast.loop.production import forecast_version
from loopcast.loop.project import Project
from made_use_case import NOW, make_counts, put_another_in_force, send, take_turn


def facts(project: Project, version: str) -> dict[str, float]:
    manifest = project.store.outputs.manifest(CELLS, version)
    assert manifest is not None
    return manifest.facts


def test_a_day_is_scored_on_the_forecast_of_the_evening_before(played: Project) -> None:
    forecast = played.store.outputs.read(FORECASTS, "v00000001").set_index("timestamp")["forecast"]
    actual = make_counts("2024-02-26", 1).set_index("at")["count"]
    found = facts(played, "v00000002")
    assert found["n"] == 24
    assert found["mae"] == pytest.approx(float((forecast - actual).abs().mean()))
    assert found["bias"] == pytest.approx(float((forecast - actual).mean()))
    naive = make_counts("2024-02-25", 1)["count"].to_numpy()
    assert found["mae_seasonal_naive_24"] == pytest.approx(float(np.abs(naive - actual.to_numpy()).mean()))


def test_the_first_version_has_an_empty_report(played: Project) -> None:
    assert facts(played, "v00000001")["n"] == 0
    assert played.store.outputs.read(CELLS, "v00000001").empty


def test_every_scored_cell_was_forecast_before_its_actual_was_there(played: Project) -> None:
    for version in ("v00000002", "v00000003"):
        cells = played.store.outputs.read(CELLS, version)
        assert (cells["forecast_version"] < version).all()
        assert (cells["origin"] < cells["timestamp"]).all()
        origins = {v: played.store.versions.record(v).last_timestamp for v in set(cells["forecast_version"])}
        assert all(origins[row.forecast_version] < row.timestamp for row in cells.itertuples())


def test_a_correction_is_scored_again_and_both_reports_stay(project: Project) -> None:
    before = project.store.outputs.read(CELLS, "v00000002")
    row = make_counts("2024-02-26", 1).iloc[[5]].assign(count=500.0)
    version = take_turn(project, row[["at", "count"]])
    again = project.store.outputs.read(CELLS, version)
    assert again["actual"].tolist() == [500.0]
    assert again["forecast_version"].tolist() == ["v00000001"]
    pd.testing.assert_frame_equal(project.store.outputs.read(CELLS, "v00000002"), before)
    cells = read_cells(project, until=version)
    scored = cells[cells["timestamp"] == row["at"].iloc[0]]
    assert (scored["actual"].tolist(), scored["report"].tolist()) == ([500.0], [version])
    assert len(cells) == 48


def test_accuracy_over_all_versions_uses_the_newest_actuals(project: Project) -> None:
    before = read_accuracy(project)
    assert (before["n"], before["from"], before["to"]) == (48, "v00000002", "v00000003")
    day = make_counts("2024-02-26", 1)
    corrected = day.iloc[[5]].assign(count=500.0, _operation="upsert")
    version = take_turn(project, pd.concat([corrected, day.iloc[[6]].assign(_operation="remove")]))
    after = read_accuracy(project)
    assert after["n"] == 47
    assert after["mae"] > before["mae"]
    assert read_accuracy(project, last="v00000003")["mae"] == before["mae"]
    assert read_accuracy(project, first=version)["n"] == 1


def test_without_scored_forecasts_the_accuracy_says_why(empty: Project) -> None:
    assert read_accuracy(empty)["why"] == "no forecast has met its actuals yet"
    empty.store.versions.settle(send(empty, make_counts("2024-01-01", 1)), now=NOW)
    assert read_accuracy(empty)["n"] == 0
    assert read_cells(empty, until="v00000001").empty


def test_forecasts_of_the_version_itself_and_of_later_ones_never_score(project: Project) -> None:
    actuals = make_counts("2024-02-26", 3)[["at", "count"]]
    assert find_forecasts(project, actuals, before="v00000002") == ["v00000001"]
    assert find_forecasts(project, actuals, before="v00000003") == ["v00000001", "v00000002"]
    assert find_forecasts(project, actuals.iloc[:0], before="v00000003") == []
    assert find_forecasts(project, make_counts("2024-03-20", 1), before="v00000009") == []


def test_a_report_made_again_later_is_the_same(project: Project) -> None:
    before = project.store.outputs.manifest(CELLS, "v00000002")
    take_turn(project, make_counts("2024-02-28", 1))
    assert score_version(project, "v00000002", now=NOW).manifest == before


def test_a_forecast_made_again_with_a_zoo_that_has_seen_the_actuals_is_not_scored(project: Project) -> None:
    before = facts(project, "v00000002")
    put_another_in_force(project, "v00000003")
    made = forecast_version(project, "v00000001", now=NOW, choice=ZooChoice.current)
    assert made is not None
    assert (made.zoo, made.manifest.number) == ("z0002", 2)
    again = score_version(project, "v00000002", now=NOW)
    assert again.manifest.facts == before
    version = take_turn(project, make_counts("2024-02-26", 1).assign(count=90.0)[["at", "count"]])
    first = project.store.outputs.read(FORECASTS, "v00000001", 1)
    cells = project.store.outputs.read(CELLS, version)
    assert cells["forecast"].tolist() == first["forecast"].tolist()


def test_updates_without_the_target_bring_no_actuals(project: Project) -> None:
    version = take_turn(project, make_counts("2024-02-26", 1)[["at", "promotion"]])
    assert read_actuals(project, version).empty
    assert facts(project, version)["n"] == 0


def test_removed_and_emptied_rows_bring_no_actuals(project: Project) -> None:
    day = make_counts("2024-02-26", 1)[["at", "count"]]
    rows = pd.concat([day.iloc[[0]].assign(_operation="remove"), day.iloc[[1]].assign(count=np.nan), day.iloc[[2]]])
    version = take_turn(project, rows)
    assert read_actuals(project, version)["at"].tolist() == [day["at"].iloc[2]]


def test_errors_are_traced_per_report_beside_the_naives(played: Project) -> None:
    traced = trace_errors(played, until="v00000003")
    assert set(traced["who"]) == {"forecast", "seasonal_naive_24", "seasonal_naive_168"}
    mine = traced[traced["who"] == "forecast"].set_index("version")["mae"]
    assert mine.to_dict() == {v: facts(played, v)["mae"] for v in ("v00000002", "v00000003")}
    assert set(trace_errors(played, until="v00000002")["version"]) == {"v00000002"}


@pytest.mark.parametrize("hour", pd.date_range("2024-02-25 12:00", "2024-02-29 12:00", freq="12h"))
def test_the_forecasts_found_are_those_that_cover_the_actuals(played: Project, hour: pd.Timestamp) -> None:
    actuals = pd.DataFrame({"at": [hour], "count": [1.0]})
    tables = {f"v0000000{number}": played.store.outputs.read(FORECASTS, f"v0000000{number}") for number in (1, 2)}
    covering = [version for version, table in tables.items() if table["timestamp"].between(hour, hour).any()]
    assert find_forecasts(played, actuals, before="v00000003") == covering
