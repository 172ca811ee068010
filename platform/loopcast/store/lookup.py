"""What an update meets: the rows as they are, and how far the dataset reaches after it.

Here belongs choosing the cheapest way: rows after the end cannot be there; the rows in memory where they are kept; else
one statement over the files. Not here: those ways themselves (`loopcast.store.head`, `loopcast.store.datasets`).
"""

from itertools import islice
from threading import RLock

import pandas as pd

from loopcast.dataops.merge import ChangeCounts
from loopcast.dataops.table import OPERATION, REMOVE, TableSpec
from loopcast.dataops.updates import Update
from loopcast.store.datasets import Datasets
from loopcast.store.head import Head
from loopcast.store.key_index import SeriesKey, encode_series
from loopcast.store.patches import PatchFiles, PatchRef
from loopcast.store.reading import Extent
from loopcast.store.statements import Selection
from loopcast.store.version_log import VersionLog, ref_of
from loopcast.store.version_records import VersionRecord, version_number

HEAD_BYTES = 800_000_000
LOOKUPS_BEFORE_HEAD = 1  # a process that settles one version and ends is done sooner with one statement
PATCHES_LOOKED_AT = 8


class Lookup:
    """Finds what updates meet; made for versions that are settled one after the other."""

    def __init__(
        self,
        log: VersionLog,
        patches: PatchFiles,
        datasets: Datasets,
        *,
        spec: TableSpec,
        head_bytes: int = HEAD_BYTES,
    ) -> None:
        """Keep where to look.

        Args:
            log: the versions' records.
            patches: their patches.
            datasets: reads whole versions through the engine.
            spec: names and kinds of the columns.
            head_bytes: how much memory the newest version's rows may take; 0: they are never kept.
        """
        self._log, self._patches, self._datasets, self._spec = log, patches, datasets, spec
        self._head_bytes = head_bytes
        self._lookups = 0
        self._head: Head | None = None
        self._known: tuple[str, set[SeriesKey]] = ("", set())
        self._lock = RLock()

    def find_rows(self, parent: VersionRecord, update: Update) -> pd.DataFrame:
        """Return those rows of a version that an update speaks of: keys and all variables, in the update's order."""
        times = update.frame[self._spec.timestamp]
        known = update.frame[times <= parent.last_timestamp] if parent.rows else update.frame.iloc[:0]
        times = known[self._spec.timestamp]
        keys = known[list(self._spec.keys)]
        selection = Selection(self._spec.variable_names, None, times.min(), times.max(), keys=keys)
        if known.empty:
            return self._datasets.read(0, selection)
        with self._lock:
            head = self._find_head(parent)
            return head.find_rows(keys) if head else self._datasets.read(version_number(parent.version), selection)

    def read_extent(self, parent: VersionRecord, update: Update, counts: ChangeCounts, ref: PatchRef) -> Extent:
        """Return how far the dataset reaches after an update.

        Args:
            parent: the version before.
            update: what changes.
            counts: how many rows it changes.
            ref: where it is written.
        """
        before = Extent(parent.rows, parent.series, parent.first_timestamp, parent.last_timestamp)
        if counts.removed:
            return self._shrink(parent, before, update, ref)
        if not counts.added:
            return before
        upserts = update.frame[update.frame[OPERATION] != REMOVE]
        times = upserts[self._spec.timestamp]
        first, last = times.min().to_pydatetime(), times.max().to_pydatetime()
        return Extent(
            rows=before.rows + counts.added,
            series=before.series + len(self._find_new_series(parent, upserts)),
            first_timestamp=first if before.first_timestamp is None else min(first, before.first_timestamp),
            last_timestamp=last if before.last_timestamp is None else max(last, before.last_timestamp),
        )

    def remember(self, parent: VersionRecord, digest: str, update: Update) -> None:
        """Keep which series are there in the version that an update makes, for the next one.

        Args:
            parent: the version before.
            digest: the state digest of the version that the update makes.
            update: what changes; where it removes rows, nothing is known of the next version.
        """
        is_removal = (update.frame[OPERATION] == REMOVE).to_numpy(dtype=bool)
        if is_removal.any():
            self._known = (digest, set())
            return
        with self._lock:
            at, known = self._known
            known = known if at == parent.state_digest else set()
            known.update(encode_series(update.frame, self._spec.series_keys)[1])
            self._known = (digest, known)

    def forget(self) -> None:
        """Drop everything that is kept in memory."""
        with self._lock:
            self._head, self._known = None, ("", set())

    def _shrink(self, parent: VersionRecord, before: Extent, update: Update, ref: PatchRef) -> Extent:
        """Return how far the dataset reaches after an update that removes rows."""
        with self._lock:
            head = self._find_head(parent)
            if head is not None:
                return head.read_extent(update, before=before)
            return self._datasets.read_extent(version_number(parent.version), ref)

    def _find_new_series(self, parent: VersionRecord, upserts: pd.DataFrame) -> set[SeriesKey]:
        """Return the series of some rows that a version does not have."""
        new = set(encode_series(upserts, self._spec.series_keys)[1])
        if not parent.rows:
            return new
        if not self._spec.series_keys:
            return set()
        with self._lock:
            if self._head is not None and self._head.number == version_number(parent.version):
                return {series for series in new if not self._head.has_series(series)}
            at, known = self._known
            new -= known if at == parent.state_digest else set()
        new = self._strike_recent(parent, new)
        if not new:
            return new
        wanted = pd.DataFrame(sorted(new), columns=list(self._spec.series_keys)).astype("str")
        return new - self._datasets.read_series(version_number(parent.version), wanted)

    def _strike_recent(self, parent: VersionRecord, series: set[SeriesKey]) -> set[SeriesKey]:
        """Return those series that the newest patches do not show to be there: nearly always none are left."""
        for record in islice(self._log.walk_back(version_number(parent.version)), PATCHES_LOOKED_AT):
            if record.removed or not series:
                break
            frame = self._patches.read_update(ref_of(record)).frame
            series = series - set(encode_series(frame[frame[OPERATION] != REMOVE], self._spec.series_keys)[1])
        return series

    def _find_head(self, parent: VersionRecord) -> Head | None:
        """Return the rows of a version in memory; None where they are not worth it, or the head is further on."""
        number = version_number(parent.version)
        if self._head is not None and self._head.number > number:
            return None
        if self._head is None:
            return self._load_head(parent, number)
        for ref in self._log.list_refs(number, after=self._head.number):
            self._head.move_on(ref.number, self._patches.read_update(ref))
        return self._head

    def _load_head(self, parent: VersionRecord, number: int) -> Head | None:
        """Return the rows of a version, read into memory once it is clear that the process stays and they fit."""
        self._lookups += 1
        is_large = Head.estimate_bytes(parent.rows, spec=self._spec) > self._head_bytes
        if is_large or self._lookups <= LOOKUPS_BEFORE_HEAD:
            return None
        frame = self._datasets.read(number, Selection(self._spec.variable_names))
        self._head = Head(number, frame, spec=self._spec)
        return self._head
