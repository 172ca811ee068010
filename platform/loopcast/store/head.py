"""All rows of one version in memory, moved on by patches, so that what an update meets is found without reading files.

Here belong looking rows up, moving on and telling how far the rows reach. Not here: when that is worth its memory
(`loopcast.store.lookup`).
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from loopcast.dataops.table import OPERATION, REMOVE, TableSpec
from loopcast.dataops.updates import Update
from loopcast.store.key_index import Integers, KeyIndex, SeriesKey, encode_series
from loopcast.store.reading import Extent

MISSING = -1
GROWTH = 8


class Head:
    """The rows of one version; it changes in place, and knows which version it is."""

    def __init__(self, number: int, frame: pd.DataFrame, *, spec: TableSpec) -> None:
        """Take the rows of a version: keys and all variables; keys unique."""
        self.number, self._spec = number, spec
        self._index = KeyIndex(frame, series_keys=spec.series_keys, timestamp=spec.timestamp)
        self._is_there = np.ones(len(frame), dtype=bool)
        self._texts: dict[str, dict[str, int]] = {}
        self._values = {name: self._encode(frame[name], name) for name in spec.variable_names}
        codes, series = encode_series(frame, spec.series_keys)
        counts = np.bincount(codes, minlength=len(series)).tolist()
        self._rows_of: dict[SeriesKey, int] = dict(zip(series, counts, strict=True))

    @staticmethod
    def estimate_bytes(rows: int, *, spec: TableSpec) -> int:
        """Return about how much memory a head takes."""
        return rows * (17 + 8 * len(spec.variables))

    def find_rows(self, keys: pd.DataFrame) -> pd.DataFrame:
        """Return those rows whose keys are wanted and there, in the order of the keys: keys and all variables."""
        places = self._find(keys)
        is_found = places >= 0
        at = places[is_found]
        found = {name: keys[name][is_found].reset_index(drop=True) for name in self._spec.keys}
        values = {name: self._decode(self._values[name][at], name) for name in self._spec.variable_names}
        return pd.DataFrame({**found, **values})

    def has_series(self, series: SeriesKey) -> bool:
        """Return whether a series has any row."""
        return self._rows_of.get(series, 0) > 0

    def read_extent(self, update: Update, *, before: Extent) -> Extent:
        """Return how far the rows reach after an update, which is not made, and how far they reach before it."""
        gone, new = self._split(update)
        rows_of = dict(self._rows_of)
        self._count(gone, new, rows_of=rows_of)
        time = self._spec.timestamp
        times = list(new[time].agg(["min", "max"])) if len(new) else []
        if gone[time].isin([before.first_timestamp, before.last_timestamp]).any():
            is_left = self._is_there[: len(self._index)].copy()
            is_left[self._find(gone)] = False
            left = self._index.list_times()[is_left]
            times += [pd.Timestamp(at, unit="us") for at in (left.min(), left.max())] if len(left) else []
        else:
            times += [at for at in (before.first_timestamp, before.last_timestamp) if at is not None]
        return Extent(
            rows=before.rows + len(new) - len(gone),
            series=sum(count > 0 for count in rows_of.values()),
            first_timestamp=pd.Timestamp(min(times)).to_pydatetime() if times else None,
            last_timestamp=pd.Timestamp(max(times)).to_pydatetime() if times else None,
        )

    def move_on(self, number: int, update: Update) -> None:
        """Become the version of a number, which an update made of this one."""
        frame = update.frame
        places = self._index.find(frame)
        is_removal = (frame[OPERATION] == REMOVE).to_numpy(dtype=bool)
        is_there = self._keep_there(places) >= 0
        self._count(frame[is_removal & is_there], frame[~is_removal & ~is_there], rows_of=self._rows_of)
        if is_removal.any():
            self._clear(places[is_removal])
        upserts = frame[~is_removal] if is_removal.any() else frame
        places = self._place(upserts, places[~is_removal])
        self._is_there[places] = True
        for name in update.columns_sent:
            self._values[name][places] = self._encode(upserts[name], name)
        self.number = number

    def _find(self, keys: pd.DataFrame) -> Integers:
        """Return the places of the keys whose rows are there, -1 for others."""
        return self._keep_there(self._index.find(keys))

    def _keep_there(self, places: Integers) -> Integers:
        """Return the places whose rows are there, -1 for others."""
        kept = places.copy()
        known = kept >= 0
        kept[known] = np.where(self._is_there[kept[known]], kept[known], MISSING)
        return kept

    def _split(self, update: Update) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the rows of an update that take one away, and those that add one."""
        is_removal = (update.frame[OPERATION] == REMOVE).to_numpy(dtype=bool)
        is_there = self._find(update.frame) >= 0
        return update.frame[is_removal & is_there], update.frame[~is_removal & ~is_there]

    def _count(self, gone: pd.DataFrame, new: pd.DataFrame, *, rows_of: dict[SeriesKey, int]) -> None:
        """Bring the counts of rows per series up to date."""
        for frame, sign in ((gone, -1), (new, 1)):
            if frame.empty:
                continue
            codes, series = encode_series(frame, self._spec.series_keys)
            for key, count in zip(series, np.bincount(codes, minlength=len(series)).tolist(), strict=True):
                rows_of[key] = rows_of.get(key, 0) + sign * count

    def _clear(self, places: Integers) -> None:
        """Take rows away, so that nothing of them is left where one comes back."""
        places = places[places >= 0]
        self._is_there[places] = False
        for name, values in self._values.items():
            values[places] = np.nan if self._spec.variable(name).kind == "number" else MISSING

    def _place(self, upserts: pd.DataFrame, places: Integers) -> Integers:
        """Return the places of keys, new ones where they never had one (-1)."""
        is_new = places < 0
        if is_new.any():
            places[is_new] = self._index.add(upserts[is_new])
            self._reserve(len(self._index))
        return places

    def _reserve(self, length: int) -> None:
        """Make room for so many rows; what is not yet used counts as missing."""
        if length <= len(self._is_there):
            return
        more = length + length // GROWTH - len(self._is_there)
        self._is_there = np.concatenate([self._is_there, np.zeros(more, dtype=bool)])
        for name, values in self._values.items():
            empty = np.nan if self._spec.variable(name).kind == "number" else MISSING
            self._values[name] = np.concatenate([values, np.full(more, empty, dtype=values.dtype)])

    def _encode(self, column: pd.Series, name: str) -> npt.NDArray[np.float64] | Integers:
        """Return a column as numbers; texts by their place in a list that grows."""
        if self._spec.variable(name).kind == "number":
            return column.to_numpy(dtype=np.float64, copy=True)
        known = self._texts.setdefault(name, {})
        codes, texts = pd.factorize(column)
        numbers = [known.setdefault(str(text), len(known)) for text in texts]
        return np.append(np.array(numbers, dtype=np.int64), MISSING)[codes]

    def _decode(self, values: npt.NDArray[np.float64] | Integers, name: str) -> pd.Series:
        """Return the column that `_encode` took."""
        if self._spec.variable(name).kind == "number":
            return pd.Series(values, dtype="float64")
        texts = np.array([*self._texts[name], None], dtype=object)
        return pd.Series(texts[values], dtype="str")
