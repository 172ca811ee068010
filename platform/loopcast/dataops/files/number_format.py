"""How a text file writes numbers: decimal point or comma, and what stands between thousands.

Here belong finding that out and rewriting such numbers with a plain point. Not here: what a number may be.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loopcast.dataops.files.raw_table import RawTable, refuse_file
from loopcast.dataops.table import FileFormat, TableSpec
from loopcast.dataops.violations import Findings

Mask = npt.NDArray[np.bool_]
_MARKS = (".", ",", " ", "'")
_ALIKE = (("\u00a0", " "), ("\u202f", " "), ("\u2009", " "), ("\u2019", "'"))
_WORDS = {".": "point", ",": "comma", " ": "space", "'": "apostrophe", "": "none"}
_BATCH = 20_000


@dataclass(frozen=True)
class NumberFormat:
    """How numbers are written.

    Args:
        decimal: `.` or `,`.
        thousands: what may stand between groups of three digits, or nothing.
    """

    decimal: str = "."
    thousands: str = ""

    def describe(self) -> dict[str, str]:
        """Return the format in words."""
        return {"decimal": _WORDS[self.decimal], "thousands": _WORDS.get(self.thousands, self.thousands)}


PLAIN = NumberFormat()


def rewrite_numbers(column: Any, number_format: NumberFormat) -> Any:
    """Return a column of text with its numbers as in `1234.5`; no other text can be taken for a number afterwards.

    Args:
        column: Arrow text, without nulls.
        number_format: how its numbers are written.
    """
    clean = _unify(column)
    fits = pc.match_substring_regex(clean, _pattern(number_format.decimal, number_format.thousands))
    plain = pc.replace_substring(clean, number_format.thousands, "") if number_format.thousands else clean
    return pc.if_else(fits, pc.replace_substring(plain, ",", "."), pc.replace_substring_regex(clean, "[.,]", "?"))


def write_numbers(column: Any, declared: FileFormat) -> Any:
    """Return a column of text with plain numbers, written so that a CSV file of the declared format may hold them.

    Args:
        column: Arrow text.
        declared: what the use case says of the decimal separator and of the thousands.
    """
    if _declared_decimal(declared) != ",":
        return column
    return pc.if_else(
        pc.match_substring_regex(column, _pattern(".", "")), pc.replace_substring(column, ".", ","), column
    )


def _declared_decimal(declared: FileFormat) -> str | None:
    """Return the decimal separator that the use case declares, itself or by what stands between thousands."""
    if declared.decimal is None and declared.thousands in {".", ","}:
        return "," if declared.thousands == "." else "."
    return declared.decimal


def find_number_format(table: RawTable, *, spec: TableSpec) -> tuple[NumberFormat, Findings]:
    """Return the format in which a file writes its numbers, and the first cell that leaves two readings.

    No cell is guessed: where `1,234` may be a thousand or a little more than one, and nothing else in the file tells
    which, that is a finding. Once one cell has told, those that do not fit are no numbers.

    Args:
        table: the file's columns; only in text files numbers may be written otherwise than plainly.
        spec: which columns hold numbers, and what the use case says of the decimal separator and of the thousands.
    """
    declared, positions = spec.file_format, find_number_columns(table, spec)
    decimal, findings = _declared_decimal(declared), Findings()
    if not table.is_localised:
        return PLAIN, findings
    is_plain = decimal != "," and all(_is_plain(table.columns[position]) for position in positions)
    if decimal is None:
        # Between cells that commas separate, a bare point cannot stand between thousands.
        is_english = table.facts.get("delimiter") == "comma" and (is_plain or not _have_comma(table, positions))
        marks = _MARKS if declared.thousands is None else (declared.thousands,)
        decimal, findings = (".", findings) if is_english else _find_decimal(table, positions, marks)
    thousands = declared.thousands
    if thousands is None:
        thousands = "" if is_plain and decimal != "," else _find_thousands(table, positions, decimal or ".")
    return NumberFormat(decimal or ".", thousands), findings


def find_number_columns(table: RawTable, spec: TableSpec) -> list[int]:
    """Return which of a file's columns should hold numbers."""
    numbers = {variable.name for variable in spec.variables if variable.kind == "number"}
    return [at for at, name in enumerate(table.names) if name in numbers]


