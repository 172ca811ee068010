"""The API for decisions: reading them and the audit trail, and giving orders.

An order is checked and recorded here; the daemon's sensor lets reflection carry it out.
"""

import json
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from loopcast.loop.judging.audit import list_trail
from loopcast.loop.judging.decisions import find_decision, list_decisions
from loopcast.loop.judging.orders import Order, give_order
from loopcast.loop.project import Settings
from loopcast.web.requests import find_project, refuse_foreign_page

ORDER_BYTES, KEY_LENGTH = 10_000, 500
DEFAULT_LAST, MOST = 20, 1_000


class OrderBody(BaseModel):
    """What a request's body holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    order: Literal["approve", "overrule", "ask"]
    decision: str | None = None
    action: Literal["keep", "retrain", "rebuild", "experiment"] | None = None
    scope: Literal["all", "new_situations"] = "all"
    reason: str = ""
    actor: str = Field(min_length=1, max_length=100)


class DecisionsApi:
    """The routes of one platform's use cases."""

    def __init__(self, settings: Settings) -> None:
        """Keep where things are."""
        self._settings = settings

    async def list(self, request: Request) -> JSONResponse:
        """Return the newest decisions, oldest first."""
        return await run_in_threadpool(self._list, request)

    async def show(self, request: Request) -> JSONResponse:
        """Return a decision with its evidence."""
        return await run_in_threadpool(self._show, request)

    async def trail(self, request: Request) -> JSONResponse:
        """Return the newest of the audit trail, oldest first."""
        return await run_in_threadpool(self._trail, request)

    async def order(self, request: Request) -> JSONResponse:
        """Record the order in the body: 202, the next reflection carries it out."""
        refuse_foreign_page(request)
        body = await _read_order(request)
        return await run_in_threadpool(self._order, request, body)

    def _list(self, request: Request) -> JSONResponse:
        project = find_project(request, self._settings)
        return _tell_rows(list_decisions(project, last=_last(request)).to_dict("records"))

    def _show(self, request: Request) -> JSONResponse:
        project = find_project(request, self._settings)
        return _tell(find_decision(project, request.path_params["decision"]).to_document())

    def _trail(self, request: Request) -> JSONResponse:
        project = find_project(request, self._settings)
        return _tell_rows(list_trail(project, last=_last(request)).to_dict("records"))

    def _order(self, request: Request, body: OrderBody) -> JSONResponse:
        project = find_project(request, self._settings)
        key = request.headers.get("idempotency-key", "")
        order = Order(body.order, body.actor, body.reason, body.decision, body.action, body.scope, key[:KEY_LENGTH])
        given = give_order(project, order, now=datetime.now(UTC))
        told = {"order": f"o{given.number:08d}", **body.model_dump(exclude={"order"}), "kind": body.order}
        return _tell({**told, "decision": given.order.decision, "at": given.at}, status=202)


async def _read_order(request: Request) -> OrderBody:
    """Return the order in the body; 400 in words where it is none."""
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > ORDER_BYTES:
            raise HTTPException(413, f"found more than {ORDER_BYTES} bytes; an order is a few words")
    try:
        return OrderBody.model_validate_json(bytes(content))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'body'}: {one['msg']}" for one in error.errors()[:5])
        raise HTTPException(
            400, f'found {wrong}; expected JSON such as {{"order": "approve", "actor": "ana", "reason": "..."}}'
        ) from error


def _last(request: Request) -> int:
    text = request.query_params.get("last", str(DEFAULT_LAST))
    if not text.isdecimal() or not 1 <= int(text) <= MOST:
        raise HTTPException(400, f"found last={text[:20]!r}; expected a number from 1 to {MOST}")
    return int(text)


def _tell_rows(rows: list[dict[Any, Any]]) -> JSONResponse:
    return _tell([{name: None if value != value else value for name, value in row.items()} for row in rows])


def _tell(content: Any, *, status: int = 200) -> JSONResponse:
    """Return JSON; times as ISO text."""
    return JSONResponse(json.loads(json.dumps(content, default=datetime.isoformat)), status_code=status)
