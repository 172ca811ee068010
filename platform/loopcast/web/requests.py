"""What all routes of the API have in common: the use case of the path, JSON, and pages of other sites kept out.

The routes themselves are in the sibling modules.
"""

import json
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from loopcast.loop.project import Project, Settings, open_project
from loopcast.use_case.loader import load_use_cases

ORIGIN_LENGTH = 200
BODY_BYTES = 10_000
MOST_WRONG = 5

Body = TypeVar("Body", bound=BaseModel)


def find_project(request: Request, settings: Settings) -> Project:
    """Return the use case of the path; its YAML is read each time, so new ones need no restart."""
    found, name = load_use_cases(settings.use_cases), request.path_params["name"]
    if name not in found:
        raise HTTPException(404, f"there is no use case {name!r}; found: {', '.join(found) or 'none'}")
    return open_project(found[name], settings=settings)


def refuse_foreign_page(request: Request) -> None:
    """Refuse what a page of another site sends through somebody's browser: there is no login it would lack."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise HTTPException(403, f"found a request of the page {origin[:ORIGIN_LENGTH]}; expected one from this server")


async def read_body(request: Request, model: type[Body], *, example: str) -> Body:
    """Return what a body of a few words asks for; 400 in words where it is nothing of the kind.

    Args:
        request: the request.
        model: what the body may hold.
        example: such a body as JSON.
    """
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > BODY_BYTES:
            raise HTTPException(413, f"found more than {BODY_BYTES} bytes; expected a few words such as {example}")
    try:
        return model.model_validate_json(bytes(content))
    except ValidationError as error:
        found = error.errors()[:MOST_WRONG]
        wrong = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'body'}: {one['msg']}" for one in found)
        raise HTTPException(400, f"found {wrong}; expected JSON such as {example}") from error


def tell_rows(rows: list[dict[Any, Any]]) -> list[dict[Any, Any]]:
    """Return rows of a table for JSON, which knows no NaN."""
    return [{name: None if value != value else value for name, value in row.items()} for row in rows]


def to_json(content: Any, *, status: int = 200) -> JSONResponse:
    """Return a response in JSON; times as ISO text."""
    return JSONResponse(json.loads(json.dumps(content, default=datetime.isoformat)), status_code=status)
