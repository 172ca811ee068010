"""Every command as a user types it: what it prints, as JSON too, and how it says that something is wrong."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from loopcast.cli import main as main_module
from loopcast.cli.main import cli
from loopcast.loop.project import Project, find_project
from loopcast.orchestration.settings import read_settings
from made_use_case import NOW, PANEL_YAML, YAML, make_counts, make_home, make_sales, send, to_csv

BAD = b"at,count\n2024-02-27 00:00,many\n2024-02-27 00:30,5\n"
REPLAY = "  replay: {history: history.csv, start: 2024-01-29, end: 2024-02-01}\n"


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


def read(*words: str) -> Any:
    result = run(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with two use cases; the command line is used from another folder."""
    folder = make_home(tmp_path_factory.mktemp("cli"))
    shops = folder / "platform" / "use_cases" / "shops"
    shops.mkdir()
    (shops / "defs.yaml").write_text(PANEL_YAML)
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOOPCAST_HOME", str(folder))
        patch.setenv("DAGSTER_HOME", str(folder))
        patch.chdir(elsewhere)
        for name, content in {
            "first.csv": to_csv(make_counts("2024-01-01", 56)),
            "second.csv": to_csv(make_counts("2024-02-26", 1)),
            "bad.csv": BAD,
            "sales.csv": to_csv(make_sales("2024-01-01", 5)),
        }.items():
            (folder / name).write_bytes(content)
        yield folder


@pytest.fixture(scope="module")
def first(home: Path) -> Any:
    return read("update", "counts", str(home / "first.csv"), "--reason", "all we have")


@pytest.fixture(scope="module")
def second(home: Path, first: Any) -> Any:
    return read("update", "counts", str(home / "second.csv"))


@pytest.fixture(scope="module")
def project(home: Path, second: Any) -> Project:
    return find_project("counts", settings=read_settings())


@pytest.mark.parametrize("words", [[], *[[name] for name in sorted(cli.commands)]])
def test_every_command_has_help_with_an_example_that_calls_it(words: list[str]) -> None:
    result = run(*words, "--help")
    assert result.exit_code == 0
    assert f"Example: loopcast {' '.join(words)}".rstrip() in " ".join(result.output.split())
    assert all(command.help for command in cli.commands.values())


def test_the_first_update_is_taken_to_its_zoo_and_forecast(first: Any) -> None:
    assert (first["version"], first["status"], first["added"], first["duplicate"]) == (
        "v00000001",
        "accepted",
        1344,
        False,
    )
    assert (first["zoo"], first["action"]) == ("z0001", "build_first b0001 (no_zoo)")


def test_a_later_update_is_scored(second: Any) -> None:
    assert (second["version"], second["rows"]) == ("v00000002", 1368)
    assert 0 < second["forecast_error"] < second["naive_error"]


def test_the_same_file_again_is_the_same_version(home: Path, second: Any) -> None:
    again = read("update", "counts", str(home / "second.csv"))
    assert (again.pop("duplicate"), second["duplicate"]) == (True, False)
    assert again == {name: value for name, value in second.items() if name != "duplicate"}


def test_a_key_makes_two_files_one_update_and_one_file_two(home: Path, second: Any) -> None:
    other = read("update", "counts", str(home / "second.csv"), "--key", "monday")
    assert (other["version"], other["added"], other["duplicate"]) == ("v00000003", 0, False)
    assert read("update", "counts", str(home / "first.csv"), "--key", "monday")["duplicate"]


def test_an_update_is_in_the_warehouse_when_its_command_ends(second: Any) -> None:
    rows = read("warehouse", "query", "SELECT version, added FROM counts.versions ORDER BY version")
    assert rows[:2] == [{"version": "v00000001", "added": 1344}, {"version": "v00000002", "added": 24}]
    assert read("warehouse", "query", "SELECT count(*) AS n FROM counts.dataset") == [{"n": 1368}]


