"""Production accuracy: which forecasts meet which actuals, and that none knew what it is judged on."""

import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from loopcast.loop.judging.accuracy import (
    CELLS,
    Reach,
    list_reports,
    read_accuracy,
    read_cells,
    read_report,
    score_version,
    trace_errors,
)
from loopcast.loop.judging.actuals import find_forecasts, read_actuals
from loopcast.loop.judging.decisions import list_decisions
from loopcast.loop.judging.reflect import reflect
from loopcast.loop.judging.scored import can_be_added, read_rescored
from loopcast.loop.judging.unscored import list_unscored
from loopcast.loop.production import MEMBERS, forecast_version
from loopcast.loop.project import Project
from loopcast.loop.zoos.forces import FORECASTS, ZooChoice
from loopcast.store.lake import LocalLake
from loopcast.store.store import Store
from made_use_case import NOW, PANEL_YAML, make_counts, make_project, make_sales, put_another_in_force, send, take_turn


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
    assert (before["n"], before["from"], before["to"]) == (48, "v00000001", "v00000002")
    day = make_counts("2024-02-26", 1)
    corrected = day.iloc[[5]].assign(count=500.0, _operation="upsert")
    version = take_turn(project, pd.concat([corrected, day.iloc[[6]].assign(_operation="remove")]))
    after = read_accuracy(project)
    assert after["n"] == 47
    assert after["mae"] > before["mae"]
    assert read_accuracy(project, Reach(actuals="v00000003")) == before
    assert read_accuracy(project, Reach(first="v00000002"))["n"] == 24
    assert read_accuracy(project, Reach(first=version))["n"] == 0


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


def test_the_former_scores_of_what_was_corrected_or_taken_away_are_listed_beside_the_present_ones(
    project: Project,
) -> None:
    day = make_counts("2024-02-26", 1)[["at", "count"]]
    rows = pd.concat([day.iloc[[5]].assign(count=500.0), day.iloc[[6]].assign(_operation="remove"), day.iloc[[7]]])
    version = take_turn(project, rows)
    rescored = read_rescored(project, version).set_index("timestamp")
    assert rescored.index.tolist() == day["at"].iloc[5:7].tolist()  # the eighth came again as it was
    assert rescored["former_report"].tolist() == ["v00000002"] * 2
    assert rescored["former_actual"].tolist() == day["count"].iloc[5:7].tolist()
    assert (rescored["actual"].iloc[0], rescored["actual"].isna().iloc[1]) == (500.0, True)
    assert facts(project, version)["rescored"] == 2
    told = read_report(project, version, by="bin")
    assert (told["n"], told["groups"]["n"].tolist(), len(told["rescored"])) == (2, [2, 2], 2)
    assert read_report(project, "v00000002")["rescored"].empty
    again = take_turn(project, day.iloc[[6]])
    assert read_rescored(project, again).empty  # it counts as new: before, nothing did
    assert read_accuracy(project)["n"] == 48


def test_a_forecast_made_after_its_actual_had_been_there_is_not_scored(project: Project) -> None:
    day = make_counts("2024-02-27", 1)[["at", "count"]]
    removal = take_turn(project, day.iloc[12:].assign(_operation="remove"))
    forecast = project.store.outputs.read(FORECASTS, removal)
    assert forecast["timestamp"].min() == day["at"].iloc[12]
    version = take_turn(project, pd.concat([day.iloc[12:], make_counts("2024-02-28", 1)[["at", "count"]]]))
    cells = project.store.outputs.read(CELLS, version).groupby("forecast_version")["timestamp"].agg(["min", "size"])
    assert cells["size"].to_dict() == {"v00000002": 12, "v00000003": 24, removal: 24}
    assert len(forecast) == 12 + 24
    assert cells.loc[removal, "min"] == pd.Timestamp("2024-02-28")


def test_a_report_without_its_predecessors_sums_is_read_cell_by_cell(project: Project) -> None:
    """As after an erasure, or where a report is older than sums are: adding up would be wrong, and is not done."""
    reports = list_reports(project, "v00000003")
    assert can_be_added(reports)
    later = replace(reports[1], written_at=reports[1].written_at + timedelta(hours=1))
    correction = list_reports(project, take_turn(project, make_counts("2024-02-26", 1).assign(count=9.0)))[-1]
    assert not can_be_added([reports[0], later, correction])
    assert can_be_added([reports[0], replace(later, facts={**later.facts, "touches": []}), correction])
    assert not can_be_added([replace(reports[1], rows=23)])
    assert not can_be_added([replace(reports[1], facts={"n": 24})])


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["new", "correct", "remove", "again", "empty"]), st.integers(0, 30), st.integers(1, 9)),
    min_size=1,
    max_size=6,
)


