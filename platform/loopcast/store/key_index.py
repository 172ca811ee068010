"""Finds rows by their keys in memory: from series and timestamp to the row's place, without looking at other rows.

Most keys stand in one sorted array of packed numbers; those added since stand in a dict until they are many. Not here:
the rows' values (`loopcast.store.head`).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

SeriesKey = tuple[str, ...]
Integers = npt.NDArray[np.int64]
RECENT_LIMIT = 200_000


def encode_series(frame: pd.DataFrame, names: Sequence[str]) -> tuple[Integers, list[SeriesKey]]:
    """Return for each row the number of its series among those of the frame, and these series.

    Examples:
        >>> codes, series = encode_series(pd.DataFrame({"k": ["b", "a", "b"]}), ["k"])
        >>> codes.tolist(), series
        ([0, 1, 0], [('b',), ('a',)])
    """
    ids = np.zeros(len(frame), dtype=np.int64)
    for name in names:
        codes, distinct = pd.factorize(frame[name])
        ids, _ = pd.factorize(ids * len(distinct) + codes)
    count = int(ids.max()) + 1 if len(ids) else 0
    first = np.zeros(count, dtype=np.int64)
    first[ids[::-1]] = np.arange(len(ids))[::-1]
    columns = [frame[name].iloc[first].astype(object) for name in names]
    series: list[SeriesKey] = list(zip(*columns, strict=True)) if names else [()] * count
    return ids.astype(np.int64, copy=False), series


def to_microseconds(times: pd.Series) -> Integers:
    """Return timestamps as microseconds since 1970."""
    return times.to_numpy(dtype="datetime64[us]").astype(np.int64)


class KeyIndex:
    """The places of keys; every key that was ever added has one, and keeps it."""

    def __init__(self, frame: pd.DataFrame, *, series_keys: Sequence[str], timestamp: str) -> None:
        """Give the rows of a frame the places 0, 1, 2 and so on; its keys are unique."""
        self._names, self._timestamp = list(series_keys), timestamp
        codes, series = encode_series(frame, self._names)
        self._codes = {key: code for code, key in enumerate(series)}
        self._recent: dict[tuple[int, int], int] = {}
        self._pack(codes, to_microseconds(frame[timestamp]), np.arange(len(frame), dtype=np.int64))

    def __len__(self) -> int:
        """Return how many places there are."""
        return len(self._packed) + len(self._recent)

    def find(self, frame: pd.DataFrame) -> Integers:
        """Return the place of each row's key, -1 where it never was."""
        codes, times = self.encode(frame)
        at = np.searchsorted(self._times, times)
        is_known = (at < len(self._times)) & (codes >= 0)
        is_known[is_known] = self._times[at[is_known]] == times[is_known]
        packed = codes[is_known] * len(self._times) + at[is_known]
        place = np.searchsorted(self._packed, packed)
        place[place == len(self._packed)] = 0
        found = np.full(len(frame), -1, dtype=np.int64)
        if len(self._packed):
            found[is_known] = np.where(self._packed[place] == packed, self._places[place], -1)
        if self._recent:
            for row in np.flatnonzero((found < 0) & (codes >= 0)).tolist():
                found[row] = self._recent.get((int(codes[row]), int(times[row])), -1)
        return found

    def encode(self, frame: pd.DataFrame) -> tuple[Integers, Integers]:
        """Return each row's series number, -1 where there is none, and its time in microseconds."""
        local, series = encode_series(frame, self._names)
        known = np.array([self._codes.get(key, -1) for key in series], dtype=np.int64)
        return known[local] if len(local) else local, to_microseconds(frame[self._timestamp])

    def add(self, frame: pd.DataFrame) -> Integers:
        """Return new places for the keys of a frame, of which none may be there."""
        for key in encode_series(frame, self._names)[1]:
            self._codes.setdefault(key, len(self._codes))
        codes, times = self.encode(frame)
        places = np.arange(len(self), len(self) + len(frame), dtype=np.int64)
        self._recent.update(zip(zip(codes.tolist(), times.tolist(), strict=True), places.tolist(), strict=True))
        if len(self._recent) > max(RECENT_LIMIT, len(self._packed) // 4):
            self._repack()
        return places

    def list_times(self) -> Integers:
        """Return the timestamp of each place, in microseconds since 1970."""
        times = np.empty(len(self), dtype=np.int64)
        times[self._places] = self._times[self._packed % max(len(self._times), 1)]
        for (_, time), place in self._recent.items():
            times[place] = time
        return times

    def _repack(self) -> None:
        """Put the recent keys among the others."""
        codes, at = np.divmod(self._packed, max(len(self._times), 1))
        recent = np.array(list(self._recent), dtype=np.int64).reshape(-1, 2)
        places = np.array(list(self._recent.values()), dtype=np.int64)
        self._recent = {}
        self._pack(
            np.concatenate([codes, recent[:, 0]]),
            np.concatenate([self._times[at], recent[:, 1]]),
            np.concatenate([self._places, places]),
        )

    def _pack(self, codes: Integers, times: Integers, places: Integers) -> None:
        """Keep the keys as sorted numbers: series number times the count of timestamps, plus the timestamp's number."""
        self._times = np.unique(times)
        packed = codes * len(self._times) + np.searchsorted(self._times, times)
        if len(packed) and not (np.diff(packed) > 0).all():
            order = np.argsort(packed)
            packed, places = packed[order], places[order]
        self._packed, self._places = packed, places
