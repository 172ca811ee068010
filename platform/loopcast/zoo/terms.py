"""Which variables a term comes from: the rule by which contributions and importances are counted for variables.

What terms there are is the members' business.
"""

import re

PRODUCT = " * "  # between the names of a product, in a term's name and in its variable


def share_term(term: str, variable: str) -> dict[str, float]:
    """Return the variables that a term comes from and the share that counts for each.

    A product counts for its factors in equal parts: of two, for half. What comes from no variable counts for its kind
    of term in brackets: `(weekday)`, `(holiday)`, `(constant)`, `(bounds)`.

    Args:
        term: name of the term.
        variable: as the term gives it: a column, empty, or several joined by ` * `.

    Examples:
        >>> share_term("temp[-24] * wind", "temp * wind")
        {'temp': 0.5, 'wind': 0.5}
        >>> share_term("holiday:Labor Day", "")
        {'(holiday)': 1.0}
    """
    variables, names = variable.split(PRODUCT), term.split(PRODUCT)
    names = names if len(names) == len(variables) else [term] * len(variables)
    shares: dict[str, float] = {}
    for source, name in zip(variables, names, strict=True):
        kind = source or f"({re.split(r'[^A-Za-z_ ]', name, maxsplit=1)[0].strip(' _')})"
        shares[kind] = shares.get(kind, 0.0) + 1.0 / len(variables)
    return shares
