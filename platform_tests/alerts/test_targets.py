"""Who is told: the defaults, the owners, addresses that several channels name, and what each of them wants."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from loopcast.alerts.alert import Finding
from loopcast.alerts.message import Message
from loopcast.alerts.targets import AlertSettings, list_targets, send
from loopcast.use_case.model import UseCase
from made_use_case import YAML

FINDING = Finding(
    "failed_check", "forecast", "output", "error", datetime(2026, 3, 2, tzinfo=UTC), "e", "found", "expected", "do", "/"
)
OWNERS = ["ana@example.org", "team:planning", "ben@example.org"]


def make_use_case(alerts: dict[str, Any] | None = None) -> UseCase:
    attributes = yaml.safe_load(YAML.format(name="counts"))["attributes"]
    return UseCase.model_validate({**attributes, "owners": OWNERS, **({"alerts": alerts} if alerts else {})})


def settings(folder: Path = Path(), **environment: str) -> AlertSettings:
    return AlertSettings(folder, "http://ui", environment)


def test_without_a_word_in_the_yaml_it_is_a_file_and_mail_to_the_owners_once_there_is_a_server() -> None:
    assert [target.key for target in list_targets(make_use_case(), settings())] == ["file"]
    keys = [target.key for target in list_targets(make_use_case(), settings(LOOPCAST_SMTP="smtp://h"))]
    assert keys == ["file", "mail:ana@example.org", "mail:ben@example.org"]


def test_an_empty_list_of_channels_tells_nobody() -> None:
    assert list_targets(make_use_case({"channels": []}), settings(LOOPCAST_SMTP="smtp://h")) == []


def test_an_address_in_two_channels_is_one_target_that_wants_what_either_wants() -> None:
    channels = [
        {"kind": "mail", "to": ["eva@example.org"], "kinds": ["overdue"]},
        {"kind": "mail", "to": ["eva@example.org", "ana@example.org"], "kinds": ["failed_check"], "least": "error"},
    ]
    eva, ana = list_targets(make_use_case({"channels": channels}), settings())
    assert (eva.key, ana.key) == ("mail:eva@example.org", "mail:ana@example.org")
    wanted = [eva.wants(replace(FINDING, kind=kind, severity="warning")) for kind in ("overdue", "failed_check")]
    assert wanted == [True, False]
    assert [target.wants(FINDING) for target in (eva, ana)] == [True, True]


@pytest.mark.parametrize(("path", "file"), [(None, "counts.jsonl"), ("plant/all.jsonl", "plant/all.jsonl")])
def test_a_file_is_below_the_folder_of_alerts(tmp_path: Path, path: str | None, file: str) -> None:
    (target,) = list_targets(make_use_case({"channels": [{"kind": "file", "path": path}]}), settings(tmp_path))
    send(Message("0f", "counts", FINDING.at, "s", ()), target, settings(tmp_path))
    assert (tmp_path / file).is_file()
