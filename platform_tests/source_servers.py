"""Servers that tests of sources ask: an HTTP endpoint, and a real Postgres where its programs are."""

import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

HOST = "127.0.0.1"
PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: folder.parent.name)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def find_postgres() -> Path | None:
    """Return the folder with Postgres' programs, None where there are none."""
    newest = PLACES[-1] if PLACES else None
    found = shutil.which("initdb")
    return newest or (Path(found).parent if found else None)


def _user() -> dict[str, int]:
    """Return as whom Postgres runs: it refuses to be root."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam("postgres")
    return {"user": entry.pw_uid, "group": entry.pw_gid}


class Postgres:
    """One cluster, which can be stopped and started again."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.programs, self.folder, self.port = programs, folder, free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.url = f"postgresql+psycopg://loopcast:very-secret@{HOST}:{self.port}/postgres"

    def make(self) -> None:
        """Make the cluster, with a user that needs a password."""
        self.folder.mkdir()
        user = _user()
        if user:
            os.chown(self.folder, user["user"], user["group"])
            self.folder.parent.chmod(0o755)
        password = self.folder.parent / "password"
        password.write_text("very-secret")
        password.chmod(0o644)
        command = ["initdb", "-D", str(self.folder / "data"), "-U", "loopcast", "-E", "UTF8", "--locale=C", "-N"]
        self._run([*command, "--auth=scram-sha-256", f"--pwfile={password}"])

    def start(self) -> None:
        """Start it and return when it answers."""
        options = ["-p", str(self.port), "-k", str(self.folder), "-c", f"listen_addresses={HOST}", "-c", "fsync=off"]
        with (self.folder.parent / "postgres.log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(self.programs / "postgres"), "-D", str(self.folder / "data"), *options],
                stdout=log, stderr=log, cwd=self.folder, **_user(),
            )  # fmt: skip
        deadline = time.monotonic() + 30
        while self._run(["pg_isready", "-h", HOST, "-p", str(self.port)], check=False) != 0:
            assert self.process.poll() is None, (self.folder.parent / "postgres.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it, whatever it is doing."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=30)
            self.process = None

    def _run(self, command: list[str], *, check: bool = True) -> int:
        done = subprocess.run(
            [str(self.programs / command[0]), *command[1:]],
            capture_output=True, check=False, cwd=self.folder, timeout=60, **_user(),
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stderr.decode()
        return done.returncode


@contextlib.contextmanager
def running_postgres(programs: Path) -> Iterator[Postgres]:
    """Start a cluster of our own and end it by its process.

    It is not below pytest's folders: these are root's alone, and every pytest that starts makes sure of that.
    """
    with tempfile.TemporaryDirectory(prefix="loopcast-postgres-") as folder:
        cluster = Postgres(programs, Path(folder) / "cluster")
        cluster.make()
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()


@dataclass(frozen=True)
class Asked:
    """A request as the endpoint got it."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """What the endpoint says: a document or bytes, and how slowly.

    Args:
        drip_s: seconds between every two bytes.
    """

    content: Any = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    wait_s: float = 0.0
    drip_s: float = 0.0

    @property
    def body(self) -> bytes:
        """The bytes."""
        return self.content if isinstance(self.content, bytes) else json.dumps(self.content).encode()


class Endpoint:
    """An HTTP server on this machine whose answers a test decides."""

    def __init__(self) -> None:
        self.answer: Callable[[Asked], Answer] = lambda _: Answer([])
        self.asked: list[Asked] = []
        self.closing = threading.Event()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                endpoint.serve(self)

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer((HOST, 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://{HOST}:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        parts = urlsplit(handler.path)
        asked = Asked(parts.path, dict(parse_qsl(parts.query)), dict(handler.headers))
        self.asked.append(asked)
        answer = self.answer(asked)
        self.closing.wait(answer.wait_s)
        with contextlib.suppress(ConnectionError):
            handler.send_response(answer.status)
            for name, value in {"content-length": str(len(answer.body)), **answer.headers}.items():
                handler.send_header(name, value)
            handler.end_headers()
            for piece in (
                [answer.body[at : at + 1] for at in range(len(answer.body))] if answer.drip_s else [answer.body]
            ):
                handler.wfile.write(piece)
                handler.wfile.flush()
                if self.closing.wait(answer.drip_s):
                    return

    def close(self) -> None:
        """End it, and whatever it is still saying."""
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