@settings(max_examples=8, deadline=None, phases=[Phase.explicit, Phase.generate], derandomize=True)
@given(actions=ACTIONS)
def test_the_sums_of_the_reports_are_what_a_naive_join_of_all_forecasts_finds(
    made_forecasts: Path, tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, int, int]]
) -> None:
    home = tmp_path_factory.mktemp("sums") / "home"
    shutil.copytree(made_forecasts, home)
    project = make_project(home, yaml=PANEL_YAML, name="shops")
    newest = pd.Timestamp(project.store.versions.newest().last_timestamp)
    ends = {}
    for number, (action, back, n) in enumerate(actions):
        now = NOW + timedelta(hours=number)
        start = newest + pd.Timedelta(days=1) if action == "new" else newest - pd.Timedelta(days=min(back, 9))
        rows = make_sales(str(start), n if action == "new" else 1 + n % 3).drop(columns="open_hours")
        newest = max(newest, rows["day"].max())
        rows = rows.assign(sales=rows["sales"] + (number if action == "correct" else 0))
        rows = rows.assign(sales=np.nan) if action == "empty" else rows
        rows = rows.assign(_operation="remove") if action == "remove" else rows
        version = send(project, rows, name=f"{number}.csv", now=now)
        project.store.versions.settle(version, now=now)
        score_version(project, version, now=now)
        ends[version] = read_accuracy(project)
    for version, found in ends.items():
        expected = join_all(project, version)
        assert found["n"] == len(expected)
        assert read_accuracy(project, Reach(actuals=version)) == found
        if len(expected):
            error = expected["forecast"] - expected["sales"]
            assert found["mae"] == pytest.approx(error.abs().mean())
            assert found["rmse"] == pytest.approx(np.sqrt((error**2).mean()))
            assert found["bias"] == pytest.approx(error.mean(), abs=1e-9)
            naive = expected["seasonal_naive_7"] - expected["sales"]
            assert found["mase"] == pytest.approx(error.abs().mean() / naive.abs().mean())
    for by in ("all", "bin", "samples_ahead", "forecast"):  # cell by cell, as any range of time is
        everything = Reach(start=datetime(2000, 1, 1))  # noqa: DTZ001 - stored times are naive
        added, read = read_accuracy(project, by=by), read_accuracy(project, everything, by=by)
        if "groups" in read:
            pd.testing.assert_frame_equal(added.pop("groups"), read.pop("groups"))
        assert added == pytest.approx(read)


def join_all(project: Project, version: str) -> pd.DataFrame:
    """Return every production forecast beside the actual of a version, the naive way."""
    outputs, frames = project.store.outputs, []
    for partition in outputs.partitions(FORECASTS):
        members = outputs.read(MEMBERS, partition).query("member == 'seasonal_naive_7'")
        said = members.rename(columns={"forecast": "seasonal_naive_7"})[
            ["region", "shop", "timestamp", "seasonal_naive_7"]
        ]
        frames.append(outputs.read(FORECASTS, partition).merge(said, on=["region", "shop", "timestamp"]))
    actuals = project.store.versions.read(version, columns=["sales"]).rename(columns={"day": "timestamp"})
    return pd.concat(frames).merge(actuals, on=["region", "shop", "timestamp"]).dropna(subset=["sales"])


@pytest.fixture(scope="module")
def made_forecasts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A panel with overlapping forecasts of a week, made on five versions, two days apart."""
    home = tmp_path_factory.mktemp("shops")
    project = make_project(home, yaml=PANEL_YAML, name="shops")
    take_turn(project, make_sales("2024-01-01", 140))
    for number in range(4):
        start = pd.Timestamp("2024-05-20") + pd.Timedelta(days=2 * number)
        version = send(project, make_sales(str(start), 2))
        project.store.versions.settle(version, now=NOW)
        forecast_version(project, version, now=NOW)
        score_version(project, version, now=NOW)
    return home


class ListingLake(LocalLake):
    """A lake that remembers which folders were listed."""

    listed: list[str]

    def list(self, prefix: str) -> list[str]:
        self.listed = [*getattr(self, "listed", []), prefix]
        return super().list(prefix)


def test_no_folder_that_grows_with_the_versions_is_listed(project: Project) -> None:
    lake = ListingLake(Path(project.settings.lake))
    store = Store.over(lake, use_case=project.name, spec=project.store.spec, code_version=project.code_version)
    watched, version = replace(project, store=store), "v00000003"
    score_version(watched, version, now=NOW)
    trace_errors(watched, until=version)
    read_cells(watched, until=version)
    list_unscored(watched, until=version)
    list_decisions(watched, last=50)
    reflect(watched, now=NOW)
    partitions = [prefix for prefix in lake.listed if prefix.count("/") == 2]
    assert partitions
    assert set(lake.listed) - set(partitions) <= {"counts/checkpoints"}  # a few, however many versions there are
