"""What a run has read and will read again: zoos by their digest, which never change.

Which ones are read is in `loopcast.loop.zoos.forces` and `loopcast.loop.zoos.states`.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

Kept = TypeVar("Kept")


class Shelf:
    """The values read or written last, by name; what is under a name is the same for ever."""

    def __init__(self, size: int) -> None:
        """Begin with nothing.

        Args:
            size: how many values are kept; 0: none, as whoever lives longer than a run must see what was erased.
        """
        self._size = size
        self._kept: OrderedDict[str, object] = OrderedDict()

    def fetch(self, name: str, read: Callable[[], Kept]) -> Kept:
        """Return the value of a name, which is read where it is not kept.

        Args:
            name: a digest, with what is told apart by it.
            read: reads or makes the value.
        """
        if name not in self._kept:
            return self.keep(name, read())
        self._kept.move_to_end(name)
        return self._kept[name]  # type: ignore[return-value]

    def keep(self, name: str, value: Kept) -> Kept:
        """Return a value, kept from now on; the one that was not needed for longest makes room."""
        if self._size:
            self._kept[name] = value
            self._kept.move_to_end(name)
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)
        return value
