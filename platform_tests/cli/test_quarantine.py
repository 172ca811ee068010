"""The quarantine as a user works through it: list, show, repair, resubmit."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from loopcast.cli.main import cli
from made_use_case import NOW, make_counts, make_home, make_project, send

BAD = b"at,count\n2024-01-02 00:00,many\n2024-01-02 01:00,5\n2024-01-02 02:30,6\n"


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["quarantine", *words])


def read(*words: str) -> Any:
    result = run(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(autouse=True)
def home(tmp_path: Path) -> Iterator[Path]:
    """A home with a version and a refused one; commands are used from an empty folder."""
    folder = make_home(tmp_path / "home")
    project = make_project(folder)
    for content in (make_counts("2024-01-01", 1), BAD):
        project.store.versions.settle(send(project, content), now=NOW)
    here = tmp_path / "here"
    here.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOOPCAST_HOME", str(folder))
        patch.setenv("DAGSTER_HOME", str(folder))
        patch.chdir(here)
        yield folder


def test_from_the_list_to_a_repaired_version() -> None:
    (row,) = read("list", "counts")
    assert (row["version"], row["rules"], row["state"]) == ("v00000002", ["not_a_number", "off_grid"], "open")
    shown = read("show", "counts", "v00000002")
    assert [(reason["row"], reason["rule"], reason["count"]) for reason in shown] == [
        (2, "not_a_number", "many"),
        (4, "off_grid", "6"),
    ]
    made = read("repair", "counts", "v00000002", "--drop-rows", "--set", "row=2,column=count,value=4")
    assert (made["rows"], made["rows_dropped"], made["violations_left"]) == (2, [4], 0)
    assert Path("v00000002-repaired.csv").read_bytes() == b"at,count\n2024-01-02 00:00,4\n2024-01-02 01:00,5\n"
    words = made["next"].split()[2:]
    sent = read(*words, "--reason", "recounted")
    assert (sent["version"], sent["status"], sent["added"], sent["duplicate"]) == ("v00000003", "accepted", 2, False)
    assert read(*words)["duplicate"]
    assert read("list", "counts")[0]["state"] == "resolved"
    assert "resolved" in run("list", "counts").output


def test_all_reasons_go_to_a_file_that_a_spreadsheet_opens_safely(home: Path) -> None:
    project = make_project(home)
    bad = b"at,count,=cmd\n2024-01-02 00:00,=1+1,x\n"
    project.store.versions.settle(send(project, bad), now=NOW)
    assert run("show", "counts", "v00000003", "--output", "reasons.csv").exit_code == 0
    table = pd.read_csv("reasons.csv")
    assert (len(table), table["rule"].tolist(), table["count"].tolist()[1]) == (
        2,
        ["unknown_column", "not_a_number"],
        "'=1+1",
    )
    assert "'=cmd" in table
    assert "found reasons.csv already" in str(run("show", "counts", "v00000003", "--output", "reasons.csv").exception)
    assert run("show", "counts", "v00000003", "--output", "reasons.csv", "--force").exit_code == 0
    assert "and 1 more" in run("show", "counts", "v00000003", "--rows", "1").output


def test_a_reason_for_the_whole_file_has_no_row_in_text_and_in_json(home: Path) -> None:
    project = make_project(home)
    project.store.versions.settle(send(project, b"at,count\n"), now=NOW)
    (reason,) = read("show", "counts", "v00000003")
    assert (reason["row"], reason["column"], reason["rule"]) == (None, None, "no_rows")
    assert "NA" not in run("show", "counts", "v00000003").output


def test_without_changes_the_file_is_written_as_it_came() -> None:
    made = read("repair", "counts", "v00000002")
    assert Path(made["file"]).read_bytes() == BAD
    assert (made["violations_left"], made["file"]) == (2, "v00000002-update.csv")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["resubmit", "counts", "v00000002"], "nothing is sent, as it would be refused again"),
        (["repair", "counts", "v00000002", "--set", "count=3"], "expected row=12,column=x,value=3"),
        (["repair", "counts", "v00000002", "--rename", "count"], "expected old=new"),
        (["repair", "counts", "v00000001"], "only refused versions have a refusal"),
        (["repair", "counts", "v00000002", "--output", "no/where.csv"], "expected a file's name in a folder"),
    ],
)
def test_what_cannot_be_done_is_said_and_leaves_nothing(words: list[str], told: str) -> None:
    result = run(*words)
    assert result.exit_code == 1
    assert told in str(result.exception)
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("name", ["list", "show", "repair", "resubmit"])
def test_every_command_has_help_with_an_example(name: str) -> None:
    assert f"Example: loopcast quarantine {name}" in " ".join(run(name, "--help").output.split())
