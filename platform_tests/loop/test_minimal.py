"""Minimal updates: a store with nothing but the minimal history forecasts what the whole one does."""

from pathlib import Path

import pandas as pd
import pytest

from loopcast.errors import HistoryError, NotFoundError
from loopcast.loop.minimal import describe_minimal
from loopcast.loop.project import Project
from loopcast.loop.slices import read_window
from loopcast.loop.zoos.experiment import run_experiment
from loopcast.loop.zoos.forces import FORECASTS, list_in_force, open_build, read_zoo
from made_use_case import NOW, PANEL_YAML, YAML, make_counts, make_project, make_sales, take_turn
from minimal_updates import forecast_new, import_zoo, only

# What a retrain learns depends on what is there: bit for bit the same are forecasts of the same models.
PANEL_YAML = PANEL_YAML.replace("policies: {", "policies: {retrain: never, ")
YAML = YAML.replace("policies: {{", "policies: {{retrain: never, ")


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Eighteen weeks and two days, with the promotions of the next day."""
    project = make_project(tmp_path_factory.mktemp("long"), yaml=YAML.format(name="counts"))
    take_turn(project, with_next_day("2024-01-01", 126))
    take_turn(project, with_next_day("2024-05-06", 1))
    take_turn(project, with_next_day("2024-05-07", 1))
    return project


def with_next_day(start: str, days: int) -> pd.DataFrame:
    rows = make_counts(start, days + 1)
    rows.loc[rows.index[-24:], "count"] = float("nan")
    return rows


def test_the_minimal_history_gives_the_same_digest_in_another_store_and_one_row_less_is_refused(
    long: Project, tmp_path: Path
) -> None:
    whole = long.store.versions.read("v00000003")
    minimal = only(whole, long)
    assert len(minimal) == 13 * 168 + 24
    other = make_project(tmp_path / "other", yaml=YAML.format(name="counts"))
    import_zoo(long, other)
    made, known = forecast_new(other, minimal), long.store.outputs.manifest(FORECASTS, "v00000003")
    assert known is not None
    assert made.manifest.digest == known.digest
    assert made.prediction.notes == ()
    less = make_project(tmp_path / "less", yaml=YAML.format(name="counts"))
    import_zoo(long, less)
    with pytest.raises(HistoryError, match="count up to 2024-02-07 00:00:00"):
        forecast_new(less, minimal.iloc[1:])
    assert less.store.outputs.partitions(FORECASTS) == []


def test_the_horizon_of_a_predictor_known_ahead_is_owed_where_the_zoo_was_built_with_it(
    long: Project, tmp_path: Path
) -> None:
    other = make_project(tmp_path / "other", yaml=YAML.format(name="counts"))
    import_zoo(long, other)
    minimal = only(long.store.versions.read("v00000003"), long)
    with pytest.raises(HistoryError, match="promotion at 2024-05-08 23:00:00"):
        forecast_new(other, minimal.iloc[:-1])


def test_a_forecast_reads_the_window_and_as_far_before_it_as_a_gap_is_filled(long: Project) -> None:
    record = long.store.versions.record("v00000003")
    seen = read_window(long, record, read_zoo(long, list_in_force(long)[-1].digest))
    assert record.rows == (126 + 3) * 24
    before = long.use_case.policies.preprocessing.imputation.max_gap + 1
    assert seen.rows_read == len(seen.frame) == 13 * 168 + 24 + before
    first = pd.Timestamp(describe_minimal(long)[0]["from"])
    assert seen.frame["at"].iloc[0] == first - pd.Timedelta(hours=before)


def test_a_use_case_without_a_zoo_has_no_minimal_history(empty: Project, long: Project) -> None:
    with pytest.raises(NotFoundError, match="in force"):
        describe_minimal(empty)
    with pytest.raises(NotFoundError, match="z0009"):
        describe_minimal(long, "z0009")


def test_a_series_that_ended_long_ago_is_read_back_to_and_a_new_one_owes_nothing(tmp_path: Path) -> None:
    project = make_project(tmp_path / "home", yaml=PANEL_YAML, name="shops")
    sales = make_sales("2024-01-01", 300)
    ended = (sales["region"] == "south") & (sales["day"] >= "2024-08-01")
    take_turn(project, sales[~ended])
    later = make_sales("2024-10-27", 2)
    new = later[later["region"] == "south"].assign(region="west")
    made = forecast_new(project, pd.concat([later[later["region"] == "north"], new]))
    assert made.prediction.forecasts.groupby("region").size().to_dict() == {"north": 14, "south": 7, "west": 7}
    assert "1 series unknown" in made.prediction.situations_unmet[0]
    twin = make_project(tmp_path / "twin", yaml=PANEL_YAML, name="shops")
    import_zoo(project, twin)
    rows = only(project.store.versions.read("v00000002"), project)
    assert len(rows) < 0.9 * project.store.versions.record("v00000002").rows
    assert forecast_new(twin, rows).manifest.digest == made.manifest.digest


def test_a_build_says_how_much_history_it_had(empty: Project) -> None:
    version = take_turn(empty, make_counts("2024-01-01", 56))
    build = open_build(empty, version=version, rule="test", reason="asked for", now=NOW)
    made = run_experiment(empty, build.build, now=NOW)
    assert (made.periods, made.recommended) == (56 * 24, 13 * 168 + 7 * 24 + 24)


def test_with_a_time_zone_and_stamps_at_the_end_of_periods_it_is_the_same(tmp_path: Path) -> None:
    text = YAML.format(name="counts").replace(
        "timestamp: at", "timestamp: at\n  timestamp_marks: end\n  time_zone: Europe/Copenhagen"
    )
    project, other = (make_project(tmp_path / name, yaml=text) for name in ("home", "other"))
    rows = with_next_day("2024-01-01", 126)
    stamps = pd.date_range(end="2024-05-07 22:00", periods=len(rows), freq="h", tz="UTC")  # midnight in Copenhagen
    take_turn(project, rows.assign(at=stamps.strftime("%Y-%m-%dT%H:%M+00:00")))
    count, promotion = describe_minimal(project)
    assert str(promotion["to"]) == str(pd.Timestamp(stamps[-1]).tz_convert("Europe/Copenhagen"))
    assert (count["rows"], promotion["rows"]) == (13 * 168, 168 + 24)
    whole = project.store.versions.read("v00000001")
    minimal = only(whole, project)
    assert len(minimal) == 13 * 168 + 24 - 1  # one local hour in March is not there
    import_zoo(project, other)
    made = forecast_new(other, minimal.assign(at=minimal["at"].dt.strftime("%Y-%m-%dT%H:%M+00:00")))
    known = project.store.outputs.manifest(FORECASTS, "v00000001")
    assert known is not None
    assert made.manifest.digest == known.digest
