"""Tables as CSV that a spreadsheet shows and never runs: text that it would take for a formula is marked as text.

Here belongs the form of what people open. Not here: update files, which are written cell for cell
(`loopcast.dataops.repair`), and which rows are exported (`loopcast.loop.export`).

References:
    OWASP, CSV Injection: cells that begin with =, +, -, @, tab or carriage return are run as formulas.
"""

import csv

import pandas as pd

FORMULA = r"[=+\-@\t\r\n]"
PLAIN_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"


def to_safe_csv(frame: pd.DataFrame, *, header: bool = True) -> bytes:
    r"""Return a frame as CSV in UTF-8, formula-like text with an apostrophe before it; missing cells are empty.

    Args:
        frame: any frame; the index is not written.
        header: whether to write the columns' names.

    Examples:
        >>> to_safe_csv(pd.DataFrame({"who": ["=1+1", "ana", "-5"]}))
        b"who\n'=1+1\nana\n-5\n"
    """
    safe = pd.DataFrame({at: _mark(frame.iloc[:, at]) for at in range(frame.shape[1])}, index=frame.index)
    safe.columns = _mark(pd.Series([str(name) for name in frame.columns], dtype="str"))
    text = safe.to_csv(index=False, header=header, lineterminator="\n")
    if "\r" in text:  # Python's csv leaves a carriage return bare, and readers take it for the end of a row
        text = safe.to_csv(index=False, header=header, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    return text.encode()


def _mark(column: pd.Series) -> pd.Series:
    """Return a column with formula-like text marked; numbers, times and missing cells stay."""
    if not isinstance(column.dtype, pd.StringDtype):
        return column
    risky = column.str.match(FORMULA, na=False) & ~column.str.fullmatch(PLAIN_NUMBER, na=False)
    return column.where(~risky, "'" + column)
