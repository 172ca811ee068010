"""Whole versions and parts of them by their number: from the newest checkpoint before them and the patches after it.

Here belongs choosing the files, and going on without a checkpoint that is gone or damaged. Not here: the statements
(`loopcast.store.statements`) and running them (`loopcast.store.reading`).
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import pandas as pd

from loopcast.dataops.digest import state_digest
from loopcast.dataops.table import OPERATION, UPSERT, TableSpec
from loopcast.dataops.updates import Update
from loopcast.errors import StoreError
from loopcast.store.checkpoints import Checkpoint, Checkpoints
from loopcast.store.patches import CHECKPOINTS, PatchFiles, PatchRef
from loopcast.store.reading import DatasetReader, Extent
from loopcast.store.statements import Selection
from loopcast.store.version_log import VersionLog
from loopcast.store.version_records import VersionRecord, version_number

Result = TypeVar("Result")


class Datasets:
    """The dataset versions of one use case, by number."""

    def __init__(self, log: VersionLog, checkpoints: Checkpoints, patches: PatchFiles, *, spec: TableSpec) -> None:
        """Keep where everything is; the engine is started with the first statement."""
        self._log, self._checkpoints, self._patches, self._spec = log, checkpoints, patches, spec
        self._reader = DatasetReader(patches, spec=spec)

    def read(self, number: int, selection: Selection, *, is_whole: bool = False) -> pd.DataFrame:
        """Return the rows of a settled version, sorted by their keys; none for number 0.

        Args:
            number: the version's number.
            selection: which part of it.
            is_whole: whether to start from the first patch, whatever checkpoints there are.
        """
        if is_whole:
            return self._reader.read(self.list_refs(number, is_whole=True), selection)
        return self._over(number, lambda refs: self._reader.read(refs, selection))

    def read_extent(self, number: int, later: PatchRef) -> Extent:
        """Return how far the rows of a version reach after one more patch."""
        return self._over(number, lambda refs: self._reader.read_extent([*refs, later]))

    def read_series(self, number: int, wanted: pd.DataFrame) -> set[tuple[str, ...]]:
        """Return those series, of the ones wanted, that have rows in a version."""
        return self._over(number, lambda refs: self._reader.read_series(refs, wanted))

    def list_refs(self, number: int, *, is_whole: bool = False) -> list[PatchRef]:
        """Return the files that make a settled version, the base first.

        Args:
            number: the version's number.
            is_whole: whether to start from the first patch, whatever checkpoints there are.
        """
        base = None if is_whole else self._find_checkpoint(number)
        later = self._log.list_refs(number, after=base.number if base else 0)
        return [base.ref, *later] if base else later

    def find_base(self, record: VersionRecord) -> Checkpoint:
        """Return what reading a version starts from; the first patch stands for a checkpoint where there is none."""
        base = self._find_checkpoint(version_number(record.version))
        if base is not None:
            return base
        first = self._log.first_accepted(version_number(record.version))
        return Checkpoint.of(first, file_digest="", size=first.log_bytes, columns=())

    def write_checkpoint(self, record: VersionRecord, frame: pd.DataFrame) -> Checkpoint:
        """Write a version's rows as a checkpoint and return it; older ones make room."""
        columns = self._spec.variable_names
        digest, size = self._patches.write(Update(frame.assign(**{OPERATION: UPSERT}), columns), kind=CHECKPOINTS)
        checkpoint = Checkpoint.of(record, file_digest=digest, size=size, columns=columns)
        self._checkpoints.write(checkpoint)
        self._checkpoints.thin(budget=record.log_bytes)
        return checkpoint

    def check_checkpoint(self, record: VersionRecord) -> str | None:
        """Return what is wrong with the checkpoint of a version, None where nothing is."""
        checkpoint = self._checkpoints.at(version_number(record.version))
        if (checkpoint.state_digest, checkpoint.rows) != (record.state_digest, record.rows):
            return f"it has the state {checkpoint.state_digest}; expected {record.state_digest}"
        spec = self._spec
        kept = Selection(tuple(name for name in spec.variable_names if name in checkpoint.columns))
        found = state_digest(self._reader.read([checkpoint.ref], kept), spec)
        return None if found == record.state_digest else f"its rows have the state {found}"

    def _find_checkpoint(self, number: int) -> Checkpoint | None:
        """Return the newest checkpoint up to a number, None where there is none.

        One whose version has become another by an erasure, and that is not yet deleted, does not count.
        """
        found = self._checkpoints.find(number, columns=self._spec.variable_names)
        return next((one for one in found if one.state_digest == self._log.record_at(one.number).state_digest), None)

    def _over(self, number: int, read: Callable[[Sequence[PatchRef]], Result]) -> Result:
        """Return what is read over a version's files; a checkpoint that cannot be read is done without."""
        refs = self.list_refs(number) if number else []
        try:
            return read(refs)
        except StoreError:
            if not refs or refs[0].kind != CHECKPOINTS:
                raise
        return read(self.list_refs(number, is_whole=True))
