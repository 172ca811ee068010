"""Data out of the command line: exports as files, and what is different in two versions."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from loopcast.cli.main import cli
from made_use_case import NOW, make_counts, make_home, make_project, send

CHANGES = b"at,count,_operation\n2024-01-01 00:00,7,\n2024-01-01 01:00,,remove\n2024-01-02 00:00,9,\n"


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


@pytest.fixture(autouse=True)
def home(tmp_path: Path) -> Iterator[Path]:
    """A home with a day, and an update that adds, corrects and removes; commands are used from an empty folder."""
    folder, here = make_home(tmp_path / "home"), tmp_path / "here"
    project = make_project(folder)
    for content in (make_counts("2024-01-01", 1), CHANGES):
        project.store.versions.settle(send(project, content), now=NOW)
    here.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOOPCAST_HOME", str(folder))
        patch.chdir(here)
        yield folder


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.csv.gz", "A.CSV"])
def test_a_version_is_written_in_the_form_that_the_name_ends_in(name: str) -> None:
    result = run("export", "counts", "--version", "v00000001", "--output", name)
    assert result.exit_code == 0, result.output
    assert result.output.startswith(f"24 rows in {name}, ")
    frame = pd.read_parquet(name) if name.endswith("parquet") else pd.read_csv(name, parse_dates=["at"])
    assert frame["count"].tolist() == make_counts("2024-01-01", 1)["count"].tolist()
    assert [path.name for path in Path().iterdir()] == [name]


def test_a_file_is_replaced_only_when_asked(home: Path) -> None:
    Path("a.csv").write_text("mine")
    refused = run("export", "counts", "--output", "a.csv")
    assert (refused.exit_code, Path("a.csv").read_text()) == (1, "mine")
    assert "found a.csv already; give another name, or --force" in str(refused.exception)
    assert run("export", "counts", "--output", "a.csv", "--force").exit_code == 0
    assert len(pd.read_csv("a.csv")) == 24


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--output", "a.xls"], "expected one in .parquet, .csv or .csv.gz, or give --format"),
        (["--output", "no/a.csv"], "expected a file's name in a folder"),
        (["--output", "a.csv", "--version", "v00000009"], "v00000009"),
        (["--output", "a.csv", "--local-time"], "has no time zone"),
        (["--output", "a.csv", "--what", "decisions", "--version", "v00000001"], "leave out the version"),
    ],
)
def test_what_cannot_be_written_is_said_and_leaves_no_file(words: list[str], told: str) -> None:
    result = run("export", "counts", *words)
    assert result.exit_code == 1
    assert told in str(result.exception)
    assert list(Path().iterdir()) == []


def test_a_kind_may_be_given_whatever_the_name() -> None:
    assert run("export", "counts", "--what", "versions", "--output", "a.txt", "--format", "csv").exit_code == 0
    assert pd.read_csv("a.txt")["version"].tolist() == ["v00000001", "v00000002"]


def test_two_versions_are_compared_cell_by_cell() -> None:
    result = run("diff", "counts", "v00000001", "v00000002", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert {name: told[name] for name in ("added", "corrected", "removed")} == {
        "added": 1,
        "corrected": 1,
        "removed": 1,
    }
    first = make_counts("2024-01-01", 1)
    cells = {
        (cell["at"], cell["column"]): (cell["change"], cell["before"], cell["after"]) for cell in told["differences"]
    }
    assert cells["2024-01-01 00:00:00", "count"] == ("corrected", first["count"][0], 7.0)
    assert cells["2024-01-01 01:00:00", "count"] == ("removed", first["count"][1], None)
    assert cells["2024-01-02 00:00:00", "count"] == ("added", None, 9.0)
    assert len(cells) == told["cells"]


def test_a_comparison_is_bounded_and_may_be_empty() -> None:
    text = run("diff", "counts", "v00000002", "v00000001", "--rows", "1").output
    assert "more cells: --rows" in text
    same = run("diff", "counts", "v00000001", "v00000001").output
    assert same.split() == ["added", "0", "corrected", "0", "removed", "0", "cells", "0"]
