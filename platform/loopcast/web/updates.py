"""The API for updates: sending one, and asking what became of it.

A version's run is not started here: the daemon's sensor finds every version that is claimed and not settled.
"""

from datetime import UTC, datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from loopcast.loop.history import describe_version
from loopcast.loop.project import Project, Settings
from loopcast.store.records import sha256, to_iso
from loopcast.store.version_records import Claim, Upload
from loopcast.web.requests import find_project, refuse_foreign_page

UPLOAD_BYTES = 1 << 28
NAME_BYTES = 200
KEY_LENGTH = 500
VIOLATIONS = 100


class UpdatesApi:
    """The routes of one platform's use cases."""

    def __init__(self, settings: Settings, *, upload_bytes: int) -> None:
        """Keep where things are.

        Args:
            settings: where the use cases and their lake are.
            upload_bytes: the largest update that is taken.
        """
        self._settings, self._upload_bytes = settings, upload_bytes

    async def send(self, request: Request) -> JSONResponse:
        """Claim a version for the file in the body and return it: 202, before anything is known of its rows."""
        refuse_foreign_page(request)
        name, key = _file_name(request), request.headers.get("idempotency-key")
        if key is not None and not 0 < len(key) <= KEY_LENGTH:
            raise HTTPException(400, f"found an Idempotency-Key of {len(key)} characters; expected 1 to {KEY_LENGTH}")
        content = await self._read_body(request)
        reason = request.query_params.get("reason", "")
        upload = Upload(name, content, source="api", actor="api", reason=reason, idempotency_key=key)
        return await run_in_threadpool(self._claim, request, upload)

    async def show(self, request: Request) -> JSONResponse:
        """Return what is known of a version: how it came, what it did, or why it was refused."""
        return await run_in_threadpool(self._describe, request)

    def _claim(self, request: Request, upload: Upload) -> JSONResponse:
        project = find_project(request, self._settings)
        claim = project.store.versions.claim(upload, now=datetime.now(UTC))
        if claim.duplicate and claim.upload_digest != sha256(upload.content):
            raise HTTPException(
                409,
                f"the Idempotency-Key was used for {claim.version}, whose file has another content; "
                "send the file with a key of its own",
            )
        url = request.url_for("version", name=project.name, version=claim.version).path
        told = {**_tell_claim(project, claim), "duplicate": claim.duplicate, "url": url}
        return JSONResponse(told, status_code=202, headers={"location": url})

    def _describe(self, request: Request) -> JSONResponse:
        project = find_project(request, self._settings)
        claim = project.store.versions.claim_of(request.path_params["version"])
        return JSONResponse({**_tell_claim(project, claim), **_tell_refusal(project, claim.version)})

    async def _read_body(self, request: Request) -> bytes:
        """Return the body, given up as soon as it is too long."""
        if request.headers.get("content-type", "").startswith("multipart/"):
            raise HTTPException(400, "found a form; send the file as the body itself, with curl --data-binary @FILE")
        content = bytearray()
        too_long = HTTPException(413, f"found more than {self._upload_bytes} bytes; send the update in several files")
        if int(request.headers.get("content-length") or 0) > self._upload_bytes:
            raise too_long
        async for piece in request.stream():
            content += piece
            if len(content) > self._upload_bytes:
                raise too_long
        if not content:
            raise HTTPException(400, "found an empty body; send the file as the body, with curl --data-binary @FILE")
        return bytes(content)


def _file_name(request: Request) -> str:
    """Return the file's name, whose ending says what the bytes are."""
    name = request.query_params.get("file", "")
    is_plain = name and name.isprintable() and not set(name) & set("/\\") and not name.startswith(".")
    if not is_plain or len(name.encode()) > NAME_BYTES:
        raise HTTPException(400, f"found the file name {name[:NAME_BYTES]!r}; expected one such as ?file=monday.csv")
    return name


def _tell_claim(project: Project, claim: Claim) -> dict[str, Any]:
    """Return a version's row together with how it came."""
    told = {name: None if value != value else value for name, value in describe_version(project, claim.version).items()}
    return {
        "use_case": project.name,
        **told,
        "file": claim.name,
        "bytes": claim.size,
        "source": claim.source,
        "reason": claim.reason,
        "claimed_at": to_iso(claim.claimed_at),
    }


def _tell_refusal(project: Project, version: str) -> dict[str, Any]:
    """Return why a version was refused, nothing where it was not."""
    versions = project.store.versions
    if version in versions.unsettled() or versions.record(version).status != "refused":
        return {}
    refusal = versions.refusal(version)
    found = refusal.to_dict()
    return {"refused_because": refusal.summary(), "refusal": {**found, "violations": found["violations"][:VIOLATIONS]}}
