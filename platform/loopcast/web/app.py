"""The web application: the API under `/api`, `/metrics`, `/health`, and everything else as the Dagster UI.

Here belong routes, and errors in words. Not here: what an update or a version is, and how the UI is made.
"""

from collections.abc import Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from loopcast.errors import CallerError, LoopcastError, NotFoundError
from loopcast.loop.project import Settings
from loopcast.orchestration.run_health import RunHealth
from loopcast.web.champion import ChampionApi
from loopcast.web.decisions import DecisionsApi
from loopcast.web.monitoring import Monitoring
from loopcast.web.updates import UPLOAD_BYTES, UpdatesApi

API = "/api"


def build_app(
    settings: Settings,
    *,
    ui: ASGIApp | None = None,
    health: RunHealth | None = None,
    upload_bytes: int = UPLOAD_BYTES,
) -> Starlette:
    """Return the application.

    Args:
        settings: where the use cases and their lake are.
        ui: serves all other paths; None: there are no others.
        health: what the orchestrator knows; None: `/metrics` and `/health` do without.
        upload_bytes: the largest update that is taken.
    """
    updates, decisions = UpdatesApi(settings, upload_bytes=upload_bytes), DecisionsApi(settings)
    champion = ChampionApi(settings)
    api = Starlette(
        routes=[
            Route("/use_cases/{name}/updates", updates.send, methods=["POST"]),
            Route("/use_cases/{name}/versions/{version}", updates.show, methods=["GET"], name="version"),
            Route("/use_cases/{name}/decisions", decisions.list, methods=["GET"]),
            Route("/use_cases/{name}/decisions", decisions.order, methods=["POST"]),
            Route("/use_cases/{name}/decisions/{decision}", decisions.show, methods=["GET"]),
            Route("/use_cases/{name}/champion", champion.show, methods=["GET"]),
            Route("/use_cases/{name}/champion", champion.ask, methods=["POST"]),
            Route("/use_cases/{name}/audit", decisions.trail, methods=["GET"]),
        ],
        exception_handlers={HTTPException: _tell_refusal, LoopcastError: _tell_error},
    )
    monitoring = Monitoring(settings, health)
    watched = [
        Route("/metrics", monitoring.metrics, methods=["GET"]),
        Route("/health", monitoring.check, methods=["GET"]),
    ]
    rest: Sequence[BaseRoute] = [Mount("/", app=ui)] if ui else []
    return Starlette(
        routes=[Mount(API, app=api), *watched, *rest],
        exception_handlers={LoopcastError: _tell_error},
    )


def _tell_refusal(request: Request, error: Exception) -> Response:
    """Return why a request is refused, as JSON."""
    assert isinstance(error, HTTPException)  # noqa: S101 - Starlette calls by type
    routes = f"POST {API}/use_cases/NAME/updates sends an update, GET {API}/use_cases/NAME/versions/VERSION tells of it"
    plain = {"Not Found", "Method Not Allowed"}  # Starlette's own words, which say nothing
    told = f"{request.method} {request.url.path} is nothing here; {routes}" if error.detail in plain else error.detail
    return JSONResponse({"error": told}, status_code=error.status_code, headers=error.headers)


def _tell_error(_: Request, error: Exception) -> Response:
    """Return an error of ours as JSON: what the caller got wrong, or what the store or the use cases have."""
    statuses: list[tuple[type[LoopcastError], int]] = [(NotFoundError, 404), (CallerError, 400), (LoopcastError, 503)]
    content: dict[str, Any] = {"error": str(error)}
    return JSONResponse(content, status_code=next(status for kind, status in statuses if isinstance(error, kind)))