def test_a_warehouse_that_cannot_be_written_is_told_and_fails_no_update(
    home: Path, second: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOPCAST_WAREHOUSE", str(home / "second.csv" / "w.duckdb"))
    result = run("update", "counts", str(home / "second.csv"), "--key", "without warehouse")
    assert result.exit_code == 0
    assert "the warehouse was not brought up to date: cannot write" in result.stderr
    assert "Traceback" not in result.output


def test_a_malformed_file_ends_with_status_1_and_words(home: Path, project: Project) -> None:
    result = run("update", "counts", str(home / "bad.csv"))
    assert result.exit_code == 1
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("loopcast: ")]
    assert "bad.csv is refused: 2 violations" in line
    assert "row 2, column count: not_a_number: found 'many'" in line
    assert "Traceback" not in result.output
    assert "status" in result.stdout
    assert "refused" in result.stdout
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_versions_are_listed_and_only_the_newest_where_asked(project: Project) -> None:
    rows = read("versions", "counts")
    assert [row["version"] for row in rows] == project.store.versions.claims()
    assert read("versions", "counts", "--last", "1") == rows[-1:]
    assert "v00000002" in run("versions", "counts").output


def test_a_use_case_without_versions_has_none(home: Path) -> None:
    assert read("versions", "shops") == []
    assert run("versions", "shops").output.strip() == "nothing"
    result = run("show", "shops")
    assert "send one with `loopcast update shops FILE`" in str(result.exception)


def test_a_version_is_shown_by_columns_and_range(project: Project) -> None:
    rows = read(
        "show", "counts", "--version", "v00000001", "--columns", "count", "--start", "2024-02-25", "--rows", "3"
    )
    expected = make_counts("2024-02-25", 1).tail(3)
    assert [row["count"] for row in rows] == expected["count"].tolist()
    assert set(rows[0]) == {"at", "count"}
    day = read("show", "counts", "--start", "2024-01-02", "--end", "2024-01-02 23:00:00", "--rows", "100")
    assert len(day) == 24
    told = run("show", "counts", "--version", "v00000001").output
    assert "all we have" in told
    assert "state_digest" in told.replace(" ", "_")


def test_a_version_is_shown_by_series(home: Path) -> None:
    assert read("update", "shops", str(home / "sales.csv"))["rows"] == 15
    assert len(read("show", "shops", "--series", "region=north,shop=b")) == 5
    both = read("show", "shops", "--series", "region=north,shop=b", "--series", "shop=a,region=south")
    assert {(row["region"], row["shop"]) for row in both} == {("north", "b"), ("south", "a")}


def test_the_newest_forecast_is_printed(project: Project) -> None:
    newest = project.store.outputs.partitions("forecasts")[-1]
    rows = read("forecast", "counts")
    assert len(rows) == 24
    assert rows == read("forecast", "counts", "--version", newest)
    assert all(row["lower"] <= row["forecast"] <= row["upper"] for row in rows)
    told = " ".join(run("forecast", "counts").output.split())
    assert f"counts after {newest}, zoo z0001" in told


def test_accuracy_is_printed_beside_the_naives(project: Project, second: Any) -> None:
    told = read("accuracy", "counts", "--actuals", "v00000002")
    assert (told["n"], told["mae"]) == (24, pytest.approx(second["forecast_error"]))
    assert {"mae_seasonal_naive_24", "mae_seasonal_naive_168", "skill_pct"} <= set(told)
    assert read("accuracy", "shops")["n"] == 0


def test_accuracy_is_told_of_any_part_and_as_a_version_reported_it(project: Project, second: Any) -> None:
    steps = read("accuracy", "counts", "--to", "v00000001", "--by", "samples_ahead")
    assert [row["samples_ahead"] for row in steps["groups"]] == list(range(1, 25))
    assert (steps["from"], steps["to"], steps["n"]) == ("v00000001", "v00000001", 24)
    day = read("accuracy", "counts", "--start", "2024-02-26 06:00", "--end", "2024-02-26", "--latest-only")
    assert day["n"] == 18
    told = read("accuracy", "counts", "--report", "v00000002", "--by", "bin")
    assert told["mae"] == pytest.approx(second["forecast_error"])
    assert [row["bin"] for row in told["groups"]] == ["all", "S+1:S+24"]
    assert told["rescored"] == []
    shown = " ".join(run("accuracy", "counts", "--by", "forecast").output.split())
    assert "By forecast" in shown
    assert "Not evaluated" in shown


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["versions", "nowhere"], "there is no use case 'nowhere'"),
        (["show", "counts", "--version", "v00000099"], "v00000099"),
        (["show", "counts", "--version", "monday"], "expected one such as v00000017"),
        (["show", "counts", "--columns", "weather"], "weather"),
        (["show", "counts", "--series", "a"], "series"),
        (["show", "counts", "--series", "region=north,a"], "expected key=value,key=value"),
        (["forecast", "counts", "--version", "v00000099"], "found no forecast of v00000099 of counts"),
        (["accuracy", "counts", "--report", "v00000099"], "found no accuracy report of v00000099 of counts"),
        (["accuracy", "counts", "--report", "v00000002", "--latest-only"], "a report stands for itself"),
        (["replay", "counts"], "counts has no `replay`"),
    ],
)
def test_what_makes_no_sense_is_one_line_and_status_1(
    project: Project,
    words: list[str],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["loopcast", *words])
    with pytest.raises(SystemExit) as ended:
        main_module.main()
    out = capsys.readouterr()
    assert ended.value.code == 1
    assert out.out == ""
    (line,) = out.err.splitlines()
    assert line.startswith("loopcast: ")
    assert told in line


