"""The history of benchmarks: lines are appended, compared with the last run and the peer; peers forecast."""

import importlib.util
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parent / "benchmarks"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def load(monkeypatch):
    """Benchmarks are programs beside each other, not a package."""

    def one(name: str):
        spec = importlib.util.spec_from_file_location(f"benchmark_{name}", FOLDER / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
        return module

    return one


def test_every_run_is_a_line_beside_the_last_one_and_the_peer(load, tmp_path, capsys):
    history, file = load("history"), tmp_path / "history.jsonl"
    history.keep("m4", {"owa": 0.4}, now=NOW, cpu_s=7.0, file=file)
    history.keep("epf", {"mae": 9.0}, now=NOW, cpu_s=1.0, file=file)
    capsys.readouterr()
    history.keep("m4", {"owa": 0.36, "msis": 5.0}, now=NOW, cpu_s=6.5, peer={"owa": 0.48}, file=file)
    told = capsys.readouterr().out
    assert "6.50 CPU s" in told
    assert told.splitlines()[2].split() == ["owa", "0.36", "0.48", "0.750", "0.4"]
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["benchmark"] for line in lines] == ["m4", "epf", "m4"]
    assert set(lines[0]) == {"benchmark", "date", "commit", "cores", "cpu_s", "figures", "peer"}
    assert lines[2]["date"] == "2026-11-21"
    assert history.read_history(tmp_path / "nothing.jsonl") == []


def test_the_peer_repeats_a_pattern_that_repeats(load):
    rng, time = np.random.default_rng(0), np.arange(500)
    series = [100 * k + 10 * np.sin(2 * np.pi * time / 24) + rng.normal(0, 0.1, 500) for k in (1, 2)]
    made = load("peers").boost_on_lags(series, 30, season=24)
    expected = 10 * np.sin(2 * np.pi * np.arange(500, 530) / 24)
    assert made.shape == (2, 30)
    assert np.abs(made - np.array([[100.0], [200.0]]) - expected).max() < 1.0
