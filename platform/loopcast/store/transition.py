"""From one version to the next: what an update makes of its parent, as the record that will say so.

Here belongs the one place where counts, digests and extents of a version are worked out, whether it is settled or
restated after an erasure. Not here: claiming and settling (`loopcast.store.versions`).
"""

from dataclasses import asdict, replace
from typing import Self

from loopcast.dataops.digest import advance
from loopcast.dataops.merge import merge_update
from loopcast.dataops.table import TableSpec
from loopcast.dataops.updates import Update
from loopcast.store.checkpoints import Checkpoints
from loopcast.store.datasets import Datasets
from loopcast.store.lake import Lake
from loopcast.store.lookup import HEAD_BYTES, Lookup
from loopcast.store.patches import PatchFiles, PatchRef
from loopcast.store.tombstones import Tombstones
from loopcast.store.version_log import VersionLog
from loopcast.store.version_records import NOTHING, VersionRecord


class Transition:
    """Works out versions, each from the one before; holds everything that reading them needs."""

    def __init__(
        self, lake: Lake, *, folder: str, spec: TableSpec, until: int | None = None, head_bytes: int = HEAD_BYTES
    ) -> None:
        """Keep where everything is.

        Args:
            lake: the lake.
            folder: the use case's folder in it.
            spec: the table's columns, keys and time.
            until: the newest version whose checkpoint may be used; None: all.
            head_bytes: how much memory the newest version's rows may take.
        """
        self.spec = spec
        self._seen = 0
        self.tombstones = Tombstones(lake, folder=folder)
        self.log = VersionLog(lake, folder=folder, tombstones=self.tombstones)
        self.patches = PatchFiles(lake, folder=folder, spec=spec)
        self.checkpoints = Checkpoints(lake, folder=folder, until=until)
        self.datasets = Datasets(self.log, self.checkpoints, self.patches, spec=spec)
        self.lookup = Lookup(self.log, self.patches, self.datasets, spec=spec, head_bytes=head_bytes)

    def refresh(self) -> Self:
        """Learn of new erasures and, after one, forget everything that was read before it."""
        self.tombstones.refresh()
        if len(self.tombstones) > self._seen:
            self._seen = len(self.tombstones)
            self.log.forget()
            self.patches.forget()
            self.checkpoints.forget()
            self.lookup.forget()
        return self

    def refuse(self, number: int) -> VersionRecord:
        """Return the record of a refused version: the state of its parent, nothing changed."""
        parent = self.log.accepted_at(number - 1) or NOTHING
        return replace(
            parent, status="refused", parent=parent.version or None, patch_digest=None, columns_sent=(),
            added=0, corrected=0, removed=0, unchanged=0, emptied=0, facts={},
        )  # fmt: skip

    def accept(self, number: int, update: Update) -> VersionRecord:
        """Write an update's patch and return the record of the version that it makes."""
        digest, size = self.patches.write(update, generation=len(self.tombstones))
        return self.derive(number, update, digest=digest, size=size)

    def derive(self, number: int, update: Update, *, digest: str, size: int) -> VersionRecord:
        """Return the record of the version that an update makes of its parent.

        Args:
            number: the version's number.
            update: the update.
            digest: the patch that it is written as.
            size: bytes in the patch.
        """
        parent = self.log.accepted_at(number - 1) or NOTHING
        old = self.lookup.find_rows(parent, update)
        new, counts = merge_update(old, update, spec=self.spec)
        extent = self.lookup.read_extent(parent, update, counts, PatchRef(number, digest, update.columns_sent))
        state = advance(parent.state_digest, old, new, self.spec)
        self.lookup.remember(parent, state, update)
        return replace(
            parent, status="accepted", parent=parent.version or None, patch_digest=digest, state_digest=state,
            columns_sent=update.columns_sent, log_patches=parent.log_patches + 1, log_bytes=parent.log_bytes + size,
            facts=update.facts, **asdict(counts), **asdict(extent),
        )  # fmt: skip