def test_an_unknown_use_case_is_named_with_those_there_are(project: Project) -> None:
    assert "found: counts, shops" in str(run("versions", "nowhere").exception)


def test_a_file_that_is_not_there_is_a_usage_error(project: Project) -> None:
    result = run("update", "counts", "nowhere.csv")
    assert result.exit_code == 2
    assert "'nowhere.csv' does not exist" in result.output


def test_a_wrong_yaml_is_one_line_with_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_home(tmp_path, yaml=YAML.format(name="counts").replace("horizon: 1D", "horizon: 1Y"))
    monkeypatch.setenv("LOOPCAST_HOME", str(tmp_path))
    assert "defs.yaml:10: attributes.horizon: found '1Y'" in str(run("versions", "counts").exception)


def test_verify_finds_one_flipped_byte(project: Project) -> None:
    assert read("verify", "counts")["damages"] == []
    (patch, *_) = sorted((Path(project.settings.lake) / "counts" / "patches").glob("*.parquet"))
    content = patch.read_bytes()
    patch.write_bytes(content[:-20] + bytes([content[-20] ^ 1]) + content[-19:])
    try:
        result, plain = run("verify", "counts", "--json"), run("verify", "counts")
    finally:
        patch.write_bytes(content)
    assert (result.exit_code, plain.exit_code) == (1, 1)
    assert f"counts/patches/{patch.name}" in {damage["file"] for damage in json.loads(result.stdout)["damages"]}
    assert "damaged" in plain.output
    assert run("verify", "counts").exit_code == 0


def test_a_recorded_history_is_replayed_and_goes_on_where_it_stood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = make_home(tmp_path, yaml=YAML.format(name="counts") + REPLAY)
    history = home / "platform" / "use_cases" / "counts" / "history.csv"
    make_counts("2024-01-01", 31).to_csv(history, index=False)
    for name in ("LOOPCAST_HOME", "DAGSTER_HOME"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.chdir(home)
    assert [row["version"] for row in read("replay", "counts", "--updates", "2")] == ["v00000001", "v00000002"]
    rows = read("replay", "counts")
    assert [(row["status"], row["zoo"]) for row in rows] == [("accepted", "z0001")] * 4
    assert read("replay", "counts") == rows
    assert "Production accuracy of counts:" in run("replay", "counts").output


def test_without_a_dagster_yaml_an_update_says_where_to_run(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    before = len(read("versions", "shops"))
    result = run("update", "shops", str(home / "sales.csv"))
    assert "found no dagster.yaml" in str(result.exception)
    assert len(read("versions", "shops")) == before


def test_a_waiting_version_stands_in_the_table_beside_settled_ones(first: Any, home: Path) -> None:
    project = find_project("shops", settings=read_settings())
    send(project, make_sales("2024-01-01", 5), name="one.csv")
    project.store.versions.settle("v00000001", now=NOW)
    send(project, make_sales("2024-01-06", 1), name="two.csv")
    shown = run("versions", "shops")
    assert shown.exit_code == 0, shown.output
    assert [word in shown.output for word in ("v00000001", "accepted", "v00000002", "waiting")] == [True] * 4


def test_why_a_version_was_refused_is_told_again_when_the_file_is_sent_again(first: Any, home: Path) -> None:
    folder = Path(read_settings().inbox).parent
    for _ in range(2):
        told = run("update", "counts", str(folder / "bad.csv"), "--json")
        assert told.exit_code == 1
        assert "not_a_number" in json.loads(told.stdout)["refused_because"]
