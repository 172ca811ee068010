"""Starts and ends the processes of the platform: one code server, the daemon and the UI.

What they do is Dagster's part; here is only that they start on free ports, are watched, and all end.
"""

import ctypes
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

import yaml

from loopcast.errors import CallerError, LoopcastError
from loopcast.orchestration.instance import fail_orphaned_runs, open_instance

HOST = "127.0.0.1"
PORTS_TRIED, LAST_PORT = 100, 65535
START_SECONDS = 90.0
TERM_SECONDS = 3.0
MODULE = "loopcast.orchestration.definitions"
LOCATION = "loopcast"
WEB_SERVER = "loopcast.web.server"  # started by name: it stands above this layer
LOCATIONS = """{ workspaceOrError { ... on Workspace { locationEntries { loadStatus locationOrLoadError {
  __typename ... on PythonError { message causes { message } } } } } } }"""
DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG, see prctl(2)


def pick_port(wanted: int) -> int:
    """Return the wanted port where it is free, else the next free one; 0 asks for any."""
    for port in (0,) if wanted == 0 else range(wanted, min(wanted + PORTS_TRIED, LAST_PORT + 1)):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise CallerError(f"found no free port from {wanted} on; give another one with --port")


@dataclass
class Platform:
    """The running processes; use it as a context manager.

    Args:
        home: folder with `dagster.yaml`; history is kept below it.
        port: port of the UI.
        environment: variables for the processes beside those of this one.
    """

    home: Path
    port: int
    environment: Mapping[str, str] = field(default_factory=dict)
    _processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict, init=False)
    _lock: IO[str] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """Where the UI is."""
        return f"http://{HOST}:{self.port}"

    def __enter__(self) -> Self:
        """Start all processes; end those already started where one fails."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End all processes."""
        self.stop()

    def wait_ready(self) -> None:
        """Return when the UI answers.

        Raises:
            LoopcastError: a process ended, or the UI did not answer in time; the message names its log.
        """
        self._wait_for(self._answers, what="the UI")
        self._wait_for(self._is_loaded, what="the code location")

    def find_ended(self) -> str | None:
        """Return the name of a process that has ended by itself, None while all run."""
        return next((name for name, process in self._processes.items() if process.poll() is not None), None)

    def stop(self) -> None:
        """End every process group: a polite signal first, after three seconds the one that cannot be refused."""
        for process in self._processes.values():
            _signal_group(process, signal.SIGTERM)
        deadline = time.monotonic() + TERM_SECONDS
        for process in self._processes.values():
            try:
                process.wait(timeout=max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                continue
        for process in self._processes.values():
            _signal_group(process, signal.SIGKILL)
            process.wait()
        self._processes.clear()
        if self._lock is not None:
            self._lock.close()

    def _start(self) -> None:
        self.logs.mkdir(parents=True, exist_ok=True)
        self._take_lock()
        with open_instance(self.home) as instance:
            fail_orphaned_runs(instance)
        code_port = pick_port(0)
        workspace = self.logs / "workspace.yaml"
        server = {"host": HOST, "port": code_port, "location_name": LOCATION}
        workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}), "utf-8")
        where = ["--host", HOST, "--port", str(code_port)]
        self._spawn(
            "code-server", ["dagster", "code-server", "start", "-m", MODULE, "--location-name", LOCATION, *where]
        )
        self._wait_for(lambda: _is_listening(code_port), what="the code server")
        self._spawn("daemon", ["dagster._daemon", "run", "-w", str(workspace)])
        self._spawn("webserver", [WEB_SERVER, str(self.port), str(workspace), str(self.home)])

    def _take_lock(self) -> None:
        """Make sure that this is the only platform on its history: the kernel gives the lock back when we end."""
        self._lock = (self.logs / "lock").open("a+")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.seek(0)
            raise CallerError(f"the platform is running already: {self._lock.read().strip()}; end it first") from None
        self._lock.truncate(0)
        self._lock.write(f"{self.url}, process {os.getpid()}\n")
        self._lock.flush()

    @property
    def logs(self) -> Path:
        """Folder with one log file per process."""
        return self.home / ".dagster" / "serve"

    def _spawn(self, name: str, module: Sequence[str]) -> None:
        url = {"LOOPCAST_URL": self.url}  # people may reach it by another one, which they set
        environment = {**url, **os.environ, **self.environment, "DAGSTER_HOME": str(self.home), "PYTHONUNBUFFERED": "1"}
        with (self.logs / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", *module],
                cwd=self.home,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent,  # noqa: PLW1509
            )

    def _wait_for(self, is_there: Callable[[], bool], *, what: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not is_there():
            ended = self.find_ended()
            if ended:
                raise LoopcastError(f"the {ended} ended while it started; see {self.logs / ended}.log")
            if time.monotonic() > deadline:
                raise LoopcastError(f"{what} did not answer within {START_SECONDS:.0f} s; see the logs in {self.logs}")
            time.sleep(0.1)

    def _is_loaded(self) -> bool:
        """Return whether the definitions are loaded.

        Raises:
            LoopcastError: they cannot be; the message is that of the cause.
        """
        body = json.dumps({"query": LOCATIONS}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", data=body, headers={"content-type": "application/json"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            entries = json.load(answer)["data"]["workspaceOrError"].get("locationEntries", [])
        for entry in entries:
            error = entry["locationOrLoadError"] or {}
            if error.get("__typename") == "PythonError":
                cause = error["causes"][-1] if error["causes"] else error
                raise LoopcastError(f"the use cases cannot be loaded: {cause['message'].strip()}")
        return bool(entries) and all(entry["loadStatus"] == "LOADED" for entry in entries)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/server_info", timeout=2) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def _is_listening(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0


def _signal_group(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def _end_with_parent() -> None:
    """Ask the kernel to end this process when its parent dies, even by SIGKILL (Linux only); take signals again.

    A shell that starts a command in the background lets it ignore SIGINT, and children inherit that.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGTERM)
