"""Slices: jobs see what is configured, minimal histories give the same forecasts, scoring keeps its time scale."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loopcast.errors import CallerError, NotFoundError
from loopcast.loop.judging.accuracy import CELLS, read_accuracy
from loopcast.loop.minimal import describe_minimal
from loopcast.loop.project import Project
from loopcast.loop.slices import read_slice
from loopcast.loop.zoos.experiment import LEADERBOARDS
from loopcast.loop.zoos.forces import FORECASTS
from made_use_case import PANEL_YAML, YAML, make_counts, make_project, make_sales, take_turn
from minimal_updates import forecast_new, import_zoo, only

IMPUTED = "preprocessing: {imputation: {method: linear, max_gap: 6, variables: {promotion: {method: locf}}}}"
DAILY = "preprocessing: {time_scale: {frequency: D, aggregation: {default: sum}}}"


def configured(folder: Path, preprocessing: str, *, yaml: str | None = None, name: str = "counts") -> Project:
    text = (yaml or YAML.format(name=name)).replace("policies: {", f"policies: {{retrain: never, {preprocessing}, ")
    return make_project(folder, yaml=text, name=name)


def drilled(start: str, days: int, *, seed: int = 3) -> pd.DataFrame:
    rows, rng = make_counts(start, days), np.random.default_rng(seed)
    rows.loc[rows.index[1:-1][rng.random(len(rows) - 2) < 0.05], "count"] = np.nan
    return rows


@pytest.fixture(scope="module")
def imputed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = configured(tmp_path_factory.mktemp("imputed"), IMPUTED)
    take_turn(project, drilled("2024-01-01", 120))
    take_turn(project, drilled("2024-04-30", 2, seed=4))
    return project


def test_a_slice_tells_what_was_imputed_and_versions_stay_as_they_are(imputed: Project) -> None:
    seen = read_slice(imputed, "v00000002", for_job="build").frame
    raw = imputed.store.versions.read("v00000002")
    gaps = raw["count"].isna()
    assert seen["count"].isna().sum() == 0
    assert seen.loc[seen["count_was_imputed"], "at"].tolist() == raw.loc[gaps, "at"].tolist()
    assert not seen["promotion_was_imputed"].any()


def test_the_forecast_pins_the_configuration_and_the_zoo_keeps_it(imputed: Project) -> None:
    manifest = imputed.store.outputs.manifest(FORECASTS, "v00000002")
    built = imputed.store.outputs.manifest(LEADERBOARDS, "b0001")
    assert manifest is not None
    assert built is not None
    chosen = imputed.use_case.zoo.preprocessing.to_document()
    assert manifest.pins["preprocessing"] == built.pins["configuration"]["preprocessing"] == chosen
    assert any("missing values are imputed" in note for note in manifest.facts["notes"])


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hour=st.integers(0, 30), length=st.integers(1, 8))
def test_with_imputation_the_minimal_history_gives_the_same_digest(
    imputed: Project, tmp_path_factory: pytest.TempPathFactory, hour: int, length: int
) -> None:
    whole, less = (configured(tmp_path_factory.mktemp("store"), IMPUTED) for _ in range(2))
    rows = imputed.store.versions.read("v00000002")
    edge = rows.index[rows["at"] >= pd.Timestamp("2024-05-01 23:00") - pd.Timedelta(hours=2183)][0]
    rows.loc[rows.index[edge - hour % 5 : edge - hour % 5 + length], "count"] = np.nan  # a gap over the oldest row
    rows.loc[rows.index[-40 + hour : -40 + hour + length], "count"] = np.nan
    rows.loc[rows.index[-1], "count"] = 100.0
    import_zoo(imputed, whole)
    made = forecast_new(whole, rows)
    import_zoo(imputed, less)
    assert forecast_new(less, only(rows, whole)).manifest.digest == made.manifest.digest


def test_the_slice_of_a_forecast_is_the_minimal_history(imputed: Project) -> None:
    seen = read_slice(imputed, "v00000002", for_job="predict")
    count = seen.frame.dropna(subset=["count"])
    row = describe_minimal(imputed)[0]
    assert (count["at"].min(), count["at"].max(), len(count)) == (row["from"], row["to"], 13 * 168)
    assert seen.rows_read == 13 * 168 + 7


def test_at_an_earlier_origin_nothing_later_is_seen(imputed: Project) -> None:
    origin = pd.Timestamp("2024-04-20 12:00")
    for job in ("build", "predict"):
        seen = read_slice(imputed, "v00000002", for_job=job, origin=origin).frame
        assert seen.loc[seen["count"].notna(), "at"].max() == origin
        assert seen["at"].max() > origin  # promotions are known ahead
    with pytest.raises(CallerError, match="origin"):
        read_slice(imputed, "v00000002", for_job="build", origin=pd.Timestamp("2020-01-01"))


def test_without_a_zoo_there_is_no_slice_of_a_forecast(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    take_turn(project, b"at,count\nno time,many\n")
    with pytest.raises(NotFoundError, match="in force"):
        read_slice(project, "v00000001", for_job="predict")


def test_days_are_forecast_and_judged_from_hours(tmp_path: Path) -> None:
    project = configured(tmp_path / "home", DAILY)
    take_turn(project, make_counts("2024-01-01", 120))
    half = make_counts("2024-04-30", 1)
    take_turn(project, half.head(12))
    take_turn(project, half.tail(12))
    outputs = project.store.outputs
    made = outputs.read(FORECASTS, "v00000001")
    assert made["timestamp"].tolist() == [pd.Timestamp("2024-04-30")]
    cells = {version: outputs.read(CELLS, version) for version in ("v00000002", "v00000003")}
    assert cells["v00000002"].empty  # the day is not over
    assert cells["v00000003"]["actual"].tolist() == pytest.approx([half["count"].sum()] * 2)
    assert read_accuracy(project)["n"] == 2
    rows = project.store.versions.read("v00000003")
    (count, _) = describe_minimal(project)
    assert (count["rows"], count["to"]) == (105 * 24, pd.Timestamp("2024-04-30 23:00"))
    other = configured(tmp_path / "other", DAILY)
    import_zoo(project, other)
    known = outputs.manifest(FORECASTS, "v00000003")
    assert known is not None
    assert forecast_new(other, only(rows, project)).manifest.digest == known.digest


def test_a_filter_and_a_choice_of_columns_leave_the_rest_out(tmp_path: Path) -> None:
    chosen = "preprocessing: {filter: {shop: [a]}, columns: [], rows: {last: 140}}"
    project = configured(tmp_path, chosen, yaml=PANEL_YAML, name="shops")
    take_turn(project, make_sales("2024-01-01", 150))
    take_turn(project, make_sales("2024-05-30", 1))
    made = project.store.outputs.read(FORECASTS, "v00000002")
    assert set(made["shop"]) == {"a"}
    assert list(read_slice(project, "v00000002", for_job="build").frame.columns)[3:] == ["sales", "sales_was_imputed"]
    assert len(read_slice(project, "v00000002", for_job="build").frame) == 2 * 140
    assert set(project.store.outputs.read(CELLS, "v00000002")["shop"]) == {"a"}
