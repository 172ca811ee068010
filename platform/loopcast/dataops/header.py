"""What is wrong with the names of a file's columns, with a hint at the name that may have been meant.

Here belong rules on the header alone. Not here: rules on rows (`loopcast.dataops.updates`).
"""

import difflib
from collections import Counter
from collections.abc import Iterator, Sequence

from loopcast.dataops.files.raw_table import RawTable, refuse_file
from loopcast.dataops.table import OPERATION, TableSpec
from loopcast.dataops.violations import Findings


def check_header(table: RawTable, spec: TableSpec) -> Iterator[Findings]:
    """Yield what is wrong with the columns' names: unknown, blank, twice there, or a key that is not there.

    Args:
        table: the file's columns.
        spec: the names that may be there, and the keys, which must be.
    """
    known = (*spec.keys, *spec.variable_names, OPERATION)
    counts = Counter(table.names)
    blank = [str(at) for at, name in enumerate(table.names, start=1) if not name.strip()]
    if blank:
        found, action = f"no name above column {', '.join(blank)}", "name the column or delete it; unmerge merged cells"
        yield refuse_file("blank_column_name", found, expected="a name for each column", action=action, row=1)
    for name in (name for name in counts if name.strip()):
        if name not in known:
            yield _unknown(name, known=known, free=[other for other in known if other not in counts])
        elif counts[name] > 1:
            found = f"{counts[name]} columns of this name"
            yield refuse_file("duplicate_column", found, expected="one column", action="keep one of the columns",
                              row=1, column=name)  # fmt: skip
    for name in spec.keys:
        if name not in counts:
            found = f"the columns {', '.join(table.names)}"
            yield refuse_file("missing_key_column", found, expected=f"the key column {name}", action="add the column",
                              row=1, column=name)  # fmt: skip


def _unknown(name: str, *, known: Sequence[str], free: Sequence[str]) -> Findings:
    """Return the finding for an unknown name, with the free name that is most like it."""
    action = "rename the column or leave it out"
    plain = {other.casefold(): other for other in free}
    close = difflib.get_close_matches(name.strip().casefold()[:100], list(plain), n=1, cutoff=0.6)
    if close:
        action = f"did you mean {plain[close[0]]!r}? {action}"
    return refuse_file("unknown_column", repr(name), expected=f"one of {', '.join(known)}", action=action, row=1,
                       column=name)  # fmt: skip
