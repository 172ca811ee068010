"""The forecast of a version: by which zoo, written once, and the same when it is made again."""

from pathlib import Path

import pandas as pd
import pytest

from loopcast.errors import DataError, NotFoundError
from loopcast.loop.production import MEMBERS, forecast_version
from loopcast.loop.project import Project
from loopcast.loop.zoos.forces import FORECASTS, ZooChoice
from loopcast.schemas import forecast_schema, member_forecast_schema
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


def test_without_a_zoo_there_is_no_forecast_and_nothing_is_written(empty: Project) -> None:
    version = send(empty, make_counts("2024-01-01", 1))
    empty.store.versions.settle(version, now=NOW)
    assert forecast_version(empty, version, now=NOW) is None
    assert empty.store.outputs.partitions(FORECASTS) == []


def test_the_next_day_is_forecast_from_the_last_hour(played: Project) -> None:
    table = played.store.outputs.read(FORECASTS, "v00000003")
    forecast_schema(()).validate(table)
    member_forecast_schema(()).validate(played.store.outputs.read(MEMBERS, "v00000003"))
    assert table["timestamp"].tolist() == list(pd.date_range("2024-02-28", periods=24, freq="h"))
    assert set(table["origin"]) == {pd.Timestamp("2024-02-27 23:00")}
    assert (table["lower"] <= table["forecast"]).all()
    assert (table["forecast"] <= table["upper"]).all()


def test_a_forecast_pins_the_dataset_and_the_zoo_it_was_made_from(played: Project) -> None:
    manifest = played.store.outputs.manifest(FORECASTS, "v00000003")
    assert manifest is not None
    assert manifest.pins["dataset"] == played.store.versions.record("v00000003").state_digest
    assert (manifest.pins["version"], manifest.pins["zoo"]) == ("v00000003", "z0001")
    assert played.store.outputs.read_document("zoos", manifest.pins["zoo_digest"])
    assert (manifest.facts["covers_from"], manifest.facts["covers_to"]) == (
        "2024-02-28 00:00:00",
        "2024-02-28 23:00:00",
    )


def test_a_forecast_made_again_is_the_same_and_written_once(project: Project) -> None:
    before = project.store.outputs.manifest(FORECASTS, "v00000002")
    made = forecast_version(project, "v00000002", now=NOW.replace(year=2030))
    assert made is not None
    assert made.manifest == before
    assert len(project.store.outputs.history(FORECASTS, "v00000002")) == 1


def test_a_version_keeps_the_zoo_it_was_forecast_with_unless_the_current_one_is_asked_for(project: Project) -> None:
    assert put_another_in_force(project, "v00000003").zoo == "z0002"
    pinned = forecast_version(project, "v00000002", now=NOW)
    current = forecast_version(project, "v00000002", now=NOW, choice=ZooChoice.current)
    assert pinned is not None
    assert current is not None
    assert (pinned.zoo, current.zoo) == ("z0001", "z0002")
    assert pinned.manifest.digest != current.manifest.digest
    assert [manifest.number for manifest in project.store.outputs.history(FORECASTS, "v00000002")] == [1, 2]


def test_a_version_before_the_first_zoo_is_forecast_only_with_the_current_one(empty: Project) -> None:
    first = send(empty, make_counts("2024-01-01", 55))
    empty.store.versions.settle(first, now=NOW)
    take_turn(empty, make_counts("2024-02-25", 1))
    assert forecast_version(empty, first, now=NOW) is None
    made = forecast_version(empty, first, now=NOW, choice=ZooChoice.current)
    assert made is not None
    assert made.prediction.forecasts["timestamp"].min() == pd.Timestamp("2024-02-25")


def test_versions_that_are_not_there_or_refused_have_no_forecast(project: Project) -> None:
    with pytest.raises(NotFoundError):
        forecast_version(project, "v00000009", now=NOW)
    refused = take_turn(project, b"at,count\n2024-02-28 00:00,many\n")
    with pytest.raises(DataError, match=r"v00000004 is refused.*Forecast v00000003, its parent"):
        forecast_version(project, refused, now=NOW)
    assert project.store.outputs.manifest(FORECASTS, refused) is None


def test_every_series_of_a_panel_comes_with_its_own_last_values(tmp_path: Path) -> None:
    project = make_project(tmp_path, yaml=PANEL_YAML, name="shops")
    sales = make_sales("2024-01-01", 120)
    version = take_turn(project, sales[~((sales["shop"] == "b") & (sales["day"] < "2024-02-20"))])
    made = forecast_version(project, version, now=NOW)
    assert made is not None
    assert len(made.prediction.forecasts) == 3 * 7
    assert list(made.history.columns) == ["region", "shop", "timestamp", "value"]
    last = made.history.groupby(["region", "shop"])["timestamp"].agg(["count", "max"])
    assert last["count"].tolist() == [49, 49, 49]
    assert set(last["max"]) == {pd.Timestamp("2024-04-29")}


def test_columns_may_be_called_value_and_timestamp(tmp_path: Path) -> None:
    yaml = YAML.format(name="counts").replace("name: promotion", "name: value").replace("timestamp: at", "timestamp: t")
    project = make_project(tmp_path, yaml=yaml.replace("name: count,", "name: timestamp,"))
    names = {"at": "t", "count": "timestamp", "promotion": "value"}
    made = forecast_version(project, take_turn(project, make_counts("2024-01-01", 56).rename(columns=names)), now=NOW)
    assert made is not None
    assert list(made.history.columns) == ["timestamp", "value"]
    assert made.history["value"].iloc[-1] == make_counts("2024-02-25", 1)["count"].iloc[-1]
