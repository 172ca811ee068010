"""Objects that are not ours: a folder or an object store that somebody else writes to, listed and read, never changed.

Here belong the calls of obstore for them. Not here: which of them are taken (`loopcast.sources.files`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore, from_url

from loopcast.errors import SourceError

RETRIES = 2


@dataclass(frozen=True)
class ForeignObject:
    """One object as its store lists it.

    Args:
        path: below the URL, with forward slashes.
        tag: differs when the object is another one; what it is made of is the store's affair.
        modified_at: when it was written last, in UTC.
    """

    path: str
    tag: str
    modified_at: datetime


class ForeignObjects:
    """The objects below one URL."""

    def __init__(self, store: ObjectStore) -> None:
        """Keep the store."""
        self._store = store

    @classmethod
    def at(cls, url: str, *, timeout_s: float) -> Self:
        """Return the objects below a URL; credentials come from the environment, as the store's own tools take them.

        Args:
            url: `file:///folder`, `s3://bucket/folder`, `gs://...`, `az://...`.
            timeout_s: how long one request may take, in seconds.
        """
        wait = timedelta(seconds=timeout_s)
        bounded: dict[str, Any] = {
            "client_options": {"timeout": wait, "connect_timeout": wait},
            "retry_config": {"max_retries": RETRIES, "retry_timeout": wait},
        }
        is_remote = not url.startswith(("file:", "memory:"))
        try:
            return cls(from_url(url, **(bounded if is_remote else {})))
        except (BaseError, ValueError, OSError) as error:
            raise SourceError(f"cannot be opened: {_first_part(error)}") from None

    def list(self) -> list[ForeignObject]:
        """Return all objects, in the order of their paths."""
        try:
            found = [item for batch in obstore.list(self._store) for item in batch]
        except (BaseError, OSError) as error:
            raise SourceError(f"cannot be listed: {_first_part(error)}") from None
        objects = [
            ForeignObject(
                path=item["path"],
                tag=item["e_tag"] or f"{item['last_modified'].isoformat()} {item['size']}",
                modified_at=item["last_modified"],
            )
            for item in found
        ]
        return sorted(objects, key=lambda one: one.path)

    def get(self, path: str) -> bytes:
        """Return an object's bytes."""
        try:
            return bytes(obstore.get(self._store, path).bytes())
        except (BaseError, OSError) as error:
            raise SourceError(f"{path} cannot be read: {_first_part(error)}") from None


def _first_part(error: Exception) -> str:
    """Return the words of an error without the debugging part that obstore appends."""
    return str(error).split("\n\nDebug source", 1)[0].strip()
