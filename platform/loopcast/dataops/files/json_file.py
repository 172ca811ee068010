"""From JSON lines, or a JSON list of flat objects, to columns of text in which `null` is a missing cell.

Here belongs what is particular to JSON. Not here: what the columns mean, and how numbers are read from text.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from loopcast.dataops.files.encodings import decode_text
from loopcast.dataops.files.raw_table import (
    Limits,
    RawTable,
    drop_found,
    make_text_column,
    refuse_file,
    refuse_rows,
    show_plainly,
    unreadable,
)
from loopcast.dataops.violations import Findings, join_findings

# An object is kept as the tuple of its pairs, so that a name that stands in it twice is seen.
Pairs = tuple[tuple[str, Any], ...]
Numbered = tuple[int, Any]
Wrong = tuple[int, str, str | None]
_BAD = ("bad_json", 'a JSON object such as {"load": 12.5}', "write the row again")
_NESTED = ("nested_value", "one value: text, a number, true, false or null", "write a name of its own for each part")
_MIXED = (
    "mixed_columns",
    "the same names in each row, once",
    "write null for a missing value; send rows of other columns in a file of their own",
)
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
    objects, wrong = _parse_lines(lines)
    return _to_table(objects, wrong=wrong, limits=limits, facts={"kind": "JSON lines", "encoding": name})


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
    facts = {"kind": "JSON list", "encoding": name}
    return _to_table(list(enumerate(document, start=1)), wrong=[], limits=limits, facts=facts)


def _parse(text: str) -> tuple[Any, str]:
    """Return what a JSON text says, numbers as they are written, and why it says nothing."""
    try:
        return json.loads(text, object_pairs_hook=tuple, parse_int=str, parse_float=str, parse_constant=str), ""
    except ValueError as error:
        return None, f"no JSON: {error}"
    except RecursionError:
        return None, "JSON that is nested too deeply"


def _parse_lines(lines: Sequence[tuple[int, str]]) -> tuple[list[Numbered], list[Wrong]]:
    """Return the lines' objects, and the lines that are no JSON; in one go where all are, which is much faster."""
    document, problem = _parse("[" + ",".join(line for _, line in lines) + "]")
    if not problem and len(document) == len(lines):
        return [(number, item) for (number, _), item in zip(lines, document, strict=True)], []
    parsed = [(number, *_parse(line)) for number, line in lines]
    good = [(number, item) for number, item, problem in parsed if not problem]
    return good, [(number, problem, None) for number, _, problem in parsed if problem]


def _to_table(
    objects: Sequence[Numbered], *, wrong: list[Wrong], limits: Limits, facts: dict[str, str]
) -> tuple[RawTable | None, Findings]:
    """Return the objects as columns; all must have the same names, because not sent is not the same as missing."""
    flat = [(number, item) for number, item in objects if isinstance(item, tuple) and item]
    taken = {number for number, _ in flat}
    wrong = wrong + [(number, "no object, or an empty one", None) for number, _ in objects if number not in taken]
    names, same, mixed = _split_mixed(flat)
    if len(names) > limits.columns:
        expected, action = f"at most {limits.columns} names", "send the columns of the use case alone"
        return None, refuse_file("too_many_columns", f"{len(names)} names", expected=expected, action=action)
    nested = [(number, "an object or a list", name) for number, item in same for name in _find_nested(item)]
    left_out = {number for number, _, _ in nested}
    dicts = [(number, dict(item)) for number, item in same if number not in left_out]
    rows = np.array([number for number, _ in dicts], dtype=np.int64)
    made = [make_text_column([_to_text(item[name]) for _, item in dicts], name=name, rows=rows) for name in names]
    parts = (_explain(wrong, _BAD), _explain(mixed, _MIXED), _explain(nested, _NESTED))
    table = RawTable(tuple(map(show_plainly, names)), tuple(column for column, _ in made), rows, facts)
    broken = join_findings(findings for _, findings in made)
    return drop_found(table, broken), join_findings([*parts, broken])


def _split_mixed(objects: Sequence[tuple[int, Pairs]]) -> tuple[tuple[str, ...], list[tuple[int, Pairs]], list[Wrong]]:
    """Return the names that most rows have, the rows that have just these, and the others."""
    shapes = [frozenset(name for name, _ in item) for _, item in objects]
    common = Counter(shapes).most_common(1)[0][0] if shapes else frozenset()
    same: list[tuple[int, Pairs]] = []
    mixed: list[Wrong] = []
    for (number, item), shape in zip(objects, shapes, strict=True):
        if shape == common and len(item) == len(common):
            same.append((number, item))
            continue
        other = next((name for name, _ in item if name not in common), None)
        lacks = next((name for name in sorted(common) if name not in shape), None)
        found = f"a row with {other!r}" if other is not None else f"a row without {lacks!r}"
        twice = other is None and lacks is None
        mixed.append((number, "a name twice in one row" if twice else found, lacks if other is None else other))
    return tuple(name for name, _ in same[0][1]) if same else (), same, mixed


def _find_nested(item: Pairs) -> Iterator[str]:
    """Yield the names of an object under which there is an object or a list."""
    return (name for name, value in item if not isinstance(value, _FLAT))


def _to_text(value: Any) -> str | None:
    """Return a value as text, `true` and `false` as JSON writes them."""
    return value if value is None or isinstance(value, str) else str(value).lower()


def _explain(rows: Sequence[Wrong], words: tuple[str, str, str]) -> Findings:
    """Return the findings of one rule."""
    rule, expected, action = words
    return refuse_rows(rule, rows, expected=expected, action=action)
