"""`loopcast alerts`: what is open, whether messages arrive, being left alone for a while."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from alert_servers import MailSink
from loopcast.alerts.alert import Finding
from loopcast.cli.main import cli
from loopcast.errors import CallerError
from loopcast.loop.alerts.book import Observed
from loopcast.loop.alerts.rounds import tell
from loopcast.loop.project import Project
from loopcast.orchestration.settings import read_alert_settings
from made_use_case import make_project

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
FINDING = Finding("overdue", "dataset", "freshness", "error", NOW, "e", "nothing new", "an update", "ask", "/assets/a")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("LOOPCAST_HOME", str(tmp_path))
    return make_project(tmp_path)


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["alerts", *words])


def test_what_is_open_is_listed_with_who_was_told(project: Project, tmp_path: Path) -> None:
    assert json.loads(run("list", "counts", "--json").stdout) == []
    tell(project, Observed((FINDING,)), settings=read_alert_settings(), now=NOW)
    (row,) = json.loads(run("list", "counts", "--json").stdout)
    assert (row["alert"], row["count"], row["told"], row["muted"]) == ("overdue/dataset/freshness", 1, ["file"], False)
    assert "overdue/dataset/freshness" in run("list", "counts").stdout
    (line,) = (tmp_path / ".loopcast/alerts/counts.jsonl").read_text().splitlines()
    assert json.loads(line)["alerts"][0]["link"] == "http://127.0.0.1:3000/assets/a"


def test_a_message_that_did_not_arrive_is_listed_too(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOPCAST_SMTP", "smtp://127.0.0.1:9?tls=none")
    tell(project, Observed((FINDING,)), settings=read_alert_settings(), now=NOW)
    assert "mail:ana@example.org: [loopcast] counts: error: dataset is overdue: " in run("list", "counts").stderr


def test_a_trial_says_where_it_arrived_and_fails_where_it_did_not(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with MailSink() as sink:
        monkeypatch.setenv("LOOPCAST_SMTP", sink.url)
        done = run("test", "counts", "--json")
        assert [row["arrived"] for row in json.loads(done.stdout)] == [True, True]
        assert (done.exit_code, len(sink.mails)) == (0, 1)
    assert run("test", "counts").exit_code == 1


def test_muting_is_kept_with_who_and_why_and_taken_back_with_0(project: Project) -> None:
    (row,) = json.loads(
        run("mute", "counts", "--alert", "overdue", "--for", "2D", "--reason", "closed", "--json").stdout
    )
    assert (row["pattern"], row["reason"]) == ("overdue", "closed")
    tell(project, Observed((FINDING,)), settings=read_alert_settings(), now=datetime.now(UTC))
    (row,) = json.loads(run("list", "counts", "--json").stdout)
    assert (row["muted"], row["told"]) == (True, [])
    assert json.loads(run("mute", "counts", "--alert", "overdue", "--for", "0", "--json").stdout) == []
    assert isinstance(run("mute", "counts", "--for", "long").exception, CallerError)
