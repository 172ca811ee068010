"""Names of erased series in documents: a name that tells nothing is put in their place.

Here belongs replacing them in JSON's own types. Not here: which series those are (`loopcast.store.erasure`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from loopcast.store.records import sha256, to_canonical_json

SeriesKey = tuple[str, ...]


def make_pseudonym(series: SeriesKey, *, salt: str) -> str:
    """Return the name that stands for an erased series: the same in all files of one erasure."""
    return f"erased-{sha256(salt.encode() + to_canonical_json({'series': list(series)}))[:16]}"


def scrub(value: Any, erased: Sequence[SeriesKey], *, series_keys: Sequence[str], salt: str) -> Any:
    """Return a JSON value in which pseudonyms stand for erased series.

    A series is met as a list of its values in the order of the keys, as an object with all its keys, and, where there
    is one key alone, as a text.

    Args:
        value: anything in JSON's own types.
        erased: the series, values in the order of the keys.
        series_keys: the names of the keys.
        salt: makes the pseudonyms of this erasure different from those of others.

    Examples:
        >>> changed = scrub({"series": [["a"], ["b"]], "n": 2}, [("a",)], series_keys=["k"], salt="")
        >>> changed["series"][1:], changed["series"][0][0][:7]
        ([['b']], 'erased-')
    """
    names = {series: make_pseudonym(series, salt=salt) for series in erased}
    return _scrub(value, names, series_keys)


def _scrub(value: Any, names: Mapping[SeriesKey, str], series_keys: Sequence[str]) -> Any:
    """Return a JSON value in which some series have other names."""
    if isinstance(value, str):
        return names.get((value,), value) if len(series_keys) == 1 else value
    if isinstance(value, list):
        is_series = len(value) == len(series_keys) and all(isinstance(item, str) for item in value)
        name = names.get(tuple(value)) if is_series else None
        return [_scrub(item, names, series_keys) for item in value] if name is None else [name] * len(value)
    if isinstance(value, Mapping):
        name = names.get(tuple(str(value.get(key)) for key in series_keys))
        own = dict.fromkeys(series_keys, name) if name is not None else {}
        return {_scrub(key, names, series_keys): _scrub(item, names, series_keys) for key, item in value.items()} | own
    return value
