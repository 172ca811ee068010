"""Servers that tests of alerts are told by: a mail server that keeps what it gets, and an endpoint that takes posts."""

import base64
import contextlib
import json
import socket
import socketserver
import ssl
import subprocess
import threading
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Mail:
    """A mail as the server got it."""

    to: tuple[str, ...]
    content: EmailMessage
    user: str
    encrypted: bool

    @property
    def subject(self) -> str:
        return str(self.content["Subject"])

    @property
    def text(self) -> str:
        return self.content.get_content()


@dataclass
class MailSink:
    """A mail server on this machine; it can be stopped, started again on its port, and refuse recipients."""

    tls: ssl.SSLContext | None = None
    refused: tuple[str, ...] = ()
    log_in: str = "235 welcome"
    port: int = 0
    mails: list[Mail] = field(default_factory=list)
    server: socketserver.ThreadingTCPServer | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"smtp://{HOST}:{self.port}?tls=none"

    def start(self) -> None:
        sink = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(ConnectionError, ssl.SSLError):
                    _Conversation(sink, self.connection).hold()

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = daemon_threads = True

        self.server = Server((HOST, self.port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    @property
    def subjects(self) -> list[str]:
        return [mail.subject for mail in self.mails]


class _Conversation:
    """One connection, as RFC 5321 has it, as far as smtplib asks."""

    def __init__(self, sink: MailSink, connection: socket.socket) -> None:
        self.sink, self.connection = sink, connection
        self.lines = connection.makefile("rb")
        self.to: list[str] = []
        self.user, self.encrypted = "", False

    def say(self, *lines: str) -> None:
        self.connection.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def hold(self) -> None:
        self.say("220 sink")
        while line := self.lines.readline().decode().strip():
            if not self.answer(*line.partition(" ")[::2]):
                return

    def answer(self, verb: str, rest: str) -> bool:
        verb = verb.upper()
        if verb == "EHLO":
            offers = ["STARTTLS"] if self.sink.tls and not self.encrypted else ["AUTH PLAIN"]
            self.say("250-sink", *(f"250 {offer}" for offer in offers))
        elif verb == "STARTTLS" and self.sink.tls:
            self.say("220 go on")
            self.connection = self.sink.tls.wrap_socket(self.connection, server_side=True)
            self.lines, self.encrypted = self.connection.makefile("rb"), True
        elif verb == "AUTH":
            self.user = base64.b64decode(rest.split()[1]).decode().split("\0")[1]
            self.say(self.sink.log_in)
        elif verb == "RCPT":
            address = rest.partition("<")[2].partition(">")[0]
            is_refused = address in self.sink.refused
            self.to += [] if is_refused else [address]
            self.say(f"550 no such user {address}" if is_refused else "250 ok")
        elif verb == "DATA":
            self.say("354 go on")
            self.keep()
            self.say("250 taken")
        else:
            self.say("221 bye" if verb == "QUIT" else "250 ok")
        return verb != "QUIT"

    def keep(self) -> None:
        lines = []
        while (line := self.lines.readline()) not in {b".\r\n", b""}:
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        content = message_from_bytes(b"".join(lines), policy=default)
        assert isinstance(content, EmailMessage)
        self.sink.mails.append(Mail(tuple(self.to), content, self.user, self.encrypted))
        self.to = []


def make_certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return a server's TLS for this machine, and the file of the authority that vouches for it."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate


@dataclass(frozen=True)
class Posted:
    """A post as the endpoint got it."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


class Hook:
    """An endpoint on this machine that keeps what is posted; a test decides what it answers."""

    def __init__(self) -> None:
        self.posted: list[Posted] = []
        self.status, self.answer = 200, "ok"
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                hook.posted.append(Posted(self.path, dict(self.headers), body))
                self.send_response(hook.status)
                self.end_headers()
                self.wfile.write(hook.answer.encode())

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer((HOST, 0), Handler)
        self.url = f"http://{HOST}:{self.server.server_port}/services/T0/very-secret"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
