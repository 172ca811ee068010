"""The API for decisions: reading them and the audit trail, and giving orders.

An order is checked and recorded here; the daemon's sensor lets reflection carry it out.
"""

from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from loopcast.loop.judging.audit import list_trail
from loopcast.loop.judging.decisions import find_decision, list_decisions
from loopcast.loop.judging.orders import Order, give_order
from loopcast.loop.project import Settings
from loopcast.web.requests import find_project, read_body, refuse_foreign_page, tell_rows, to_json

KEY_LENGTH = 500
EXAMPLE = '{"order": "approve", "actor": "ana", "reason": "..."}'
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
        body = await read_body(request, OrderBody, example=EXAMPLE)
        return await run_in_threadpool(self._order, request, body)

    def _list(self, request: Request) -> JSONResponse:
        project = find_project(request, self._settings)
        return to_json(tell_rows(list_decisions(project, last=_last(request)).to_dict("records")))

    def _show(self, request: Request) -> JSONResponse:
        project = find_project(request, self._settings)
        return to_json(find_decision(project, request.path_params["decision"]).to_document())

    def _trail(self, request: Request) -> JSONResponse:
        project = find_project(request, self._settings)
        return to_json(tell_rows(list_trail(project, last=_last(request)).to_dict("records")))

    def _order(self, request: Request, body: OrderBody) -> JSONResponse:
        project = find_project(request, self._settings)
        key = request.headers.get("idempotency-key", "")
        order = Order(body.order, body.actor, body.reason, body.decision, body.action, body.scope, key[:KEY_LENGTH])
        given = give_order(project, order, now=datetime.now(UTC))
        told = {"order": f"o{given.number:08d}", **body.model_dump(exclude={"order"}), "kind": body.order}
        return to_json({**told, "decision": given.order.decision, "at": given.at}, status=202)


def _last(request: Request) -> int:
    text = request.query_params.get("last", str(DEFAULT_LAST))
    if not text.isdecimal() or not 1 <= int(text) <= MOST:
        raise HTTPException(400, f"found last={text[:20]!r}; expected a number from 1 to {MOST}")
    return int(text)
