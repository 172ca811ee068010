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
