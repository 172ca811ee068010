"""Mail through a real server on this machine: in the clear, encrypted, logged in, refused, not there."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from alert_servers import HOST, MailSink, make_certificate
from loopcast.alerts.mail import MailServer, send_mail, write_mail
from loopcast.alerts.message import Message
from loopcast.errors import ChannelError

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
ITEM = {"headline": "error: Prüfung fails", "text": "  found     zwölf > elf\n.\n  look      http://ui/assets/counts"}
MESSAGE = Message("0f" * 16, "counts", NOW, "[loopcast] counts: error:\nPrüfung fails", (ITEM,))
TO = "ana@example.org"


def test_a_mail_arrives_as_it_was_written() -> None:
    with MailSink() as sink:
        send_mail(MESSAGE, to=TO, environment={"LOOPCAST_SMTP": sink.url})
    (mail,) = sink.mails
    assert (mail.to, mail.encrypted, mail.user) == ((TO,), False, "")
    assert mail.subject == "[loopcast] counts: error: Prüfung fails"
    assert mail.text.splitlines() == MESSAGE.text.splitlines()
    assert mail.content["From"] == f"loopcast@{HOST}"
    assert mail.content["Auto-Submitted"] == "auto-generated"
    assert mail.content["Date"].datetime == NOW


def test_sent_again_it_has_the_same_id() -> None:
    first, second = (write_mail(MESSAGE, to=TO, sender="l@example.org")["Message-ID"] for _ in range(2))
    assert first == second == f"<{'0f' * 16}@loopcast.invalid>"


def test_starttls_and_a_log_in_come_first_and_the_certificate_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls, authority = make_certificate(tmp_path)
    with MailSink(tls=tls) as sink:
        url = {"LOOPCAST_SMTP": f"smtp://loop%40example.org:very%2Fsecret@localhost:{sink.port}"}
        with pytest.raises(ChannelError, match="CERTIFICATE_VERIFY_FAILED"):
            send_mail(MESSAGE, to=TO, environment=url)
        assert sink.mails == []
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        send_mail(MESSAGE, to=TO, environment=url)
    (mail,) = sink.mails
    assert (mail.user, mail.encrypted, mail.content["From"]) == ("loop@example.org", True, "loop@example.org")


def test_a_server_without_starttls_gets_neither_password_nor_mail() -> None:
    with MailSink() as sink:
        url = f"smtp://loop:very-secret@{HOST}:{sink.port}"
        with pytest.raises(ChannelError, match="STARTTLS extension not supported") as raised:
            send_mail(MESSAGE, to=TO, environment={"LOOPCAST_SMTP": url})
    assert sink.mails == []
    assert "very-secret" not in str(raised.value)


def test_what_the_server_says_is_told_without_the_password() -> None:
    with MailSink(log_in="535 very/secret is no password of loop") as sink:
        url = {"LOOPCAST_SMTP": f"smtp://loop:very%2Fsecret@{HOST}:{sink.port}?tls=none"}
        with pytest.raises(ChannelError, match=r"535.*\*\*\* is no password") as raised:
            send_mail(MESSAGE, to=TO, environment=url)
    assert "very" not in str(raised.value)


def test_a_refused_recipient_and_a_server_that_is_not_there_are_told() -> None:
    with MailSink(refused=(TO,)) as sink:
        with pytest.raises(ChannelError, match="550"):
            send_mail(MESSAGE, to=TO, environment={"LOOPCAST_SMTP": sink.url})
        url = sink.url
    with pytest.raises(ChannelError, match="Connection refused"):
        send_mail(MESSAGE, to=TO, environment={"LOOPCAST_SMTP": url})
    with pytest.raises(ChannelError, match="the variable LOOPCAST_SMTP is not set"):
        send_mail(MESSAGE, to=TO, environment={})


@pytest.mark.parametrize(
    ("url", "host", "port", "tls"),
    [
        ("smtp://mail.example.org", "mail.example.org", 587, "starttls"),
        ("smtps://mail.example.org", "mail.example.org", 465, "tls"),
        ("smtp://mail.example.org:2525?tls=tls", "mail.example.org", 2525, "tls"),
        ("smtp://10.0.0.1?tls=none", "10.0.0.1", 25, "none"),
    ],
)
def test_a_url_says_host_port_and_encryption(url: str, host: str, port: int, tls: str) -> None:
    assert MailServer.parse(url) == MailServer(host, port, tls)


@pytest.mark.parametrize(
    "url", ["mail.example.org", "smtp://", "http://a.b", "smtp://u:pass-word@h:x", "smtp://h?tls=ssl", "smtp://h?tls"]
)
def test_what_is_no_url_of_a_mail_server_is_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(ChannelError, match="expected smtp://") as raised:
        MailServer.parse(url)
    assert "pass-word" not in str(raised.value)
    assert "pass-word" not in repr(MailServer.parse("smtp://u:pass-word@h"))
