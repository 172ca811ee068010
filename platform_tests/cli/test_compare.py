"""`compare-policies` and `replay --fast` as a user types them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from loopcast.cli import main as main_module
from loopcast.cli.main import cli
from loopcast.loop.project import find_project
from loopcast.orchestration.settings import read_settings
from made_use_case import NOW, YAML, make_counts, make_home, take_turn, to_csv

REPLAY = "  replay: {history: history.csv, start: 2024-02-26, end: 2024-02-28}\n"


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


def read(*words: str) -> Any:
    result = run(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A use case with a recorded history, and three turns in its store."""
    folder = make_home(tmp_path_factory.mktemp("compare"), yaml=YAML.format(name="counts") + REPLAY)
    (folder / "platform/use_cases/counts/history.csv").write_bytes(to_csv(make_counts("2024-01-01", 60)))
    (folder / "still.yaml").write_text("retrain: never\nrebuild: {when: never}\n")
    (folder / "wrong.yaml").write_text("retrain: sometimes\n")
    other = folder / "platform/use_cases/others"
    other.mkdir()
    (other / "defs.yaml").write_text(YAML.format(name="others") + REPLAY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOOPCAST_HOME", str(folder))
        patch.chdir(folder)
        project = find_project("counts", settings=read_settings())
        for start, days in (("2024-01-01", 56), ("2024-02-26", 1), ("2024-02-27", 1)):
            take_turn(project, make_counts(start, days), now=NOW)
        yield folder


@pytest.fixture(scope="module")
def compared(home: Path) -> Any:
    return read("compare-policies", "counts", "--policy", "decision", "--policy", str(home / "still.yaml"),
                "--output", str(home / "chart.svg"))  # fmt: skip


def test_policies_are_named_with_error_cost_and_alarms(compared: Any) -> None:
    assert [row["policy"] for row in compared] == ["decision", "still"]
    assert [(row["n"], row["builds"], row["alarms"], row["failed"]) for row in compared] == [(48, 1, 0, 0)] * 2
    assert all(row["mae"] > 0 and row["cpu_s"] > 0 for row in compared)


def test_the_chart_names_the_policies(home: Path, compared: Any) -> None:
    chart = (home / "chart.svg").read_text()
    assert compared
    assert all(text in chart for text in ("decision", "still", "mean absolute error pieces", "CPU seconds", "alarms"))


def test_the_table_is_printed_and_a_png_is_drawn(home: Path) -> None:
    told = run("compare-policies", "counts", "--policy", "daily_retrain", "--from", "v00000002", "--output", "c.png")
    assert told.exit_code == 0, told.output
    assert "Policies of counts, v00000002 to v00000003" in told.stdout
    assert told.stdout.count("daily_retrain") == 2
    assert (home / "c.png").read_bytes().startswith(b"\x89PNG")


def test_a_fast_replay_of_the_store_says_what_production_says(home: Path) -> None:
    assert read("replay", "counts", "--fast") == read("versions", "counts")


def test_a_recorded_history_is_simulated_for_any_days(home: Path) -> None:
    told = read("replay", "counts", "--fast", "--recorded", "--from", "2024-02-25", "--to", "2024-02-26")
    assert [row["until"] for row in told] == ["2024-02-24 23:00", "2024-02-25 23:00", "2024-02-26 23:00"]


def test_days_choose_the_versions_whose_data_end_in_them(home: Path) -> None:
    told = read("replay", "counts", "--fast", "--from", "2024-02-26", "--to", "2024-02-26", "--policy", "frozen")
    assert [(row["version"], row["zoo"]) for row in told] == [("v00000001", None), ("v00000002", "z0001")]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("compare-policies", "counts", "--policy", "none"), "found the policy 'none'; expected frozen, daily_retrain"),
        (("compare-policies", "counts", "--policy", "wrong.yaml"), "wrong.yaml: retrain: found 'sometimes'"),
        (("compare-policies", "counts", "--policy", "gone.yaml"), "found no file gone.yaml"),
        (("compare-policies", "counts", "--output", "chart.pdf"), "expected one that ends in .png or .svg"),
        (("compare-policies", "counts", "--from", "2030-01-01"), "found no version of counts whose data end between"),
        (("compare-policies", "others"), "others has no version yet; play its recorded history with --recorded"),
        (("replay", "counts", "--policy", "frozen"), "without --fast"),
        (("replay", "counts", "--fast", "--recorded", "--from", "v00000002"), "a recorded history has no versions yet"),
    ],
)
def test_what_makes_no_sense_is_said_in_one_line(
    home: Path, words: tuple[str, ...], expected: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr("sys.argv", ["loopcast", *words])
    with pytest.raises(SystemExit) as ended:
        main_module.main()
    assert ended.value.code == 1
    assert expected in capsys.readouterr().err
