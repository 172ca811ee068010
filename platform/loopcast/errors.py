"""The error tree, rooted by who is at fault. No other module defines an exception of its own.

    LoopcastError
    ├── UseCaseError       the use case (its YAML) is wrong
    ├── DataError          the data are wrong
    │   └── HistoryError       a prediction lacks history it needs
    ├── StoreError         the store cannot do what it must
    │   ├── NotFoundError      no such version, output or document
    │   ├── ConflictError      somebody else was first
    │   └── DamageError        stored bytes are not what their digest says
    ├── SourceError        a source cannot be reached, or answers what it should not
    ├── ChannelError       a message cannot be delivered where alerts go
    ├── ModelError         no model could be built or applied
    │   └── TableError         a table is not what its schema says, so it is not written
    └── CallerError        the call makes no sense as it stands

Every message says what was found, what was expected and what to do. Bad rows in an update are not an
exception but a value (`loopcast.dataops.violations.Violation`).
"""

from collections.abc import Mapping

MESSAGE_LIMIT = 2_000


def bound_text(text: str, *, limit: int = MESSAGE_LIMIT) -> str:
    """Return the text, cut in the middle where it is longer than the limit.

    Args:
        text: any text, for instance a message that quotes a user's file.
        limit: characters to keep, at least 20.

    Examples:
        >>> bound_text("abcdefghijklmnopqrstuvwxyz", limit=20)
        'abcdefg ... tuvwxyz'
    """
    if len(text) <= limit:
        return text
    half = (limit - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"


class LoopcastError(Exception):
    """Root of all errors that loopcast raises on purpose."""

    def __init__(self, message: str) -> None:
        """Keep the message, bounded in length."""
        super().__init__(bound_text(message))


class UseCaseError(LoopcastError):
    """A use case's YAML is wrong: file, line, field, what was found and what was expected."""

    def __init__(self, *, file: str, line: int | None, field: str, found: str, expected: str) -> None:
        """Keep the parts as attributes and build one line from them."""
        self.file, self.line, self.field, self.found, self.expected = file, line, field, found, expected
        place = f"{file}:{line}" if line else file
        super().__init__(f"{place}: {field}: found {bound_text(found, limit=200)}; expected {expected}")


class DataError(LoopcastError):
    """The data are not what the use case promises."""


class HistoryError(DataError):
    """A prediction lacks history: the message names the variable and the timestamps."""


class StoreError(LoopcastError):
    """The store cannot do what it must."""


class NotFoundError(StoreError):
    """There is no such version, output or document."""


class ConflictError(StoreError):
    """Somebody else was first."""


class DamageError(StoreError):
    """Stored bytes are not what their digest says: the message names the file."""


class SourceError(LoopcastError):
    """A source cannot be reached, or answers what it should not: the message names it and holds no secret."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        """Keep how long the source asks to be left alone, where it says so."""
        self.retry_after_s = retry_after_s
        super().__init__(message)


class ChannelError(LoopcastError):
    """A message cannot be delivered where alerts go: the message names the channel and holds no secret."""


class ModelError(LoopcastError):
    """No model could be built or applied."""


class TableError(ModelError):
    """A table is not what its schema says, so it is not written."""

    def __init__(self, message: str, *, table: str, broken: Mapping[str, int]) -> None:
        """Keep the table's name and how many rows break each rule."""
        super().__init__(message)
        self.table, self.broken = table, dict(broken)


class CallerError(LoopcastError):
    """The call makes no sense as it stands: the message says what to call instead."""
