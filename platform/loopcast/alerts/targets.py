"""Targets: each place where the alerts of a use case go, and sending one message there.

Here belongs who is told. Not here: how each channel does it, in its own module, and when.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loopcast.alerts.alert import Finding
from loopcast.alerts.mail import send_mail
from loopcast.alerts.message import Message
from loopcast.alerts.webhooks import post
from loopcast.alerts.write_file import append_line
from loopcast.use_case.alerts import ADDRESS, AnyChannel, FileChannel, MailChannel
from loopcast.use_case.model import UseCase


@dataclass(frozen=True)
class AlertSettings:
    """What alerts take from the machine.

    Args:
        folder: where files of alerts are.
        url: where the UI is, for links; without a slash at its end.
        environment: where secrets are, and the mail server (`LOOPCAST_SMTP`, `LOOPCAST_ALERTS_FROM`).
    """

    folder: Path
    url: str
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Target:
    """One place where alerts go.

    Args:
        key: its name: the channel's label, and the address where it is mail.
        channels: the channels that lead there; what any of them wants is told.
    """

    key: str
    channels: tuple[AnyChannel, ...]

    def wants(self, finding: Finding) -> bool:
        """Return whether it is to be told of a finding."""
        return any(
            (not channel.kinds or finding.kind in channel.kinds)
            and (channel.least == "warning" or finding.severity == "error")
            for channel in self.channels
        )


def list_targets(use_case: UseCase, settings: AlertSettings) -> list[Target]:
    """Return where the alerts of a use case go: each address once, however many channels name it.

    Where the use case says nothing: a file, and mail to its owners as soon as there is a mail server.
    """
    channels = use_case.alerts.channels
    if channels is None:
        mail = (MailChannel(kind="mail"),) if settings.environment.get("LOOPCAST_SMTP") else ()
        channels = (FileChannel(kind="file"), *mail)
    owners = tuple(owner for owner in use_case.owners if ADDRESS.fullmatch(owner))
    found: dict[str, tuple[AnyChannel, ...]] = {}
    for channel in channels:
        for key in dict.fromkeys(_list_keys(channel, owners)):
            found[key] = (*found.get(key, ()), channel)
    return [Target(key, leading) for key, leading in found.items()]


def _list_keys(channel: AnyChannel, owners: Sequence[str]) -> list[str]:
    """Return the keys of a channel's targets: mail has one per address."""
    if isinstance(channel, MailChannel):
        return [f"mail:{address}" for address in channel.to or owners]
    return [channel.label]


def send(message: Message, target: Target, settings: AlertSettings) -> None:
    """Deliver a message.

    Raises:
        ChannelError: it could not be delivered; it may be sent again.
    """
    channel = target.channels[0]
    if isinstance(channel, MailChannel):
        send_mail(message, to=target.key.partition(":")[2], environment=settings.environment)
    elif isinstance(channel, FileChannel):
        append_line(message, file=settings.folder / (channel.path or f"{message.use_case}.jsonl"))
    else:
        post(message, channel, environment=settings.environment)
