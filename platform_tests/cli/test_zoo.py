"""The commands on zoos: show, export, import."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from loopcast.cli.main import cli
from loopcast.errors import CallerError, DamageError
from made_use_case import YAML, make_counts, make_project, take_turn


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two use cases: one with a zoo and a day after it, one with another name and a version."""
    folder = tmp_path_factory.mktemp("home")
    project = make_project(folder)
    take_turn(project, make_counts("2024-01-01", 56))
    take_turn(project, make_counts("2024-02-26", 1))
    make_home_beside(folder)
    return folder


def make_home_beside(folder: Path) -> None:
    other = folder / "platform" / "use_cases" / "pieces"
    other.mkdir()
    (other / "defs.yaml").write_text(YAML.format(name="pieces").replace("name: count,", "name: parts,"))


@pytest.fixture
def home(played: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    shutil.copytree(played, folder)
    monkeypatch.setenv("LOOPCAST_HOME", str(folder))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return folder


def run(*words: str) -> str:
    result = CliRunner().invoke(cli, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_show_prints_tables_and_json_with_the_same_figures(home: Path) -> None:
    told = json.loads(run("zoo", "show", "counts", "--ahead", "3", "--json"))
    assert (told["zoo"], told["target"], told["sampling_period"]) == ("z0001", "count", "h")
    assert sum(row["importance_pct"] for row in told["importances"]) == pytest.approx(100)
    assert "terms_3_ahead_from_23:00" in told
    text = run("zoo", "show", "counts", "z0001")
    for title in ("members", "promise", "models", "importances", "minimal history", "difficulty"):
        assert title in text


def test_export_writes_both_files_and_an_import_meets_the_champion(home: Path) -> None:
    file = home / "zoo.json"
    assert "zoo.npz" in run("zoo", "export", "counts", "--to", str(file))
    with pytest.raises(CallerError, match="already"):
        run("zoo", "export", "counts", "--to", str(file))
    rows = make_counts("2024-01-01", 57).rename(columns={"count": "parts"})
    (home / "first.csv").write_bytes(rows.to_csv(index=False).encode())
    run("update", "pieces", str(home / "first.csv"))
    told = json.loads(run("zoo", "import", "pieces", str(file), "--map", "count=parts", "--json"))
    assert "z0001 of counts" in told["reason"]
    assert (told["zoo"], told["verdict"]) == (None, "rejected")  # it has learned from these very counts
    assert told["verdict_reason"].startswith("0 forecasts that neither had learned from")
    assert json.loads(run("zoo", "show", "pieces", "--json"))["build"] == "b0001"


def test_a_changed_file_and_a_wrong_mapping_are_refused_in_words(home: Path) -> None:
    file = home / "zoo.json"
    run("zoo", "export", "counts", "--to", str(file))
    with pytest.raises(CallerError, match="OLD=NEW"):
        run("zoo", "import", "pieces", str(file), "--map", "count")
    with pytest.raises(CallerError, match=r"\.json"):
        run("zoo", "export", "counts", "--to", str(home / "zoo.txt"))
    file.write_text(file.read_text().replace("2024", "2025", 1))
    with pytest.raises(DamageError, match="changed"):
        run("zoo", "import", "pieces", str(file))
