"""`loopcast explain`: every view of a stored forecast, as a table and as JSON."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from loopcast.cli.main import cli
from loopcast.errors import CallerError
from made_use_case import YAML, make_counts, make_project, take_turn

AT = "2024-02-27T10:00"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    project = make_project(folder, yaml=YAML.format(name="counts").replace("horizon: 1D", "horizon: 2D"))
    take_turn(project, make_counts("2024-01-01", 56))
    corrected = make_counts("2024-02-25", 2)
    corrected.loc[10, "count"] += 300
    take_turn(project, corrected[(corrected.index == 10) | (corrected["at"] >= "2024-02-26")])
    return folder


@pytest.fixture(autouse=True)
def at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOPCAST_HOME", str(home))


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["explain", "counts", *words], catch_exceptions=False)


@pytest.mark.parametrize("view", ["term", "buildup", "predictor"])
def test_each_view_sums_to_the_forecast(view: str) -> None:
    told = json.loads(run("--at", AT, "--view", view, "--top", "4", "--json").stdout)
    assert sum(row["contribution"] for row in told["view"]) == pytest.approx(told["forecast"], abs=1e-9)
    assert len(told["view"]) <= 5
    assert (told["version"], told["previous_version"]) == ("v00000002", "v00000001")


def test_the_change_names_parts_terms_and_the_corrected_cell() -> None:
    told = json.loads(run("--at", AT, "--view", "change", "--json").stdout)
    difference = told["forecast"] - told["previous_forecast"]
    assert sum(row["contribution"] for row in told["view"]) == pytest.approx(difference, abs=1e-9)
    assert {row["part"] for row in told["parts"]} >= {"corrected data", "new data"}
    assert (told["cells"][0]["column"], told["cells"][0]["at"]) == ("count", "2024-02-25 10:00:00")
    shown = run("--at", AT, "--view", "change").output
    assert "Corrected cells, each alone" in shown
    assert "Parts, and the variables that moved them" in shown


def test_a_forecast_that_had_none_before_it_says_so() -> None:
    shown = run("v00000001", "--at", AT, "--view", "change").output
    assert "Nobody forecast this time before." in shown
    assert json.loads(run("v00000001", "--at", AT, "--json").stdout)["previous_forecast"] is None


def test_a_forecast_that_is_the_same_as_before_says_so(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(home, tmp_path / "home")
    take_turn(make_project(tmp_path / "home"), make_counts("2024-02-26", 1), name="again.csv")
    monkeypatch.setenv("LOOPCAST_HOME", str(tmp_path / "home"))
    assert "It is what was forecast before." in run("--at", AT, "--view", "change").output


def test_a_series_that_is_not_there_is_refused() -> None:
    with pytest.raises(CallerError, match="counts has one series"):
        run("--at", AT, "--series", "shop=a")
