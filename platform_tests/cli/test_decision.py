"""The commands on decisions and the audit trail: what they print, and what an order leads to without a daemon."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from loopcast.cli.main import cli
from loopcast.errors import CallerError, NotFoundError
from made_use_case import YAML, make_counts, make_home, make_project, take_turn


def run(*words: str) -> str:
    result = CliRunner().invoke(cli, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def read(*words: str) -> Any:
    return json.loads(run(*words, "--json"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A use case whose first build waits for its approval."""
    yaml = YAML.format(name="counts").replace("n_windows: 7", "n_windows: 7, rebuild: {approval: all}")
    monkeypatch.setenv("LOOPCAST_HOME", str(make_home(tmp_path, yaml=yaml)))
    monkeypatch.setattr("loopcast.cli.decision.getuser", lambda: "ana")
    return tmp_path


def test_orders_are_carried_out_with_all_that_follows_and_are_in_the_trail(home: Path) -> None:
    take_turn(make_project(home), make_counts("2024-01-01", 35))
    assert read("versions", "counts")[0]["action"] == "build_first (no_zoo, waits: approval)"
    kept = read("decision", "overrule", "counts", "d1", "--reason", "not now")
    assert (kept["action"], kept["rule"], kept["build"]) == ("keep", "asked", None)
    made = read("decision", "ask", "counts", "rebuild", "--reason", "now")
    assert (made["action"], made["build"], made["actor"]) == ("build_first", "b0001", "ana")
    assert read("versions", "counts")[0]["zoo"] == "z0001", "without a daemon the build runs here"
    trail = read("audit", "counts")
    told = [(row["what"], row["key"], row["actor"]) for row in trail]
    assert told[:5] == [
        ("decision", "d00000001", "platform"),
        ("order", "o00000001", "ana"),
        ("decision", "d00000002", "ana"),
        ("order", "o00000002", "ana"),
        ("build", "b0001", "platform"),
    ]
    assert ("in force", "z0001", "platform") in told
    assert (trail[0]["reason"], trail[4]["about"]) == (
        "no zoo is in force; waits: a person has to approve it",
        "d00000003",
    )
    assert [row["at"] for row in trail] == sorted(row["at"] for row in trail)
    assert read("audit", "counts", "--last", "2") == trail[-2:]


def test_decisions_are_listed_and_shown_and_wrong_orders_refused_in_words(home: Path) -> None:
    with pytest.raises(NotFoundError, match="no decision yet"):
        run("decision", "show", "counts")
    take_turn(make_project(home), make_counts("2024-01-01", 5))
    assert [row["decision"] for row in read("decision", "list", "counts")] == ["d00000001"]
    text = run("decision", "show", "counts", "d1")
    for part in ("no zoo is in force; waits", "evidence_digest", "judgement.is_worse", "episode.builds"):
        assert part in text
    assert "Audit trail of counts" in run("audit", "counts")
    with pytest.raises(NotFoundError, match="the newest is d00000001"):
        run("decision", "approve", "counts", "d2")
    with pytest.raises(CallerError, match="no zoo is in force that could learn"):
        run("decision", "ask", "counts", "retrain")
