"""Exports: what is read back is what is stored, and sent as an update it makes the same dataset again."""

import gzip
import io
from pathlib import Path

import pandas as pd
import pytest

from loopcast.errors import CallerError, NotFoundError
from loopcast.loop.export import TABLES, FileKind, iter_table, write_frames
from loopcast.loop.project import Project
from made_use_case import NOW, PANEL_YAML, YAML, make_counts, make_project, make_sales, send


def export(project: Project, table: str = "dataset", *, kind: str = "csv", **options: object) -> bytes:
    sink = io.BytesIO()
    write_frames(iter_table(project, table, **options), sink, kind=FileKind(kind))  # type: ignore[arg-type]
    return sink.getvalue()


def settle(project: Project, content: object, name: str = "update.csv") -> str:
    version = send(project, content, name=name)  # type: ignore[arg-type]
    record = project.store.versions.settle(version, now=NOW)
    assert record.status == "accepted", project.store.versions.refusal(version).summary()
    return record.state_digest


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet"])
def test_a_version_that_is_exported_and_sent_elsewhere_has_the_same_digest(tmp_path: Path, kind: str) -> None:
    shops = make_project(tmp_path / "a", yaml=PANEL_YAML, name="shops")
    sales = make_sales("2024-01-01", 30)
    sales.loc[3, "sales"] = 0.1 + 0.2
    digest = settle(shops, sales.drop(index=7))
    settle(shops, make_sales("2024-01-01", 1))
    other = make_project(tmp_path / "b", yaml=PANEL_YAML, name="shops")
    assert settle(other, export(shops, kind=kind, version="v00000001"), name=f"x.{kind}") == digest


def test_local_times_have_their_offset_and_come_back_as_the_same_moments(tmp_path: Path) -> None:
    yaml = YAML.format(name="counts").replace("frequency: h", "frequency: h\n  time_zone: Europe/Copenhagen")
    project = make_project(tmp_path / "a", yaml=yaml)
    hours = pd.date_range("2024-10-26 22:00", periods=6, freq="h", tz="UTC")  # over the end of summer time
    digest = settle(project, pd.DataFrame({"at": hours.strftime("%Y-%m-%dT%H:%MZ"), "count": range(6)}))
    local = export(project, is_local=True)
    times = [line.split(b",")[0] for line in local.splitlines()]
    assert times[3:5] == [b"2024-10-27T02:00:00+0200", b"2024-10-27T02:00:00+0100"]
    assert settle(make_project(tmp_path / "b", yaml=yaml), local) == digest
    assert export(project).splitlines()[1].startswith(b"2024-10-26T22:00:00+0000,")
    frame = pd.read_parquet(io.BytesIO(export(project, kind="parquet", is_local=True)))
    assert str(frame["at"].dtype) == "datetime64[us, Europe/Copenhagen]"
    assert frame["at"].tolist() == hours.tolist()


@pytest.mark.parametrize("table", TABLES)
def test_every_table_reads_back_from_every_kind_of_file(played: Project, table: str) -> None:
    exact = pd.read_parquet(io.BytesIO(export(played, table, kind="parquet")))
    text = export(played, table)
    assert gzip.decompress(export(played, table, kind="csv.gz")) == text
    read = pd.read_csv(io.BytesIO(text), float_precision="round_trip")
    assert (read.columns.tolist(), len(read)) == (exact.columns.tolist(), len(exact))
    for name in exact.select_dtypes("number"):
        assert read[name].fillna(-1).tolist() == exact[name].fillna(-1).tolist()
    for name in exact.select_dtypes("datetime64"):
        assert pd.to_datetime(read[name], format="ISO8601").tolist() == exact[name].tolist()


def test_forecasts_are_those_of_one_version_or_all(played: Project) -> None:
    stored = played.store.outputs.read("forecasts", "v00000002")
    one = pd.read_parquet(io.BytesIO(export(played, "forecasts", kind="parquet", version="v00000002")))
    pd.testing.assert_frame_equal(one[stored.columns.tolist()], stored)
    assert set(one["forecast_version"]) == {"v00000002"}
    every = pd.read_parquet(io.BytesIO(export(played, "forecasts", kind="parquet")))
    assert every["forecast_version"].unique().tolist() == ["v00000001", "v00000002", "v00000003"]


def test_a_table_without_rows_has_its_columns(empty: Project) -> None:
    for table in set(TABLES) - {"dataset"}:
        assert len(export(empty, table).splitlines()) == 1
        assert len(pd.read_parquet(io.BytesIO(export(empty, table, kind="parquet")))) == 0


def test_text_that_would_run_is_marked_in_csv_and_exact_in_parquet(empty: Project) -> None:
    upload = make_counts("2024-01-01", 1)
    version = send(empty, upload, name="=1+1.csv")
    empty.store.versions.settle(version, now=NOW)
    assert b"'=1+1.csv" in export(empty, "versions")
    assert pd.read_parquet(io.BytesIO(export(empty, "versions", kind="parquet")))["file"].tolist() == ["=1+1.csv"]


def test_what_cannot_be_exported_is_said(played: Project, empty: Project) -> None:
    with pytest.raises(CallerError, match="has no time zone"):
        export(played, is_local=True)
    with pytest.raises(CallerError, match="one table over all versions"):
        export(played, "versions", version="v00000001")
    with pytest.raises(NotFoundError, match=r"nothing of v00000009; it has .*v00000003"):
        export(played, "forecasts", version="v00000009")
    with pytest.raises(NotFoundError, match="has no version yet"):
        export(empty)
