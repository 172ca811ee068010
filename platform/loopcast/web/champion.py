"""The API for the champion: reading it, and rolling back, promoting, pinning and unpinning a zoo.

What is asked for is done at once, in the store (`loopcast.loop.zoos.champion`): no run is needed, the next forecast
uses it.
"""

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as WebRequest
from starlette.responses import JSONResponse

from loopcast.loop.project import Project, Settings
from loopcast.loop.zoos.champion import Action, Request, act
from loopcast.loop.zoos.champion_sheet import describe_champion
from loopcast.web.requests import find_project, read_body, refuse_foreign_page, tell_rows, to_json

ROWS = 20
EXAMPLE = '{"action": "rollback", "actor": "ana", "reason": "..."}'


class ChampionBody(BaseModel):
    """What a request's body holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Action
    zoo: str | None = Field(default=None, max_length=20)
    reason: str = ""
    actor: str = Field(min_length=1, max_length=100)


class ChampionApi:
    """The routes of one platform's use cases."""

    def __init__(self, settings: Settings) -> None:
        """Keep where things are."""
        self._settings = settings

    async def show(self, request: WebRequest) -> JSONResponse:
        """Return the champion, what was put in force and the verdicts, newest first."""
        return await run_in_threadpool(self._show, request)

    async def ask(self, request: WebRequest) -> JSONResponse:
        """Do what the body asks for and return the champion as it is then."""
        refuse_foreign_page(request)
        body = await read_body(request, ChampionBody, example=EXAMPLE)
        return await run_in_threadpool(self._ask, request, body)

    def _show(self, request: WebRequest) -> JSONResponse:
        return _tell(find_project(request, self._settings), {})

    def _ask(self, request: WebRequest, body: ChampionBody) -> JSONResponse:
        project = find_project(request, self._settings)
        key = request.headers.get("idempotency-key", "")
        done = act(project, Request(body.action, body.actor, body.reason, body.zoo, key), now=datetime.now(UTC))
        return _tell(project, {"done": done})


def _tell(project: Project, more: dict[str, Any]) -> JSONResponse:
    """Return the champion as JSON; times as ISO text."""
    sheet = describe_champion(project, last=ROWS)
    tables = {"history": sheet.history, "verdicts": sheet.verdicts}
    rows = {name: tell_rows(table.to_dict("records")) for name, table in tables.items()}
    return to_json({"use_case": project.name, **more, **sheet.facts, **rows})
