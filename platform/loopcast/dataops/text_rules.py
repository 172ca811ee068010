"""What text in a cell must not be: a formula for whoever opens an export, a path, invisible characters, an error.

Here belong rules on categories and series keys. Not here: numbers and times (`loopcast.dataops.columns`).
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loopcast.dataops.columns import Rule
from loopcast.dataops.violations import Findings, join_findings

# After a sign, words, numbers and phrases such as "- none -" or "+49 40 1234" pass; what can be computed does not.
_FORMULA = r"^[\s]*[=@\x{FF1D}\x{FF20}]|^[\t\r]|^\s*[+\-\x{FF0B}\x{FF0D}][^\s]*[(!|*/^&=@\"+]"
# Line breaks are named by a rule of their own, for all columns.
_CONTROL = r"[\x00-\x09\x0B\x0C\x0E-\x1F\x7F-\x{9F}\x{2028}\x{2029}]"
_INVISIBLE = r"[\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}-\x{2064}\x{2066}-\x{2069}\x{FEFF}]"
_PATH = r"(?:^|[/\\])\.\.?(?:[/\\]|$)|^[/\\~]|^[A-Za-z]:[/\\]"
_ERROR = r"^#(?:REF!|N/A|DIV/0!|NAME\?|NULL!|NUM!|VALUE!|SPILL!|CALC!|GETTING_DATA)$"

FORMULA_TEXT = Rule(
    "formula_text", "text that a spreadsheet does not compute", "write the text without the sign it begins with"
)
ERROR_VALUE = Rule("error_value", "text, not the error of a formula", "mend the formula, or leave the cell empty")
CONTROL_CHARACTER = Rule("control_character", "text without control characters", "write the text without them")
UNSAFE_KEY = Rule(
    "unsafe_key",
    "a series key that is no path, has no control or invisible characters and no blanks around it",
    "rename the series",
)


def check_texts(column: Any, *, name: str, is_key: bool, rows: npt.NDArray[np.int64]) -> Findings:
    """Return the cells of a column of text that break a rule.

    Args:
        column: Arrow text.
        name: the column's name.
        is_key: whether it is a series key, of which more is asked.
        rows: the rows' numbers in the file.
    """
    # Each text is looked at once, however many rows have it.
    encoded = pc.dictionary_encode(column)
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    distinct = encoded.dictionary
    rules = [(FORMULA_TEXT, _FORMULA), (ERROR_VALUE, _ERROR)]
    rules += [(UNSAFE_KEY, rf"{_CONTROL}|{_INVISIBLE}|{_PATH}|^\s|\s$")] if is_key else [(CONTROL_CHARACTER, _CONTROL)]
    parts = []
    for rule, pattern in rules:
        broken = np.flatnonzero(pc.match_substring_regex(distinct, pattern).to_numpy(zero_copy_only=False))
        if len(broken):
            mask = np.isin(encoded.indices.fill_null(-1).to_numpy(), broken)
            parts.append(rule.find(mask, column=name, found=column, rows=rows))
    return join_findings(parts)
