"""Servers that tests of sources ask: a real Postgres where its programs are, in a folder and on a port of its own."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

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
        self.folder.mkdir(parents=True)
        user = _user()
        if user:
            os.chown(self.folder, user["user"], user["group"])
            for parent in self.folder.parents:  # pytest's folders are for root alone
                if not parent.stat().st_mode & 0o001:
                    parent.chmod(parent.stat().st_mode | 0o011)
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
def running_postgres(programs: Path, folder: Path) -> Iterator[Postgres]:
    """Start a cluster of our own and end it by its process."""
    cluster = Postgres(programs, folder)
    cluster.make()
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.stop()
