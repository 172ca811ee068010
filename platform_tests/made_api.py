"""A small use case behind the API, served on a free port of this machine."""

import threading
import time
from pathlib import Path
from typing import Any, Self

import requests
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from loopcast.loop.project import Project
from loopcast.web.app import build_app
from made_use_case import NOW, make_counts, make_project, to_csv
from source_servers import HOST, free_port

DAY = to_csv(make_counts("2024-01-01", 1))
UPDATES = "/api/use_cases/counts/updates"


class Api:
    """A use case behind its API."""

    def __init__(self, folder: Path) -> None:
        self.project: Project = make_project(folder)
        ui = Starlette(routes=[Route("/{path:path}", lambda _: PlainTextResponse("the UI"))])
        app = build_app(self.project.settings, ui=ui, upload_bytes=10_000)
        self.server = uvicorn.Server(uvicorn.Config(app, host=HOST, port=free_port(), log_level="error"))
        self.thread = threading.Thread(target=self.server.run)

    def __enter__(self) -> Self:
        self.thread.start()
        while not self.server.started:
            assert self.thread.is_alive()
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self.thread.join()

    def ask(self, path: str, method: str = "GET", **options: Any) -> requests.Response:
        return requests.request(method, f"http://{HOST}:{self.server.config.port}{path}", timeout=10, **options)

    def send(self, content: bytes = DAY, *, file: str = "monday.csv", **headers: str) -> requests.Response:
        plain = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask(UPDATES, "POST", params={"file": file, "reason": "recount"}, data=content, headers=plain)

    def settle(self, version: str) -> None:
        self.project.store.versions.settle(version, now=NOW)
