"""Delivery: what the warehouse holds is what the lake holds, whether it came piece by piece or at once."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from loopcast.loop.forget import erase_rows, make_request
from loopcast.loop.judging.accuracy import CELLS
from loopcast.loop.judging.decisions import list_decisions
from loopcast.loop.production import forecast_version
from loopcast.loop.project import Project
from loopcast.loop.quarantine import make_resubmission
from loopcast.loop.tables import iter_dataset
from loopcast.loop.warehouse import Delivery, deliver
from loopcast.loop.zoos.forces import FORECASTS, ZooChoice
from made_use_case import NOW, PANEL_YAML, make_counts, make_project, make_sales, send, take_turn

TABLES = [
    "accuracy", "accuracy_summary", "dataset", "decisions", "forecasts", "latest_accuracy", "latest_forecast",
    "leaderboard", "quarantine", "versions",
]  # fmt: skip
BAD = b"at,count\n2024-02-28 00:00,-1\n"


@pytest.fixture
def connection() -> Iterator[Any]:
    with duckdb.connect() as connection:
        yield connection


def read(connection: Any, table: str, schema: str = "counts") -> pd.DataFrame:
    frame = connection.sql(f"SELECT * FROM {schema}.{table}").to_arrow_table().to_pandas()  # noqa: S608
    return frame.sort_values(list(frame.columns), ignore_index=True)


def deliver_fresh(project: Project) -> tuple[Any, Delivery]:
    connection = duckdb.connect()
    return connection, deliver(project, connection)


def assert_as_if_fresh(project: Project, connection: Any) -> None:
    fresh, _ = deliver_fresh(project)
    for table in TABLES:
        pd.testing.assert_frame_equal(read(connection, table, project.name), read(fresh, table, project.name))
    fresh.close()


def test_the_tables_are_what_the_store_reads(played: Project, connection: Any) -> None:
    made = deliver(played, connection)
    assert (made.version, made.is_full, made.tables["table"].tolist()) == ("v00000003", True, TABLES)
    outputs, versions = played.store.outputs, played.store.versions
    pd.testing.assert_frame_equal(read(connection, "dataset"), versions.read("v00000003"))
    forecasts = read(connection, "forecasts")
    for version in ("v00000001", "v00000002", "v00000003"):
        mine = forecasts[forecasts["forecast_version"] == version].drop(columns=["forecast_version", "zoo"])
        pd.testing.assert_frame_equal(mine.reset_index(drop=True), outputs.read(FORECASTS, version))
    assert set(forecasts["zoo"]) == {"z0001"}
    cells = read(connection, "accuracy")
    assert len(cells) == sum(len(outputs.read(CELLS, version)) for version in outputs.partitions(CELLS))
    summary = read(connection, "accuracy_summary").set_index("report")
    facts = outputs.manifest(CELLS, "v00000002").facts
    assert summary.loc["v00000002", "mae"] == facts["mae"]
    assert summary.loc["v00000002", "naive_mae"] == min(v for k, v in facts.items() if k.startswith("mae_seasonal"))
    assert read(connection, "versions")["version"].tolist() == versions.claims()
    assert read(connection, "versions")["state_digest"].tolist() == [r.state_digest for r in versions.records()]
    assert read(connection, "decisions")["reason"].tolist() == list_decisions(played)["reason"].tolist()
    assert read(connection, "leaderboard").sort_values("rank")["member"].tolist() == (
        outputs.read("leaderboards", "b0001")["member"].tolist()
    )


def test_delivered_again_nothing_changes(played: Project, connection: Any) -> None:
    deliver(played, connection)
    again = deliver(played, connection)
    assert (again.is_full, again.changed) == (False, ())
    assert_as_if_fresh(played, connection)


def test_piece_by_piece_is_the_same_as_at_once_through_refusals_and_repairs(project: Project, connection: Any) -> None:
    deliver(project, connection)
    refused = take_turn(project, BAD)
    assert deliver(project, connection).changed == ("versions", "quarantine")
    assert_as_if_fresh(project, connection)
    good = make_counts("2024-02-28", 1).to_csv(index=False).encode()
    upload = make_resubmission(project, refused, file=("a.csv", good), actor="ben", now=NOW)
    version = project.store.versions.claim(upload, now=NOW).version
    project.store.versions.settle(version, now=NOW)
    forecast_version(project, version, now=NOW)
    made = deliver(project, connection)
    assert set(made.changed) == {"dataset", "forecasts", "versions", "quarantine"}
    assert read(connection, "quarantine")["resubmitted_as"].tolist() == [version]
    assert_as_if_fresh(project, connection)


def test_a_forecast_written_again_takes_the_place_of_the_first_one(project: Project, connection: Any) -> None:
    deliver(project, connection)
    outputs = project.store.outputs
    other = outputs.read(FORECASTS, "v00000002").assign(forecast=lambda f: (f["lower"] + f["upper"]) / 2)
    outputs.write(FORECASTS, "v00000002", other, pins={"zoo": "z0009"}, now=NOW)
    assert deliver(project, connection).changed == ("forecasts",)
    assert_as_if_fresh(project, connection)
    assert forecast_version(project, "v00000001", now=NOW, choice=ZooChoice.current) is not None
    assert deliver(project, connection).changed == ()  # the same zoo says the same


def test_what_is_gone_from_the_lake_goes_from_the_warehouse(project: Project, connection: Any) -> None:
    deliver(project, connection)
    lake = Path(project.settings.lake)
    shutil.rmtree(lake / "counts" / FORECASTS / "v00000002")
    assert deliver(project, connection).changed == ("forecasts",)
    assert "v00000002" not in set(read(connection, "forecasts")["forecast_version"])
    assert_as_if_fresh(project, connection)


def test_another_history_in_the_lake_makes_everything_anew(played: Project, tmp_path: Path, connection: Any) -> None:
    deliver(played, connection)
    other = make_project(tmp_path / "other")
    other.store.versions.settle(send(other, make_counts("2024-03-01", 1)), now=NOW)
    made = deliver(other, connection)
    assert (made.is_full, made.version) == (True, "v00000001")
    assert_as_if_fresh(other, connection)


def test_an_erasure_makes_everything_anew(project: Project, connection: Any) -> None:
    deliver(project, connection)
    first = read(connection, "dataset")["at"].min()
    request = make_request(project, series=None, start=first, end=first, actor="ana", reason="asked for")
    erase_rows(project, request, salt="s", now=NOW)
    assert deliver(project, connection).is_full
    assert read(connection, "dataset")["at"].min() > first
    assert_as_if_fresh(project, connection)
    assert not deliver(project, connection).is_full


def test_two_use_cases_share_the_file_and_leave_each_other_alone(
    played: Project, tmp_path: Path, connection: Any
) -> None:
    shops = make_project(tmp_path, yaml=PANEL_YAML, name="shops")
    take_turn(shops, make_sales("2024-01-01", 120))
    deliver(played, connection)
    deliver(shops, connection)
    deliver(shops, connection, fresh=True)
    assert_as_if_fresh(played, connection)
    assert_as_if_fresh(shops, connection)
    latest = read(connection, "latest_forecast", "shops")
    assert len(latest) == len(latest.drop_duplicates(["region", "shop", "timestamp"])) == 21


def test_an_empty_use_case_has_all_tables_and_no_rows(empty: Project, connection: Any) -> None:
    made = deliver(empty, connection)
    assert (made.version, made.tables["table"].tolist(), made.tables["rows"].sum()) == (None, TABLES, 0)
    assert read(connection, "dataset").columns.tolist() == ["at", "count", "promotion"]


def test_a_large_dataset_is_read_span_by_span(played: Project) -> None:
    whole = played.store.versions.read("v00000003")
    parts = list(iter_dataset(played, "v00000003", rows_at_once=100))
    assert len(parts) > 5
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), whole)
