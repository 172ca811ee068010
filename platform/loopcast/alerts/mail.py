"""Alerts by e-mail: one message to one address through the server that LOOPCAST_SMTP names.

Here belong the only calls of smtplib. Not here: to whom, and what is written.

The variable holds a URL: `smtp://user:password@host:587` goes on encrypted (STARTTLS) or not at all, `smtps://host:465`
is encrypted from the start, `smtp://host:25?tls=none` is for a server on a network that is trusted.
"""

import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Literal, Self
from urllib.parse import parse_qs, unquote, urlsplit

from loopcast.alerts.message import Message
from loopcast.errors import ChannelError, bound_text
from loopcast.sources.secrets import Secrets

SERVER, SENDER = "LOOPCAST_SMTP", "LOOPCAST_ALERTS_FROM"
EXPECTED = "expected smtp://user:password@host:port, with ?tls=starttls, tls or none, or smtps://..."
PORTS = {"tls": 465, "starttls": 587, "none": 25}
TIMEOUT_S = 10.0
UNFOLDED = SMTP.clone(max_line_length=500)  # folded subjects begin with a blank in some programs
DOMAIN = "loopcast.invalid"  # of message ids: a name that is nobody's

Tls = Literal["tls", "starttls", "none"]


@dataclass(frozen=True)
class MailServer:
    """Where mail is handed over.

    Args:
        host: its name.
        port: its port.
        tls: `tls` from the start, `starttls` before anything is said, `none`.
        user: who logs in; empty: nobody does.
        password: with which password.
    """

    host: str
    port: int
    tls: Tls
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str) -> Self:
        """Return the server that a URL names.

        Raises:
            ChannelError: it is none; the message does not quote it.

        Examples:
            >>> MailServer.parse("smtp://ana:x%40y@mail.example.org")
            MailServer(host='mail.example.org', port=587, tls='starttls', user='ana')
        """
        try:
            parts = urlsplit(url)
            port, host = parts.port, parts.hostname
            tls = parse_qs(parts.query, strict_parsing=bool(parts.query)).get("tls", [""])[0]
        except ValueError as error:
            raise ChannelError(f"{SERVER} is no URL of a mail server; {EXPECTED}") from error
        tls = tls or ("tls" if parts.scheme == "smtps" else "starttls")
        if parts.scheme not in {"smtp", "smtps"} or not host or tls not in PORTS:
            raise ChannelError(f"{SERVER} is no URL of a mail server; {EXPECTED}")
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        return cls(host, port or PORTS[tls], tls, user, password)  # type: ignore[arg-type]


def send_mail(message: Message, *, to: str, environment: Mapping[str, str]) -> None:
    """Hand a message to the mail server.

    Args:
        message: what is said.
        to: the address.
        environment: where LOOPCAST_SMTP is.

    Raises:
        ChannelError: the server cannot be reached, or does not take it.
    """
    url = environment.get(SERVER)
    if not url:
        raise ChannelError(f"the variable {SERVER} is not set; set it where the daemon is started, {EXPECTED}")
    server = MailServer.parse(url)
    mail = write_mail(message, to=to, sender=environment.get(SENDER) or _sender_of(server))
    try:
        _hand_over(mail, server)
    except (smtplib.SMTPException, OSError) as error:
        said = Secrets({SERVER: url, "password": server.password}).mask(str(error) or type(error).__name__)
        raise ChannelError(
            f"the mail server {server.host}:{server.port} does not take it: {bound_text(said, limit=300)}; "
            f"check {SERVER}, the network and the address {to}"
        ) from error


def write_mail(message: Message, *, to: str, sender: str) -> EmailMessage:
    """Return a message as e-mail; sent again it has the same Message-ID."""
    mail = EmailMessage(policy=UNFOLDED)
    mail["Subject"] = " ".join(message.subject.split())
    mail["From"], mail["To"] = sender, to
    mail["Date"] = format_datetime(message.at)
    mail["Message-ID"] = f"<{message.id}@{DOMAIN}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text)
    return mail


def _hand_over(mail: EmailMessage, server: MailServer) -> None:
    context = ssl.create_default_context()
    connection = (
        smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_S, context=context)
        if server.tls == "tls"
        else smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_S)
    )
    with connection:
        if server.tls == "starttls":
            connection.starttls(context=context)
        if server.user:
            connection.login(server.user, server.password)
        connection.send_message(mail)


def _sender_of(server: MailServer) -> str:
    """Return who sends where nobody says so: most servers take only what comes from whoever logs in."""
    return server.user if "@" in server.user else f"loopcast@{server.host}"
