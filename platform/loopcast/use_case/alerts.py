"""Whom a use case tells what is the matter, and how, as a user may write it under `alerts:` in `defs.yaml`.

How a message gets there is in `loopcast.alerts`; what is an alert, and when it is told, in
`loopcast.loop.alerts.rounds`.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from loopcast.use_case.fields import Duration, Frozen, Name
from loopcast.use_case.policies import Hours
from loopcast.use_case.sources import FromEnvironment, Text, Url

ADDRESS = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}")  # as in owners

Kind = Literal["failed_check", "refused_update", "source", "failed_run", "overdue", "deterioration", "approval"]
Severity = Literal["error", "warning"]


def _check_address(value: str) -> str:
    if ADDRESS.fullmatch(value) is None:
        raise ValueError("an e-mail address")
    return value


Address = Annotated[str, AfterValidator(_check_address)]


class Channel(Frozen):
    """What all channels have."""

    name: Name | None = Field(default=None, description="Name of the channel; default: its kind.")
    kinds: tuple[Kind, ...] = Field(default=(), description="Which alerts it is told; none named: all.")
    least: Severity = Field(default="warning", description="error: warnings are not told here.")
    quiet: Hours | None = Field(
        default=None,
        description="When nothing is told here, such as 22:00-06:00, on the use case's clock: it is told afterwards.",
    )

    @property
    def label(self) -> str:
        """The channel's name, its kind where it has none of its own."""
        return self.name or str(getattr(self, "kind", ""))


class MailChannel(Channel):
    """E-mail, one message per recipient."""

    kind: Literal["mail"] = Field(description="mail.")
    to: tuple[Address, ...] = Field(default=(), description="Recipients; default: the owners that are addresses.")


class SlackChannel(Channel):
    """An incoming webhook of Slack."""

    kind: Literal["slack"] = Field(description="slack.")
    url: FromEnvironment = Field(description="{env: NAME} of the variable that holds the webhook's URL.")


class TeamsChannel(Channel):
    """An incoming webhook of Microsoft Teams, as its workflows make them."""

    kind: Literal["teams"] = Field(description="teams.")
    url: FromEnvironment = Field(description="{env: NAME} of the variable that holds the webhook's URL.")


class WebhookChannel(Channel):
    """Any endpoint that takes JSON."""

    kind: Literal["webhook"] = Field(description="webhook.")
    url: Url = Field(description="Where JSON is posted; {env: NAME} where it is secret.")
    headers: dict[str, Text] = Field(default_factory=dict, description="Headers; {env: NAME} where they are secret.")
    secret: FromEnvironment | None = Field(
        default=None, description="{env: NAME}: the body is signed with it (HMAC-SHA256)."
    )


class FileChannel(Channel):
    """A file with one JSON document per line."""

    kind: Literal["file"] = Field(description="file.")
    path: str | None = Field(
        default=None, description="File, absolute or below the alerts folder; default: <use case>.jsonl."
    )


AnyChannel = Annotated[
    MailChannel | SlackChannel | TeamsChannel | WebhookChannel | FileChannel, Field(discriminator="kind")
]


def _check_channels(value: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
    labels = [channel.label for channel in value or () if not isinstance(channel, MailChannel)]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise ValueError(f"channels with names that differ; {', '.join(twice)} is there twice")
    return value


class Alerts(Frozen):
    """Who is told what is the matter."""

    channels: Annotated[tuple[AnyChannel, ...] | None, AfterValidator(_check_channels)] = Field(
        default=None,
        description="Where alerts go; default: a file, and mail to the owners as soon as LOOPCAST_SMTP is set.",
    )
    digest: Duration = Field(
        default="10min",
        description="What comes up within it after a message goes out in one; how long a warning waits.",
    )
    repeat: Duration | None = Field(
        default="1D", description="An error that is still open is told again after so long; null: never."
    )
