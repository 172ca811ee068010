"""`loopcast minimal` on the command line."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from loopcast.cli.main import cli
from made_use_case import make_counts, make_project, take_turn


def test_it_prints_per_variable_from_to_and_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    take_turn(make_project(tmp_path), make_counts("2024-01-01", 56))
    monkeypatch.setenv("LOOPCAST_HOME", str(tmp_path))
    done = CliRunner().invoke(cli, ["minimal", "counts", "--zoo", "z0001", "--json"])
    rows = {row["variable"]: row for row in json.loads(done.output)}
    assert (rows["count"]["from"], rows["count"]["rows"]) == ("2024-01-01 00:00:00", 56 * 24)
    assert (rows["promotion"]["to"], rows["promotion"]["refused_without"]) == ("2024-02-26 23:00:00", None)
    assert "predictor, known ahead" in CliRunner().invoke(cli, ["minimal", "counts"]).output


def test_a_slice_is_printed_as_a_job_sees_it_and_so_are_its_features(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_turn(make_project(tmp_path), make_counts("2024-01-01", 56))
    monkeypatch.setenv("LOOPCAST_HOME", str(tmp_path))
    done = CliRunner().invoke(cli, ["slice", "counts", "--json", "--rows", "3"])
    rows = json.loads(done.output)
    assert [row["at"] for row in rows] == [f"2024-02-25 {hour}:00:00" for hour in (21, 22, 23)]
    assert not any(row["count_was_imputed"] for row in rows)
    told = CliRunner().invoke(cli, ["slice", "counts", "--job", "build", "--origin", "2024-02-01"]).output
    assert "as a build sees it: 1344 rows, 1344 read" in told
    table = json.loads(CliRunner().invoke(cli, ["slice", "counts", "--features", "--json", "--rows", "99"]).output)
    assert [row["samples_ahead"] for row in table] == list(range(1, 25))
    assert {"count:profile_168", "weekday:monday"} <= set(table[0])


def test_accuracy_says_what_it_cannot_evaluate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(tmp_path)
    take_turn(project, make_counts("2024-01-01", 56))
    take_turn(project, make_counts("2024-02-26", 1).drop(index=[5, 6]))
    take_turn(project, b"at,count\nno time,many\n")
    take_turn(project, make_counts("2024-02-27", 1))
    monkeypatch.setenv("LOOPCAST_HOME", str(tmp_path))
    told = json.loads(CliRunner().invoke(cli, ["accuracy", "counts", "--json"]).output)["not_evaluated"]
    assert [(row["version"], row["reason"], row["timestamps"]) for row in told] == [
        ("v00000001", "actual missing", 2),
        ("v00000003", "version refused", 0),
        ("v00000004", "not there yet", 24),
    ]
    assert told[0]["first"] == "2024-02-26 05:00:00"
    assert "version refused" in CliRunner().invoke(cli, ["accuracy", "counts"]).output
