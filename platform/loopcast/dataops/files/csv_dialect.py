"""How a CSV file separates and quotes its cells, found out from its first line.

Here belongs the choice of delimiter and quote. Not here: encodings, numbers, and reading the rows.
"""

import csv
from collections.abc import Collection
from dataclasses import dataclass
from itertools import product

DELIMITERS = (",", ";", "\t", "|")
QUOTES = ('"', "'")
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


@dataclass(frozen=True)
class CsvDialect:
    """How cells are told apart.

    Args:
        delimiter: between two cells.
        quote: around a cell that holds a delimiter.
        header: the cells of the first line.
    """

    delimiter: str
    quote: str
    header: tuple[str, ...]

    def describe(self) -> dict[str, str]:
        """Return the dialect in words."""
        return {"delimiter": _NAMES.get(self.delimiter, self.delimiter), "quote": self.quote}


def find_dialect(line: str, *, known: Collection[str], delimiter: str | None) -> CsvDialect:
    r"""Return the dialect by which the first line names most of the known columns, and then has most cells.

    Args:
        line: the header line.
        known: the names of the columns that may be there.
        delimiter: the declared delimiter; None: comma, semicolon, tab or bar.

    Raises:
        csv.Error: the line cannot be taken apart.

    Examples:
        >>> find_dialect("'time';'load, MW'", known=["time", "load, MW"], delimiter=None).header
        ('time', 'load, MW')
    """
    delimiters = DELIMITERS if delimiter is None else (delimiter,)
    dialects = [_split(line, delimiter=mark, quote=quote) for quote, mark in product(QUOTES, delimiters)]
    # `max` takes the first of equals: the double quote before the single one, the comma before the others.
    return max(dialects, key=lambda dialect: (_count_known(dialect, known), dialect.quote == '"', len(dialect.header)))


def _split(line: str, *, delimiter: str, quote: str) -> CsvDialect:
    """Return the dialect with the header that it makes of the line."""
    cells = next(csv.reader([line], delimiter=delimiter, quotechar=quote), [])
    return CsvDialect(delimiter, quote, tuple(cells))


def _count_known(dialect: CsvDialect, known: Collection[str]) -> int:
    """Return how many of the header's cells are known names."""
    return sum(name in known for name in dialect.header)
