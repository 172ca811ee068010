"""Alerts by HTTP: any endpoint that takes JSON, and the incoming webhooks of Slack and of Microsoft Teams.

Here belong the forms they want and posting them. Not here: what is said.

References:
    Slack, "Block Kit: section block" (text of at most 3,000 characters, 50 blocks).
    Microsoft, "Adaptive Cards for Teams: incoming webhooks" (28 kB).
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import requests

from loopcast.alerts.message import Message
from loopcast.errors import ChannelError, SourceError, bound_text
from loopcast.sources.secrets import Secrets, describe_url
from loopcast.use_case.alerts import SlackChannel, TeamsChannel, WebhookChannel

TIMEOUT_S = 10.0
SLACK_LIMIT, TEAMS_LIMIT = 2_500, 900  # characters of one notice
TEAMS_NOTICES = 15
SIGNATURE, IDEMPOTENCY = "X-Loopcast-Signature", "Idempotency-Key"
CARD = "http://adaptivecards.io/schemas/adaptive-card.json"
TOLD_ANYWAY = "endpoint returned HTTP error"  # Teams says 200 and this

Hook = SlackChannel | TeamsChannel | WebhookChannel


def post(message: Message, channel: Hook, *, environment: Mapping[str, str]) -> None:
    """Post a message.

    Args:
        message: what is said.
        channel: where to.
        environment: where secrets are.

    Raises:
        ChannelError: the endpoint cannot be reached, or does not take it.
    """
    secrets, body = Secrets.of(channel, environment), write_body(message, channel)
    try:
        url = secrets.resolve(channel.url)
        headers = _write_headers(message, channel, body=body, secrets=secrets)
    except SourceError as error:
        raise ChannelError(f"{channel.label}: {error}") from error
    where = f"{channel.label} ({describe_url(channel.url)})"  # a webhook's path is a secret too
    try:
        answer = requests.post(url, data=body, headers=headers, timeout=TIMEOUT_S, allow_redirects=False)
    except requests.RequestException as error:
        raise ChannelError(f"{where} cannot be reached: {type(error).__name__}; check the URL, the network") from error
    said = answer.text[:200]
    if not 200 <= answer.status_code < 300 or TOLD_ANYWAY in said:
        told = bound_text(" ".join(secrets.mask(said).split()), limit=200)
        raise ChannelError(f"{where} does not take it: {answer.status_code} {told}; check the URL and its rights")


def write_body(message: Message, channel: Hook) -> bytes:
    """Return what is posted, as the channel wants it."""
    if isinstance(channel, SlackChannel):
        document = write_slack(message)
    elif isinstance(channel, TeamsChannel):
        document = write_teams(message)
    else:
        document = message.to_dict()
    return json.dumps(document, ensure_ascii=False).encode()


def sign(body: bytes, *, secret: str) -> str:
    """Return the signature of a body: `sha256=` and its HMAC, hexadecimal.

    References:
        Krawczyk, Bellare, Canetti (1997), RFC 2104.
    """
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def write_slack(message: Message) -> dict[str, Any]:
    """Return a message as Slack's blocks."""
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": _write_section(item)}} for item in message.items]
    rest = {"type": "context", "elements": [{"type": "mrkdwn", "text": _escape(" · ".join(message.rest))}]}
    return {"text": _escape(message.subject), "blocks": [*blocks, rest]}


def write_teams(message: Message) -> dict[str, Any]:
    """Return a message as an adaptive card in the envelope that Teams takes."""
    more = max(0, len(message.items) - TEAMS_NOTICES)
    message = replace(message, items=message.items[:TEAMS_NOTICES], left_out=message.left_out + more)
    body: list[dict[str, Any]] = [_text(message.subject, weight="Bolder", size="Medium")]
    for item in message.items:
        color = {"resolved": "Good", "over": "Good"}.get(item["what"]) or (
            "Attention" if item["severity"] == "error" else "Warning"
        )
        body.append(_text(item["headline"], weight="Bolder", color=color, separator=True))
        body.append(_text(bound_text(item["text"], limit=TEAMS_LIMIT), fontType="Monospace"))
        action = {"type": "Action.OpenUrl", "title": "Open", "url": item["link"]}
        body.append({"type": "ActionSet", "actions": [action]})
    body.append(_text(" · ".join(message.rest), isSubtle=True))
    card = {"$schema": CARD, "type": "AdaptiveCard", "version": "1.4", "body": body}
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _write_section(item: Mapping[str, Any]) -> str:
    """Return one notice in Slack's mark-up: a linked headline, and the rest in columns."""
    rest = bound_text(_escape(item["text"]), limit=SLACK_LIMIT)
    return f"*<{item['link']}|{_escape(item['headline'])}>*\n```{rest}```"


def _text(text: str, **how: Any) -> dict[str, Any]:
    return {"type": "TextBlock", "text": text.replace("\n", "\n\n"), "wrap": True, **how}


def _escape(text: str) -> str:
    """Return a text in which Slack finds no mark-up."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _write_headers(message: Message, channel: Hook, *, body: bytes, secrets: Secrets) -> dict[str, str]:
    headers = {"Content-Type": "application/json; charset=utf-8", IDEMPOTENCY: message.id}
    if not isinstance(channel, WebhookChannel):
        return headers
    headers |= {name: secrets.resolve(text) for name, text in channel.headers.items()}
    return {**headers, SIGNATURE: sign(body, secret=secrets.resolve(channel.secret))} if channel.secret else headers
