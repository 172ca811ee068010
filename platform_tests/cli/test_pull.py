"""`loopcast pull`: sources asked at once, without a daemon."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from loopcast.cli.main import cli
from loopcast.errors import CallerError
from made_use_case import YAML, make_project

SOURCE = """  source:
    - {{kind: files, url: "{url}"}}
    - {{kind: sql, name: plant, url: {{env: NO_DB}}, query: SELECT 1, cursor: a}}
  steward:"""


def test_it_takes_what_is_new_through_the_chain_and_says_what_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "a.csv").write_bytes(b"at,count\n2024-01-01 00:00,many\n")  # a right one would build a zoo
    source = SOURCE.format(url=folder.as_uri())
    project = make_project(tmp_path, yaml=YAML.format(name="counts").replace("  steward:", source))
    monkeypatch.setenv("LOOPCAST_HOME", str(tmp_path))
    monkeypatch.setattr("loopcast.sources.files.SETTLE_SECONDS", 0.0)
    result = CliRunner().invoke(cli, ["pull", "counts", "--json"])
    files, plant = json.loads(result.stdout)
    assert (files["source"], files["versions"], files["status"]) == ("files", ["v00000001"], ["refused"])
    assert "v00000001: Update v00000001 is refused" in result.stderr
    assert "the variable NO_DB is not set" in plant["problem"]
    assert result.exit_code == 1
    again = CliRunner().invoke(cli, ["pull", "counts", "--source", "files"])
    assert (again.exit_code, project.store.versions.claims()) == (0, ["v00000001"])
    unknown = CliRunner().invoke(cli, ["pull", "counts", "--source", "scada"])
    assert isinstance(unknown.exception, CallerError)
