"""What docs/alerts.md says is there: the kinds, the fields, the variables, the example mail as it really looks."""

import re
from pathlib import Path
from typing import get_args

import yaml

from alert_servers import MailSink
from loopcast.alerts.targets import AlertSettings
from loopcast.cli.main import cli
from loopcast.loop.alerts.findings import find_refused
from loopcast.loop.alerts.rounds import tell
from loopcast.loop.contract import settle_version
from loopcast.orchestration.settings import read_alert_settings
from loopcast.use_case.alerts import Alerts, AnyChannel, Kind
from made_use_case import NOW, make_counts, make_project, send

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "alerts.md").read_text("utf-8")


def section(name: str) -> str:
    return PAGE.split(f"\n## {name}\n")[1].split("\n## ")[0]


def names_in_rows(text: str) -> list[str]:
    cells = re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def test_every_kind_of_alert_is_explained() -> None:
    assert sorted(names_in_rows(section("What is an alert"))) == sorted(get_args(Kind))


def test_the_yaml_shown_is_valid_and_its_values_are_the_defaults() -> None:
    shown = yaml.safe_load(re.search(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)[1])["alerts"]
    alerts = Alerts.model_validate(shown)
    assert (alerts.digest, alerts.repeat) == (Alerts().digest, Alerts().repeat)
    kinds = {channel.kind for channel in alerts.channels or ()}
    assert kinds == {model.model_fields["kind"].annotation.__args__[0] for model in _channels()}


def test_every_field_of_every_channel_is_explained() -> None:
    fields = {name for model in _channels() for name in model.model_fields} - {"kind"}
    assert set(names_in_rows(section("YAML"))) == fields


def test_the_variables_named_are_those_that_count() -> None:
    text = section("Environment")
    defaults = dict(re.findall(r"^\| `(LOOPCAST_\w+)` \|[^|]*\| `([^`|]+)` \|$", text, re.MULTILINE))
    settings = read_alert_settings({"LOOPCAST_HOME": "/h"})
    assert (defaults["LOOPCAST_URL"], Path("/h") / defaults["LOOPCAST_ALERTS"]) == (settings.url, settings.folder)
    code = "".join(file.read_text() for file in (ROOT / "platform/loopcast").rglob("*.py"))
    named = names_in_rows(text)
    assert len(named) == 4
    assert [name for name in named if f'"{name}"' not in code] == []


def test_the_commands_that_messages_name_exist() -> None:
    package = ROOT / "platform/loopcast"
    files = ("loop/alerts/findings.py", "orchestration/alerting.py", "alerts/message.py")
    code = "".join((package / file).read_text() for file in files)
    named = set(re.findall(r"loopcast ([a-z]+) ([a-z]+)?", code))
    assert len(named) > 4
    for name, sub in named:
        assert not sub or sub in cli.commands[name].commands


def test_the_mail_shown_is_the_mail_sent_and_its_document_has_the_fields_named(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    frame = make_counts("2024-01-01", 1)
    frame.loc[3, "count"] = -1.0
    settle_version(project, send(project, frame, name="monday.csv"), by="test", now=NOW)
    found = find_refused(project, after=None, now=NOW)
    with MailSink() as sink:
        settings = AlertSettings(tmp_path, read_alert_settings({}).url, {"LOOPCAST_SMTP": sink.url})
        done = tell(project, found, settings=settings, now=NOW)
        (mail,) = sink.mails
    shown = re.search(r"^```\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)[1]
    assert f"Subject: {mail.subject}\n\n{mail.text}".splitlines() == shown.splitlines()
    assert [target for target, _ in done.delivered] == ["file", "mail:ana@example.org"]
    (line,) = (tmp_path / "counts.jsonl").read_text("utf-8").splitlines()
    document = yaml.safe_load(line)
    assert set(names_in_rows(section("Channels"))) == set(document["alerts"][0])
    assert {f"`{name}`" for name in document} <= set(re.findall(r"`\w+`", section("Channels")))


def _channels() -> tuple[type, ...]:
    union, *_ = get_args(AnyChannel)
    return get_args(union)
