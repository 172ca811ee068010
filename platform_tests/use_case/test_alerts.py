"""What may stand under `alerts:`: the defaults, and what is refused with words."""

from typing import Any

import pytest
from pydantic import ValidationError

from loopcast.use_case.alerts import Alerts, FileChannel, MailChannel, WebhookChannel


def test_nothing_said_means_the_default_channels_a_short_digest_and_a_daily_reminder() -> None:
    alerts = Alerts()
    assert (alerts.channels, alerts.digest, alerts.repeat) == (None, "10min", "1D")


def test_channels_are_told_apart_by_their_kind() -> None:
    channels = [
        {"kind": "mail", "to": ["ana@example.org"]},
        {"kind": "file"},
        {"kind": "webhook", "url": "https://hooks.example.org/loopcast", "least": "error"},
    ]
    found = Alerts.model_validate({"channels": channels}).channels or ()
    assert [type(channel) for channel in found] == [MailChannel, FileChannel, WebhookChannel]


@pytest.mark.parametrize(
    ("channel", "expected"),
    [
        ({"kind": "pager"}, "'mail', 'slack', 'teams', 'webhook', 'file'"),
        ({"kind": "mail", "to": ["team:planning"]}, "an e-mail address"),
        ({"kind": "slack", "url": "https://hooks.slack.com/services/T0/B0/secret"}, "FromEnvironment"),
        ({"kind": "webhook", "url": "https://ana:secret@example.org"}, "a URL without a password"),
        ({"kind": "file", "kinds": ["drift"]}, "'failed_check'"),
        ({"kind": "file", "quiet": "22-6"}, "two different times of day"),
    ],
)
def test_what_is_wrong_is_refused_with_what_is_expected(channel: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        Alerts.model_validate({"channels": [channel]})


def test_two_channels_of_one_name_are_refused_as_their_messages_could_not_be_told_apart() -> None:
    hooks = [{"kind": "slack", "url": {"env": name}} for name in ("A", "B")]
    with pytest.raises(ValidationError, match="slack is there twice"):
        Alerts.model_validate({"channels": hooks})
    named = [{**hook, "name": f"hook_{number}"} for number, hook in enumerate(hooks)]
    assert len(Alerts.model_validate({"channels": named}).channels or ()) == 2
