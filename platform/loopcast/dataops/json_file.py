"""From JSON lines, or a JSON list of flat objects, to columns of text in which `null` is a missing cell.

Here belongs what is particular to JSON. Not here: what the columns mean, and how numbers are read from text.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from loopcast.dataops.encodings import decode_text
from loopcast.dataops.raw_table import Limits, RawTable, drop_rows, make_text_column, refuse_file, unreadable
from loopcast.dataops.violations import VIOLATION_LIMIT, Findings, join_findings

# An object is kept as the tuple of its pairs, so that a name that stands in it twice is seen.
Pairs = tuple[tuple[str, Any], ...]
Numbered = tuple[int, Any]
_FLAT = (str, bool, type(None))


def read_json_lines(content: bytes, *, encoding: str | None, limits: Limits) -> tuple[RawTable | None, Findings]:
    """Return the columns of a file that holds one JSON object per line.

    Args:
        content: the file's bytes.
        encoding: the declared encoding; None: UTF-8, or what a byte order mark says.
        limits: how much the file may hold.
    """
    body, name, findings = decode_text(content, encoding=encoding)
    if body is None:
        return None, findings
    lines = [(number, line) for number, line in enumerate(body.decode().split("\n"), start=1) if line.strip()]
    parts: list[Findings] = []
    found = _parse_whole(lines)
    objects = list(_parse_each(lines, parts)) if found is None else found
    table, findings = _to_table(objects, limits=limits, facts={"kind": "JSON lines", "encoding": name})
    return table, join_findings([*parts, findings])


def read_json_list(content: bytes, *, encoding: str | None, limits: Limits) -> tuple[RawTable | None, Findings]:
    """Return the columns of a file that holds one JSON list of objects; rows are counted from 1.

    Args:
        content: the file's bytes.
        encoding: the declared encoding; None: UTF-8, or what a byte order mark says.
        limits: how much the file may hold.
    """
    body, name, findings = decode_text(content, encoding=encoding)
    if body is None:
        return None, findings
    document, problem = _parse(body.decode())
    if problem:
        return None, unreadable(problem, expected="one JSON list of objects")
    if not isinstance(document, list):
        action = "write a list of objects; for one object per line call the file .jsonl"
        return None, unreadable("JSON that is no list", expected="one JSON list of objects", action=action)
    return _to_table(list(enumerate(document, start=1)), limits=limits, facts={"kind": "JSON list", "encoding": name})


def _parse(text: str) -> tuple[Any, str]:
    """Return what a JSON text says, numbers as they are written, and why it says nothing."""
    try:
        return json.loads(text, object_pairs_hook=tuple, parse_int=str, parse_float=str, parse_constant=str), ""
    except ValueError as error:
        return None, f"no JSON: {error}"
    except RecursionError:
        return None, "JSON that is nested too deeply"


def _parse_whole(lines: Sequence[tuple[int, str]]) -> list[Numbered] | None:
    """Return all objects, parsed in one go, which is much faster than line by line; None where that fails."""
    document, problem = _parse("[" + ",".join(line for _, line in lines) + "]")
    if problem or len(document) != len(lines):
        return None
    return [(number, item) for (number, _), item in zip(lines, document, strict=True)]


def _parse_each(lines: Sequence[tuple[int, str]], parts: list[Findings]) -> Iterator[Numbered]:
    """Yield the objects of the lines that are JSON; the others are added to the findings."""
    for number, line in lines:
        item, problem = _parse(line)
        if not problem:
            yield number, item
        elif len(parts) < VIOLATION_LIMIT:
            parts.append(_bad_object(number, problem))


def _bad_object(number: int, found: str) -> Findings:
    """Return the finding for a row that is no JSON object."""
    return refuse_file(
        "bad_json", found, expected='a JSON object such as {"load": 12.5}', action="write the row again", row=number
    )


def _to_table(
    objects: Sequence[Numbered], *, limits: Limits, facts: dict[str, str]
) -> tuple[RawTable | None, Findings]:
    """Return the objects as columns; all must have the same names, because not sent is not the same as missing."""
    good = [(number, item) for number, item in objects if isinstance(item, tuple) and item]
    parts = [
        _bad_object(number, "no object, or an empty one")
        for number, item in objects
        if not (isinstance(item, tuple) and item)
    ]
    names = tuple(dict.fromkeys(name for _, item in good for name, _ in item))
    if len(names) > limits.columns:
        expected, action = f"at most {limits.columns} names", "send the columns of the use case alone"
        return None, refuse_file("too_many_columns", f"{len(names)} names", expected=expected, action=action)
    parts += _find_mixed(good, names)
    rows = np.array([number for number, _ in good], dtype=np.int64)
    cells: dict[str, list[str | None]] = {name: [None] * len(good) for name in names}
    for at, (number, item) in enumerate(good):
        for name, value in item:
            if isinstance(value, _FLAT):
                cells[name][at] = value if value is None or isinstance(value, str) else str(value).lower()
            else:
                parts.append(_nested(number, name))
    bad = [violation.row for part in parts for violation in part.violations]
    columns = {name: make_text_column(cells[name], name=name, rows=rows) for name in names}
    parts += [findings for _, findings in columns.values()]
    table = RawTable(names, tuple(column for column, _ in columns.values()), rows, facts)
    return drop_rows(table, np.isin(rows, [row for row in bad if row is not None])), join_findings(parts)


def _nested(number: int, name: str) -> Findings:
    """Return the finding for a cell that holds an object or a list."""
    found, expected = "an object or a list", "one value: text, a number, true, false or null"
    action = "write a name of its own for each part"
    return refuse_file("nested_value", found, expected=expected, action=action, row=number, column=name)


def _find_mixed(objects: Sequence[tuple[int, Pairs]], names: Sequence[str]) -> list[Findings]:
    """Return the rows that lack a name which others have, or have one twice."""
    parts = []
    for number, item in objects:
        if len(item) == len(names) and len(dict(item)) == len(item):
            continue
        here = [name for name, _ in item]
        missing = next((name for name in names if name not in here), None)
        found = f"a row without {missing!r}" if missing is not None else "a name twice in one row"
        action = "write null for a missing value; send rows of other columns in a file of their own"
        expected = f"{', '.join(names)}, once in each row"
        parts.append(refuse_file("mixed_columns", found, expected=expected, action=action, row=number, column=missing))
    return parts
