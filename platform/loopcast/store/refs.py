"""References: names that point at something else over time, with their whole history.

Here belong appending and reading them; nothing is ever moved or deleted, the highest number counts. Not here: what they
point at.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from loopcast.errors import CallerError
from loopcast.store.lake import Lake
from loopcast.store.records import from_iso, numbered, put_record, read_record, to_iso

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

    def append(self, name: str, value: Mapping[str, Any], *, now: datetime) -> Reference:
        """Point a name at a value from now on and return the reference.

        Args:
            name: the reference's name, for instance `zoo_in_force`.
            value: what it points at, in JSON's own types.
            now: the present time, aware.
        """
        while True:
            numbers = self._numbers(name)
            number = numbers[-1] + 1 if numbers else 1
            content = {"number": number, "value": dict(value), "at": to_iso(now)}
            if put_record(self._lake, self._path(name, number), content):
                return Reference(number, dict(value), now)

    def current(self, name: str) -> Reference | None:
        """Return what a name points at, None where it never did."""
        numbers = self._numbers(name)
        return self._read(name, numbers[-1]) if numbers else None

    def history(self, name: str, *, last: int | None = None) -> list[Reference]:
        """Return everything that a name has pointed at, in order.

        Args:
            name: the reference's name.
            last: only the newest so many.
        """
        numbers = self._numbers(name)
        return [self._read(name, number) for number in (numbers if last is None else numbers[-last:])]

    def _read(self, name: str, number: int) -> Reference:
        """Return one reference."""
        record = read_record(self._lake, self._path(name, number))
        return Reference(record["number"], record["value"], from_iso(record["at"]))

    def _numbers(self, name: str) -> list[int]:
        """Return the numbers of a name's references, in order."""
        return [int(path[-13:-5]) for path in self._lake.list(self._place(name))]

    def _path(self, name: str, number: int) -> str:
        """Return where a reference is."""
        return f"{self._place(name)}/{numbered(number)}.json"

    def _place(self, name: str) -> str:
        """Return the folder of a name."""
        if _NAME.fullmatch(name) is None:
            raise CallerError(f"found the reference {name!r}; expected letters, digits and _.=@+-")
        return f"{self._folder}/refs/{name}"