def _is_plain(column: Any) -> bool:
    """Return whether a column of text holds nothing but numbers with a point, or without one."""
    try:
        pc.cast(pc.if_else(pc.equal(column, ""), None, column), pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def _have_comma(table: RawTable, positions: Sequence[int]) -> bool:
    """Return whether any cell of some columns holds a comma."""
    return any(pc.any(pc.match_substring(table.columns[position], ",")).as_py() for position in positions)


def _find_decimal(table: RawTable, positions: Sequence[int], marks: tuple[str, ...]) -> tuple[str | None, Findings]:
    """Return the decimal separator that the first telling cell has; None where all numbers are whole."""
    point, comma = _any_pattern(".", marks), _any_pattern(",", marks)
    doubt: tuple[int, int] | None = None
    for position, start, cells in _batches(table, positions):
        has_mark = _match(cells, "[.,]")
        as_point, as_comma = _match(cells, point), _match(cells, comma)
        told = np.flatnonzero(as_point != as_comma)
        if len(told):
            return "." if as_point[told[0]] else ",", Findings()
        unclear = np.flatnonzero(has_mark & as_point)
        if doubt is None and len(unclear):
            doubt = position, start + int(unclear[0])
    return None, Findings() if doubt is None else _explain_doubt(table, *doubt)


def _find_thousands(table: RawTable, positions: Sequence[int], decimal: str) -> str:
    """Return what stands between thousands most often, nothing where nothing does."""
    counts = dict.fromkeys((mark for mark in _MARKS if mark != decimal), 0)
    for mark in counts:
        pattern = _grouped_pattern(decimal, mark)
        for position in positions:
            column = table.columns[position]
            if mark in {" ", "'"} or pc.any(pc.match_substring(column, mark)).as_py():
                counts[mark] += int(_match(_unify(column), f"^[+-]?{pattern}$").sum())
    best = max(counts, key=lambda mark: counts[mark])
    return best if counts[best] else ""


def _explain_doubt(table: RawTable, position: int, at: int) -> Findings:
    """Return the finding for a number that can be read in two ways."""
    text = str(table.columns[position][at].as_py())
    return refuse_file(
        "ambiguous_number",
        f"{text!r}, which may be {text.replace(',', '').replace('.', '')} or {text.replace(',', '.')}",
        expected="at least one number that tells whether a comma or a point is the decimal separator",
        action="declare it in the use case, as in format: {decimal: ','}, or write numbers without marks for thousands",
        row=int(table.rows[at]),
        column=table.names[position],
    )


def _batches(table: RawTable, positions: Sequence[int]) -> Iterator[tuple[int, int, Any]]:
    """Yield the columns of numbers in pieces, so that the first telling cell ends the search."""
    for start in range(0, len(table.rows), _BATCH):
        for position in positions:
            yield position, start, _unify(table.columns[position].slice(start, _BATCH))


def _match(column: Any, pattern: str) -> Mask:
    """Return where a column of text matches a pattern."""
    return np.asarray(pc.match_substring_regex(column, pattern).to_numpy(), dtype=bool)


def _unify(column: Any) -> Any:
    """Return a column of text trimmed, each kind of space and apostrophe as the plain one."""
    for kind, plain in _ALIKE:
        column = pc.replace_substring(column, kind, plain)
    return pc.utf8_trim_whitespace(column)


def _pattern(decimal: str, thousands: str) -> str:
    """Return the pattern of a whole number with or without marks for thousands."""
    grouped = f"|{_grouped_pattern(decimal, thousands)}" if thousands else ""
    return f"^[+-]?(?:{_plain_pattern(decimal)}{grouped})$"


def _any_pattern(decimal: str, marks: Sequence[str]) -> str:
    """Return the pattern of a number with this decimal separator and any of these marks for thousands."""
    grouped = (_grouped_pattern(decimal, mark) for mark in marks if mark not in {decimal, ""})
    return f"^[+-]?(?:{'|'.join((_plain_pattern(decimal), *grouped))})$"


def _plain_pattern(decimal: str) -> str:
    return rf"(?:[0-9]+\{decimal}?[0-9]*|\{decimal}[0-9]+)(?:[eE][+-]?[0-9]+)?"


def _grouped_pattern(decimal: str, thousands: str) -> str:
    mark = thousands if thousands.isspace() else rf"\{thousands}"
    return rf"[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{3}})+(?:\{decimal}[0-9]*)?"
