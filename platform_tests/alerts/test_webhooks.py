"""Posts to a real endpoint on this machine: signed JSON, Slack's blocks, the card of Teams, and what goes wrong."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from alert_servers import Hook
from loopcast.alerts.message import Message
from loopcast.alerts.webhooks import post, write_body
from loopcast.errors import ChannelError
from loopcast.use_case.alerts import SlackChannel, TeamsChannel, WebhookChannel

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
ITEM = {
    "headline": "error: check output of forecast fails",
    "text": "  found     lower <= upper & more\n  rule      output",
    "link": "http://ui/assets/counts/forecast?view=checks&checkDetail=output",
    "what": "raised",
    "severity": "error",
}
MESSAGE = Message("0f" * 16, "counts", NOW, "[loopcast] counts: error: check <output>", (ITEM,))
SLACK = SlackChannel(kind="slack", url={"env": "HOOK"})
TEAMS = TeamsChannel(kind="teams", url={"env": "HOOK"})


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as hook:
        yield hook


def test_a_webhook_gets_json_with_an_idempotency_key_its_headers_and_a_signature(hook: Hook) -> None:
    channel = WebhookChannel(
        kind="webhook", url={"env": "HOOK"}, headers={"Authorization": {"env": "TOKEN"}}, secret={"env": "KEY"}
    )
    post(MESSAGE, channel, environment={"HOOK": hook.url, "TOKEN": "Bearer abc", "KEY": "shared"})
    (posted,) = hook.posted
    assert posted.document == {
        "id": "0f" * 16,
        "use_case": "counts",
        "at": "2026-03-02T08:00:00+00:00",
        "subject": MESSAGE.subject,
        "alerts": [ITEM],
        "left_out": 0,
    }
    assert (posted.headers["Idempotency-Key"], posted.headers["Authorization"]) == ("0f" * 16, "Bearer abc")
    expected = hmac.new(b"shared", posted.body, hashlib.sha256).hexdigest()
    assert posted.headers["X-Loopcast-Signature"] == f"sha256={expected}"


def test_slack_gets_a_fallback_text_and_one_section_per_notice_without_stray_mark_up(hook: Hook) -> None:
    post(MESSAGE, SLACK, environment={"HOOK": hook.url})
    document = hook.posted[0].document
    assert document["text"] == "[loopcast] counts: error: check &lt;output&gt;"
    section, rest = document["blocks"]
    assert section["type"] == "section"
    assert section["text"]["text"] == (
        f"*<{ITEM['link']}|error: check output of forecast fails>*\n"
        "```  found     lower &lt;= upper &amp; more\n  rule      output```"
    )
    assert rest["elements"][0]["text"] == "All that is open: loopcast alerts list counts"


def test_teams_gets_an_adaptive_card_with_a_button_per_notice(hook: Hook) -> None:
    hook.status, hook.answer = 202, ""
    post(replace(MESSAGE, items=(ITEM, {**ITEM, "what": "resolved"})), TEAMS, environment={"HOOK": hook.url})
    document = hook.posted[0].document
    (attachment,) = document["attachments"]
    card = attachment["content"]
    assert (document["type"], attachment["contentType"]) == ("message", "application/vnd.microsoft.card.adaptive")
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert [block["actions"][0]["url"] for block in card["body"] if block["type"] == "ActionSet"] == [ITEM["link"]] * 2
    assert [block["color"] for block in card["body"] if "color" in block] == ["Attention", "Good"]


def test_the_largest_message_stays_within_the_limits_of_slack_and_teams() -> None:
    item = {**ITEM, "headline": "h" * 120, "text": "<" * 4_000}
    message = replace(MESSAGE, items=(item,) * 30, left_out=4)
    card = write_body(message, TEAMS)
    assert len(card) < 28_000
    assert "and 19 more" in card.decode()
    blocks = json.loads(write_body(message, SLACK))["blocks"]
    assert len(blocks) <= 50
    assert max(len(block["text"]["text"]) for block in blocks if "text" in block) <= 3_000


@pytest.mark.parametrize(
    ("status", "answer"), [(404, "no_team"), (500, ""), (302, ""), (200, "endpoint returned HTTP error 429")]
)
def test_what_an_endpoint_refuses_is_told_without_the_secret_in_its_url(hook: Hook, status: int, answer: str) -> None:
    hook.status, hook.answer = status, answer
    with pytest.raises(ChannelError, match=rf"slack \(\$HOOK\) does not take it: {status} {answer}") as raised:
        post(MESSAGE, SLACK, environment={"HOOK": hook.url})
    assert "very-secret" not in str(raised.value)


def test_an_answer_that_repeats_the_secret_is_told_without_it(hook: Hook) -> None:
    hook.status, hook.answer = 403, f"you asked {hook.url}"
    with pytest.raises(ChannelError, match=r"you asked \*\*\*") as raised:
        post(MESSAGE, SLACK, environment={"HOOK": hook.url})
    assert "very-secret" not in str(raised.value)


def test_an_endpoint_that_is_not_there_and_a_variable_that_is_not_set_are_told() -> None:
    with pytest.raises(ChannelError, match=r"cannot be reached: ConnectionError") as raised:
        post(MESSAGE, SLACK, environment={"HOOK": "http://127.0.0.1:9/very-secret"})
    assert "very-secret" not in str(raised.value)
    with pytest.raises(ChannelError, match="teams: the variable HOOK is not set"):
        post(MESSAGE, TEAMS, environment={})
    with pytest.raises(ChannelError, match="cannot be reached: InvalidURL"):
        post(MESSAGE, SLACK, environment={"HOOK": "no url"})
