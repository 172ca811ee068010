"""The commands about contracts, as a user types them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from loopcast.cli.main import cli
from loopcast.errors import CallerError, UseCaseError
from loopcast.loop.contract import judge_version, settle_version
from loopcast.loop.project import Project
from loopcast.use_case.contract import CONTRACT_FILE
from made_use_case import NOW, make_counts, make_project, send


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["contract", *words], catch_exceptions=False)


def read(*words: str) -> Any:
    return json.loads(run(*words, "--json").stdout)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A use case with one version."""
    made = make_project(tmp_path)
    version = send(made, make_counts("2024-01-01", 3))
    settle_version(made, version, by="ana", now=NOW)
    judge_version(made, version, now=NOW)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOOPCAST_HOME", str(tmp_path))
        yield made


def put(project: Project, text: str) -> None:
    folder = project.settings.use_cases / project.name
    (folder / CONTRACT_FILE).write_text(text)


def test_status_tells_promised_observed_deviation_attainment_and_budget(project: Project) -> None:
    rows = {row["clause"]: row for row in read("status", "counts")}
    assert list(rows) == ["timeliness", "validity"]
    assert rows["timeliness"]["promised"] == "an update every 1D, at most 6h late"
    assert rows["validity"]["observed"] is None or rows["validity"]["observed"] == 100.0
    assert {"deviation", "attainment_pct", "target_pct", "budget_left_pct", "burn_rate"} <= set(rows["timeliness"])
    assert "Contract 1.0.0 of counts" in run("status", "counts").stdout


def test_what_is_shown_is_a_contract_file_and_after_writing_it_nothing_has_changed(project: Project) -> None:
    shown = run("show", "counts").stdout
    put(project, shown)
    assert run("show", "counts").stdout == shown
    assert yaml.safe_load(shown) == read("show", "counts", "--version", "1.0.0")
    assert read("check", "counts") == []
    assert "1.0.0 may be put in force; 1.0.0 is in force" in run("check", "counts").stdout


def test_check_lists_the_changes_and_refuses_a_version_that_is_too_low(project: Project) -> None:
    put(project, run("show", "counts").stdout.replace("value: 1\n  unit: d", "value: 1\n  unit: w"))
    defs = project.settings.use_cases / "counts" / "defs.yaml"
    defs.write_text(defs.read_text().replace("  contract: {cadence: 1D, grace: 6h}\n", ""))
    with pytest.raises(UseCaseError, match=r"frequency 1D became 1W: breaking, needs 2.0.0"):
        run("check", "counts")
    (change,) = read("diff", "counts", "1.0.0")
    assert (change["what"], change["kind"], change["breaks"]) == ("frequency 1D became 1W", "breaking", "consumer")
    with pytest.raises(UseCaseError, match="needs 2"):
        CliRunner().invoke(cli, ["serve"], catch_exceptions=False)
    assert "1.0.0 to 1.0.0: needs a new major version" in run("diff", "counts", "1.0.0").stdout
    assert read("diff", "counts", "1.0.0", "--to", "1.0.0") == []
    with pytest.raises(CallerError, match=r"found no contract 0.9.0 of counts; in force were: 1.0.0"):
        run("diff", "counts", "0.9.0")


@pytest.mark.parametrize("name", ["status", "show", "check", "diff"])
def test_each_has_help_with_an_example(name: str) -> None:
    assert f"Example: loopcast contract {name} interstate_traffic" in " ".join(run(name, "--help").stdout.split())
