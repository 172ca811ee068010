"""Erasing on the command line: it says what is concerned, asks, and leaves nothing of it in the lake and the inbox."""

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from loopcast.cli.main import cli
from loopcast.cli.options import Moment
from loopcast.errors import CallerError, NotFoundError
from loopcast.loop.clock import to_clock
from loopcast.loop.forget import erase_rows, make_request
from loopcast.loop.ingest import take_inbox
from loopcast.loop.profile import PROFILES, profile_version
from loopcast.loop.project import Project, find_project
from loopcast.orchestration.settings import read_settings
from made_use_case import NOW, PANEL_YAML, YAML, make_home, make_project, send

FIRST = "region,shop,day,sales\nn,Xanadu,2024-01-01,1\nn,Xanadu,2024-01-02,2\ns,b,2024-01-01,3\n"
SECOND = "region,shop,day,sales\ns,b,2024-01-02,4\n"


def run(*words: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(cli, list(words), input=answer)


def read(*words: str) -> Any:
    result = run(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    home = make_home(tmp_path)
    folder = home / "platform" / "use_cases" / "shops"
    folder.mkdir()
    (folder / "defs.yaml").write_text(PANEL_YAML)
    monkeypatch.setenv("LOOPCAST_HOME", str(home))
    project = find_project("shops", settings=read_settings())
    for name, text in (("one.csv", FIRST), ("two.csv", SECOND)):
        (project.inbox / name).write_text(text)
        os.utime(project.inbox / name, (NOW.timestamp() - 60,) * 2)
        for claim in take_inbox(project, now=NOW):
            project.store.versions.settle(claim.version, now=NOW)
    return project


def texts_below(folder: Path) -> str:
    return "".join(path.read_bytes().decode("latin-1") for path in sorted(folder.rglob("*")) if path.is_file())


def test_a_series_is_erased_from_the_lake_and_the_inbox(project: Project, tmp_path: Path) -> None:
    words = ("erase", "shops", "--series", "region=n,shop=Xanadu", "--reason", "article 17")
    refused = run(*words, answer="n\n")
    assert refused.exit_code == 1
    assert "2 rows in 1 versions and" in refused.output
    assert "Xanadu" in texts_below(tmp_path)
    told = read(*words, "--yes")
    assert (told["rows"], told["versions"], told["erased"]) == (2, 1, True)
    assert "Xanadu" not in texts_below(tmp_path)
    assert [path.name for path in (project.inbox / "taken").iterdir()] == ["v00000002-two.csv"]
    assert read("verify", "shops")["damages"] == []
    assert read(*words, "--yes")["erased"] is False
    frame = project.store.versions.read("v00000002")
    assert frame["shop"].tolist() == ["b", "b"]


def test_one_key_is_erased_and_its_series_stays(project: Project) -> None:
    words = ("--series", "region=n,shop=Xanadu", "--key", "2024-01-02", "--reason", "broken scale", "--yes")
    assert read("erase", "shops", *words)["rows"] == 1
    assert project.store.versions.read("v00000001")["sales"].tolist() == [1.0, 3.0]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("--reason", "x"), "neither a series nor a time"),
        (("--series", "region=n", "--reason", "x"), "a value for each of the keys"),
        (("--series", "region=n,shop=Xanadu", "--reason", "Xanadu asks"), "names what is erased"),
        (("--key", "2024-01-01", "--from", "2024-01-01", "--reason", "x"), "one timestamp or a range"),
    ],
)
def test_what_is_not_clear_is_not_erased(project: Project, words: tuple[str, ...], found: str) -> None:
    with pytest.raises(CallerError, match=found):
        CliRunner().invoke(cli, ["erase", "shops", "--yes", *words], catch_exceptions=False)
    assert len(project.store.versions.read("v00000001")) == 3


def test_uploads_that_are_old_enough_go_with_their_copies(project: Project) -> None:
    assert read("retain", "shops", "--uploads-older-than", "99999D")["uploads_deleted"] == 0
    assert read("retain", "shops", "--uploads-older-than", "0D")["uploads_deleted"] == 2
    assert list((project.inbox / "taken").iterdir()) == []
    assert read("verify", "shops")["damages"] == []
    with pytest.raises(CallerError, match="365D"):
        CliRunner().invoke(cli, ["retain", "shops", "--uploads-older-than", "soon"], catch_exceptions=False)


def test_a_series_is_erased_from_its_profiles_too(project: Project, tmp_path: Path) -> None:
    profile_version(project, "v00000002", now=NOW)
    assert project.store.outputs.read(PROFILES, "v00000002")["series"].eq("n / Xanadu").any()
    read("erase", "shops", "--series", "region=n,shop=Xanadu", "--reason", "article 17", "--yes")
    assert set(project.store.outputs.read(PROFILES, "v00000002")["series"]) >= {"s / b"}
    assert "Xanadu" not in texts_below(tmp_path)
    assert run("verify", "shops").exit_code == 0


def test_days_are_those_of_the_use_case_and_the_last_one_is_whole(tmp_path: Path) -> None:
    yaml = YAML.format(name="counts").replace("frequency: h", "frequency: h\n  time_zone: Europe/Copenhagen")
    zoned = make_project(tmp_path, yaml=yaml)
    hours = pd.date_range("2024-06-10", "2024-06-13", freq="h", inclusive="left")
    sent = send(zoned, pd.DataFrame({"at": hours, "count": 1.0}))
    zoned.store.versions.settle(sent, now=NOW)
    first, last = Moment().convert("2024-06-11", None, None), Moment(is_end=True).convert("2024-06-11", None, None)
    request = make_request(zoned, series=None, start=first, end=last, actor="ana", reason="asked for")
    erase_rows(zoned, request, salt="s", now=NOW)
    left = to_clock(zoned.store.versions.read(sent), ["at"], zone="Europe/Copenhagen")["at"]
    assert left.dt.day.value_counts().to_dict() == {10: 24, 12: 24}


def test_times_are_shown_and_asked_for_on_the_use_case_s_own_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    yaml = YAML.format(name="counts").replace("frequency: h", "frequency: h\n  time_zone: Europe/Copenhagen")
    zoned = make_project(tmp_path, yaml=yaml)
    hours = pd.date_range("2024-06-10", periods=72, freq="h")
    zoned.store.versions.settle(send(zoned, pd.DataFrame({"at": hours, "count": 1.0})), now=NOW)
    monkeypatch.setenv("LOOPCAST_HOME", str(tmp_path))
    shown = read("show", "counts", "--start", "2024-06-11", "--end", "2024-06-11", "--rows", "99")
    assert [row["at"] for row in (shown[0], shown[-1])] == ["2024-06-11 00:00:00+02:00", "2024-06-11 23:00:00+02:00"]
    assert read("versions", "counts")[0]["until"] == "2024-06-12 23:00"


def test_a_version_that_is_not_there_is_told_with_the_newest_one(project: Project) -> None:
    with pytest.raises(NotFoundError, match="no settled version v00000009; the newest is v00000002"):
        project.store.versions.record("v00000009")
