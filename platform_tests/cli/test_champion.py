"""The commands on the champion: each is a run of the asset `champion`, and prints what is so then."""

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner

from loopcast.cli.main import cli
from loopcast.orchestration.instance import open_instance
from made_use_case import make_counts, make_home, to_csv


def read(*words: str) -> Any:
    result = CliRunner().invoke(cli, [*words, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A use case with one zoo, and a build whose zoo was rejected."""
    monkeypatch.setenv("LOOPCAST_HOME", str(make_home(tmp_path)))
    monkeypatch.setattr("loopcast.cli.champion.getuser", lambda: "ana")
    (tmp_path / "first.csv").write_bytes(to_csv(make_counts("2024-01-01", 35)))
    read("update", "counts", str(tmp_path / "first.csv"))
    read("decision", "ask", "counts", "rebuild")
    return tmp_path


def test_a_rejected_zoo_is_promoted_a_rollback_follows_and_a_pin(home: Path) -> None:
    before = read("zoo", "history", "counts")
    assert (before["champion"], before["verdicts"][0]["build"]) == ("z0001", "b0002")
    assert before["verdicts"][0]["outcome"] == "rejected"
    assert read("zoo", "promote", "counts", "b0002")["champion"] == "z0002"
    told = read("zoo", "rollback", "counts", "--reason", "too high")
    assert (told["champion"], told["in_force_from"], told["actor"]) == ("z0001", "v00000002", "ana")
    assert read("zoo", "pin", "counts", "--reason", "audit")["pinned"] == "z0001"
    refused = CliRunner().invoke(cli, ["zoo", "promote", "counts", "b0002"])
    assert refused.exit_code == 1
    assert "z0001 is pinned by ana (audit); unpin it first" in refused.output
    assert read("zoo", "unpin", "counts")["pinned"] is None
    assert read("zoo", "promote", "counts", "b0002")["champion"] == "z0002"
    found = read("zoo", "history", "counts")
    assert [row["kind"] for row in found["history"]] == ["promote", "rollback", "promote", "release"]
    assert [row["actor"] for row in read("audit", "counts") if row["what"] == "pin"] == ["ana", "ana"]
    assert "Put in force, counts" in CliRunner().invoke(cli, ["zoo", "history", "counts"]).output
    with open_instance(home) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey(["counts", "champion"]))
        assert event is not None
        metadata = event.asset_materialization.metadata  # type: ignore[union-attr]
        assert (metadata["champion"].value, metadata["previous"].value) == ("z0002", "z0001")
        assert {"z0001", "z0002"} <= set(instance.get_dynamic_partitions("counts_zoos"))
