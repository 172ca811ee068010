"""What all routes of the API have in common: the use case of the path, and pages of other sites kept out.

The routes themselves are in the sibling modules.
"""

from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request

from loopcast.loop.project import Project, Settings, open_project
from loopcast.use_case.loader import load_use_cases

ORIGIN_LENGTH = 200


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
