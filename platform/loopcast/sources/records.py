"""From the bytes of an answer to rows: JSON, JSON lines, CSV.

Here belongs what depends on the format. Not here: how the bytes were had, and which rows are new.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from loopcast.dataops.files.formats import read_columns
from loopcast.dataops.table import TableSpec
from loopcast.errors import SourceError, bound_text
from loopcast.sources.batch import Rows
from loopcast.sources.cursor import NUMBERS
from loopcast.use_case.sources import HttpSource

TOLD = 10


def read_rows(body: bytes, *, source: HttpSource, spec: TableSpec) -> Rows:
    """Return the rows of one page.

    Args:
        body: the page's bytes.
        source: the format, and where in it the records are.
        spec: the use case's table, by which the dialect of a CSV file is told.

    Raises:
        SourceError: the bytes are not what the source says.
    """
    if not body.strip():
        return Rows(())
    if source.format == "csv":
        return _read_csv(body, spec=spec)
    if source.format == "jsonl":
        return rows_of([load_json(line) for line in body.splitlines() if line.strip()])
    found = load_json(body)
    if source.records:
        found = find_field(found, source.records, required=True)
    if isinstance(found, Mapping) and found and all(isinstance(column, list) for column in found.values()):
        return _turn_columns(found)
    if found is not None and not isinstance(found, list):
        raise SourceError(f"found {_quote(found)} where the records should be; expected a list: name it in `records`")
    return rows_of(found or [])


def rows_of(records: Sequence[Any]) -> Rows:
    """Return records as rows: an object inside of an object gives columns such as `outer.inner`.

    A field that only some records have is missing in the others.

    Examples:
        >>> rows_of([{"at": 1, "value": {"mw": 2}}, {"at": 3}])
        Rows(names=('at', 'value.mw'), cells=[(1, 2), (3, None)])
    """
    flat = [dict(_flatten(record)) for record in records]
    names = tuple(dict.fromkeys(name for record in flat for name in record))
    return Rows(names, [tuple(record.get(name) for name in names) for record in flat])


def join_rows(pages: Sequence[Rows]) -> Rows:
    """Return the rows of all pages in order."""
    if len(pages) == 1:
        return pages[0]
    names = tuple(dict.fromkeys(name for page in pages for name in page.names))
    places = [[page.names.index(name) if name in page.names else None for name in names] for page in pages]
    return Rows(
        names,
        [
            tuple(None if at is None else row[at] for at in place)
            for page, place in zip(pages, places, strict=True)
            for row in page.cells
        ],
    )


def load_json(text: bytes) -> Any:
    """Return a JSON document, None where there is nothing; raises SourceError where it is none."""
    if not text.strip():
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise SourceError(f"found {_quote(text.decode('utf-8', 'replace'))}; expected JSON: {error}") from None


def find_field(document: Any, path: str, *, required: bool = False) -> Any:
    """Return what stands at a dotted path, None where nothing does.

    Examples:
        >>> find_field({"meta": {"next": "abc"}}, "meta.next")
        'abc'
    """
    found = document
    for part in path.split("."):
        if not isinstance(found, Mapping) or part not in found:
            if required:
                raise SourceError(f"found {_quote(found)}; expected the field {part!r} of `{path}` in it")
            return None
        found = found[part]
    return found


def order_of(cursors: Sequence[Any]) -> Callable[[Any], Any]:
    """Return what cursors are compared by: numbers, also as text, by value, other texts by their letters.

    Examples:
        >>> max(["9", "10"], key=order_of(["9", "10"]))
        '10'
    """
    if all(_is_number(cursor) for cursor in cursors):
        return float
    if all(isinstance(cursor, str) for cursor in cursors):
        return str
    kinds = sorted({type(cursor).__name__ for cursor in cursors})
    raise SourceError(f"found cursors of the kinds {kinds}; expected numbers or texts, in every record")


def _is_number(cursor: Any) -> bool:
    if isinstance(cursor, str):
        return cursor.removeprefix("-").replace(".", "", 1).isdecimal()
    return isinstance(cursor, NUMBERS) and not isinstance(cursor, bool)


def _flatten(record: Any, before: str = "") -> Iterable[tuple[str, Any]]:
    if not isinstance(record, Mapping):
        raise SourceError(f"found the record {_quote(record)}; expected an object with a field for each column")
    for name, value in record.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", json.dumps(value) if isinstance(value, list) else value


def _turn_columns(columns: Mapping[str, list[Any]]) -> Rows:
    """Return the rows of an object that holds one list per column, as weather services deliver them."""
    lengths = {name: len(cells) for name, cells in columns.items()}
    if len(set(lengths.values())) > 1:
        raise SourceError(
            f"found columns of different lengths, {dict(list(lengths.items())[:TOLD])}; expected the same"
        )
    return Rows(tuple(columns), list(zip(*columns.values(), strict=True)))


def _read_csv(body: bytes, *, spec: TableSpec) -> Rows:
    table, findings = read_columns(body, name="answer.csv", spec=spec)
    if table is None or findings.violations:
        first = findings.violations[0]
        raise SourceError(f"found {first.found}; expected {first.expected}")
    return Rows(table.names, list(zip(*(column.to_pylist() for column in table.columns), strict=True)))


def _quote(value: Any) -> str:
    return bound_text(repr(value), limit=120)
