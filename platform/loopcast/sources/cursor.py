"""Cursors: values by which a source tells what is new, kept as JSON between two polls.

Here belong spelling them and stepping back from them. Not here: which column is the cursor, and what is asked with it.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pandas as pd

from loopcast.errors import SourceError

NUMBERS = (int, float, Decimal)
SPELLINGS: dict[type, Any] = {
    datetime: datetime.isoformat,
    date: date.isoformat,
    Decimal: str,
    UUID: str,
    bytes: bytes.hex,
}
READERS: dict[str, Any] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "Decimal": Decimal,
    "UUID": UUID,
    "bytes": bytes.fromhex,
}


def encode_cursor(value: Any) -> Any:
    """Return a cursor in JSON's own types, from which `decode_cursor` makes the same value again.

    Raises:
        SourceError: a cursor can be no such value.
    """
    if isinstance(value, bool) or value is None or value != value:
        raise SourceError(f"found the cursor {value}; expected a number, a text or a time in every row")
    if isinstance(value, int | float | str):
        return value
    for kind, spell in SPELLINGS.items():
        if isinstance(value, kind):
            return {kind.__name__: spell(value)}
    raise SourceError(f"found a cursor of the type {type(value).__name__}; expected a number, a text or a time")


def decode_cursor(spelled: Any) -> Any:
    """Return the value that `encode_cursor` spelled.

    Examples:
        >>> decode_cursor(encode_cursor(Decimal("1.50")))
        Decimal('1.50')
    """
    if not isinstance(spelled, Mapping):
        return spelled
    ((name, text),) = spelled.items()
    return READERS[name](text)


def step_back(cursor: Any, lookback: str | float | None) -> Any:
    """Return a cursor from so far behind, to find rows that appear late.

    Args:
        cursor: a number, a time, or a time as text in ISO 8601.
        lookback: a duration such as 10min, or a number; seconds where the cursor is a time.

    Raises:
        SourceError: the cursor is nothing from which that can be subtracted.

    Examples:
        >>> step_back("2024-01-01 10:00:00", "10min")
        '2024-01-01 09:50:00'
    """
    if lookback is None:
        return cursor
    try:
        if isinstance(cursor, NUMBERS) and not isinstance(lookback, str):
            return type(cursor)(cursor - type(cursor)(lookback))  # type: ignore[operator]
        delta = pd.Timedelta(lookback).to_pytimedelta() if isinstance(lookback, str) else timedelta(seconds=lookback)
        if isinstance(cursor, str):
            return (datetime.fromisoformat(cursor) - delta).isoformat(sep=cursor[10:11] or " ")
        return cursor - delta
    except (TypeError, ValueError) as error:
        raise SourceError(f"found the cursor {cursor}, from which a lookback of {lookback} cannot be taken") from error
