"""References: names that point at something else over time, with their whole history.

Here belong appending and reading them; nothing is ever moved or deleted, the highest number counts. Not here: what they
point at.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from loopcast.errors import CallerError, ConflictError
from loopcast.store.lake import Lake
from loopcast.store.records import from_iso, numbered, put_record, read_record, to_iso
from loopcast.store.version_log import find_highest

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.=@+-]*")


@dataclass(frozen=True)
class Reference:
    """One value that a name has had.

    Args:
        number: 1 for the first, and so on.
        value: what it points at, in JSON's own types.
        at: since when, in UTC.
    """

    number: int
    value: dict[str, Any]
    at: datetime


class References:
    """The references of one use case."""

    def __init__(self, lake: Lake, *, folder: str) -> None:
        """Keep where the references are."""
        self._lake, self._folder = lake, folder
        self._highest: dict[str, int] = {}

    def append(self, name: str, value: Mapping[str, Any], *, now: datetime, number: int | None = None) -> Reference:
        """Point a name at a value from now on and return the reference.

        Args:
            name: the reference's name, for instance `zoo_in_force`.
            value: what it points at, in JSON's own types.
            now: the present time, aware.
            number: append it as this one or not at all; None: as the next.

        Raises:
            ConflictError: there is one of that number, so that somebody else was first.
        """
        while True:
            at = number or self._count(name) + 1
            content = {"number": at, "value": dict(value), "at": to_iso(now)}
            if put_record(self._lake, self._path(name, at), content):
                return Reference(at, dict(value), now)
            if number:
                raise ConflictError(f"{name} has a number {number} already; read it, and go on from there")

    def current(self, name: str) -> Reference | None:
        """Return what a name points at, None where it never did."""
        return self.find(name, self._count(name))

    def find(self, name: str, number: int) -> Reference | None:
        """Return the n-th value that a name has had, None where it never had so many.

        Args:
            name: the reference's name.
            number: 1 for the first.
        """
        if number < 1 or not self._lake.exists(self._path(name, number)):
            return None
        record = read_record(self._lake, self._path(name, number))
        return Reference(record["number"], record["value"], from_iso(record["at"]))

    def history(self, name: str, *, last: int | None = None) -> list[Reference]:
        """Return everything that a name has pointed at, in order.

        Args:
            name: the reference's name.
            last: only the newest so many.
        """
        return list(islice(self.walk_back(name), last))[::-1]

    def walk_back(self, name: str) -> Iterator[Reference]:
        """Yield everything that a name has pointed at, the newest first; each is read when it is asked for."""
        for number in range(self._count(name), 0, -1):
            entry = self.find(name, number)
            if entry is not None:
                yield entry

    def _count(self, name: str) -> int:
        """Return how many values a name has had; the folder, which grows with every version, is never listed."""
        known = self._highest.get(name, 0)
        self._highest[name] = find_highest(lambda at: self._lake.exists(self._path(name, at)), known=known)
        return self._highest[name]

    def _path(self, name: str, number: int) -> str:
        """Return where a reference is."""
        return f"{self._place(name)}/{numbered(number)}.json"

    def _place(self, name: str) -> str:
        """Return the folder of a name."""
        if _NAME.fullmatch(name) is None:
            raise CallerError(f"found the reference {name!r}; expected letters, digits and _.=@+-")
        return f"{self._folder}/refs/{name}"
