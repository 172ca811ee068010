"""What real stores make of bad files. No tests; the files are in `bad_inputs`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bad_inputs import SPECS, BadInput
from loopcast.dataops.violations import Violation
from loopcast.store.store import Store, open_store
from loopcast.store.version_records import Upload, VersionRecord

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
GOOD = "site,t,load,temp,sky\nA,2023-01-01 00:00,1,2,grey\nB,2023-01-01 00:00,3,,\n"
LATER = "site,t,load\nA,2023-01-01 01:00,5\n"


@dataclass(frozen=True)
class Verdict:
    """What the store made of a file."""

    violation: Violation | None
    record: VersionRecord
    is_unchanged: bool

    @property
    def is_named(self) -> bool:
        """Whether the file was refused by the expected rule, in words."""
        told = self.violation
        return (
            self.record.status == "refused" and told is not None and bool(told.found and told.expected and told.action)
        )


class Stores:
    """A store for each use case, with one good update in it."""

    def __init__(self, root: str) -> None:
        self._stores = {
            name: open_store(f"{root}/{name}", use_case="demo", spec=spec, code_version="test")
            for name, spec in SPECS.items()
        }
        for name in self._stores:
            assert self.send(name, "good.csv", GOOD.encode()).status == "accepted"

    def store(self, use_case: str) -> Store:
        """Return the store of a use case."""
        return self._stores[use_case]

    def send(self, use_case: str, file: str, content: bytes) -> VersionRecord:
        """Return how an upload was settled."""
        versions = self._stores[use_case].versions
        claim = versions.claim(Upload(file, content, "test", "ada"), now=NOW)
        return versions.settle(claim.version, now=NOW)

    def judge(self, case: BadInput) -> Verdict:
        """Return what becomes of a bad file."""
        versions = self._stores[case.use_case].versions
        parent = versions.newest(accepted=True)
        record = self.send(case.use_case, case.file, case.content)
        found = versions.refusal(record.version).violations if record.status == "refused" else ()
        here = (item for item in found if (item.rule, item.row, item.column) == (case.rule, case.row, case.column))
        same = (record.state_digest, record.rows) == (parent.state_digest, parent.rows)
        return Verdict(next(here, None), record, same and versions.newest(accepted=True) == parent)


def count_refusals(root: str, cases: Sequence[BadInput]) -> str:
    """Return how many files are refused as they should be; whatever raises ends the count."""
    stores = Stores(root)
    verdicts = [stores.judge(case) for case in cases]
    named, changes = (
        sum(verdict.is_named for verdict in verdicts),
        sum(not verdict.is_unchanged for verdict in verdicts),
    )
    return f"refused with a named reason {named} / {len(verdicts)}, stack traces 0, state changes {changes}"
