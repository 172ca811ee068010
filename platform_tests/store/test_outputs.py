import numpy as np
import pandas as pd
import pytest

from loopcast.errors import CallerError, DamageError, NotFoundError
from loopcast.store.lake import LocalLake, ObjectLake
from loopcast.store.outputs import OutputStore
from loopcast.store.version_records import version_key
from store_examples import NOW

FRAME = pd.DataFrame(
    {
        "k": pd.Series(["b", None], dtype="str"),
        "t": pd.date_range("2020", periods=2, freq="h").astype("datetime64[us]"),
        "n": [1, 2],
        "x": [0.1, np.nan],
        "is_anomaly": [True, False],
    }
)


@pytest.fixture(params=["local", "memory"])
def lake(request, tmp_path):
    return LocalLake(tmp_path) if request.param == "local" else ObjectLake.in_memory()


@pytest.fixture
def outputs(lake):
    return OutputStore(lake, folder="demo")


def test_a_table_reads_back_as_it_was_written(outputs):
    manifest = outputs.write("forecast", "v00000001", FRAME, pins={"zoo": "a"}, now=NOW)
    pd.testing.assert_frame_equal(outputs.read("forecast", "v00000001"), FRAME)
    assert (manifest.number, manifest.rows, manifest.pins, manifest.written_at) == (1, 2, {"zoo": "a"}, NOW)
    assert outputs.manifest("forecast", "v00000001") == manifest


def test_the_same_content_and_pins_are_written_once(outputs):
    first = outputs.write("forecast", "v1", FRAME, pins={"zoo": "a"}, now=NOW)
    assert outputs.write("forecast", "v1", FRAME, pins={"zoo": "a"}, now=NOW) == first
    other_pins = outputs.write("forecast", "v1", FRAME, pins={"zoo": "b"}, now=NOW)
    other_rows = outputs.write("forecast", "v1", FRAME.assign(n=[1, 3]), pins={"zoo": "b"}, now=NOW)
    assert outputs.history("forecast", "v1") == [first, other_pins, other_rows]
    assert (first.file, first.digest) == (other_pins.file, other_pins.digest)
    assert outputs.read("forecast", "v1", 1)["n"].tolist() == [1, 2]
    assert outputs.read("forecast", "v1")["n"].tolist() == [1, 3]


def test_an_empty_table_and_one_without_columns_are_tables_too(outputs):
    outputs.write("a", "p", FRAME.iloc[:0], pins={}, now=NOW)
    pd.testing.assert_frame_equal(outputs.read("a", "p"), FRAME.iloc[:0])


def test_partitions_are_those_that_were_written(outputs):
    for partition in ("v2", "v1", "2026-01-01"):
        outputs.write("forecast", partition, FRAME, pins={}, now=NOW)
    outputs.write("forecasts", "v3", FRAME, pins={}, now=NOW)
    assert outputs.partitions("forecast") == ["2026-01-01", "v1", "v2"]
    assert outputs.partitions("nothing") == []
    assert outputs.manifest("forecast", "v3") is None
    with pytest.raises(NotFoundError, match="v3"):
        outputs.read("forecast", "v3")


def test_versions_are_walked_back_by_their_numbers(outputs, monkeypatch):
    for number in (1, 2, 400, 401):
        outputs.write("forecast", version_key(number), FRAME, pins={}, now=NOW)
    again = outputs.write("forecast", "v00000401", FRAME, pins={"zoo": "b"}, now=NOW)
    walked = list(outputs.walk_back("forecast", "v00000500"))
    assert [(one.partition, one.number) for one in walked] == [("v00000401", 2), ("v00000400", 1)]
    assert walked[0] == again
    assert [one.partition for one in outputs.walk_back("forecast", "v00000300", first="v00000002")] == ["v00000002"]
    monkeypatch.setattr("loopcast.store.outputs.MOST_MISSING", 397)
    assert [one.partition for one in outputs.walk_back("forecast", "v00000400")][-2:] == ["v00000002", "v00000001"]


def test_a_damaged_table_is_named_and_writing_it_again_mends_it(tmp_path):
    outputs = OutputStore(LocalLake(tmp_path), folder="demo")
    manifest = outputs.write("forecast", "v1", FRAME, pins={}, now=NOW)
    file = tmp_path / manifest.file
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(DamageError, match="is damaged"):
        outputs.read("forecast", "v1")
    outputs.write("forecast", "v1", FRAME, pins={"again": True}, now=NOW)
    pd.testing.assert_frame_equal(outputs.read("forecast", "v1", 1), FRAME)


def test_a_document_is_found_by_its_digest(outputs):
    digest = outputs.write_document("zoos", {"weights": [0.1, 1e-300], "name": "ü"})
    assert outputs.write_document("zoos", {"name": "ü", "weights": [0.1, 1e-300]}) == digest
    assert outputs.read_document("zoos", digest) == {"weights": [0.1, 1e-300], "name": "ü"}
    with pytest.raises(NotFoundError):
        outputs.read_document("zoos", "0" * 64)
    with pytest.raises(CallerError, match="no JSON"):
        outputs.write_document("zoos", {"x": float("nan")})


@pytest.mark.parametrize("name", ["", "../x", "a/b", "versions", "patches", ".x", "a b"])
def test_names_that_cannot_be_are_refused(outputs, name):
    with pytest.raises(CallerError):
        outputs.write(name, "v1", FRAME, pins={}, now=NOW)
    with pytest.raises(CallerError):
        outputs.write_document(name, {})
