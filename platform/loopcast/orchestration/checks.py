"""Results of the blocking check on an update, as Dagster shows them.

The rules are in `loopcast.dataops.updates`.
"""

import dagster as dg

from loopcast.errors import DataError
from loopcast.orchestration.describe import describe_table
from loopcast.store.store import Store
from loopcast.store.version_records import VersionRecord

ACCEPTED = "accepted"


def check_version(store: Store, record: VersionRecord) -> dg.AssetCheckResult:
    """Return the check of a settled version: passed, or failed with every violation found."""
    if record.status == "accepted":
        numbers = {"rows_checked": record.added + record.corrected + record.removed + record.unchanged}
        return dg.AssetCheckResult(check_name=ACCEPTED, passed=True, metadata=numbers)
    refusal = store.versions.refusal(record.version)
    return dg.AssetCheckResult(
        check_name=ACCEPTED,
        passed=False,
        severity=dg.AssetCheckSeverity.ERROR,
        description=refusal.summary(),
        metadata={
            "file": refusal.file,
            "violations": refusal.total,
            "found": describe_table(refusal.to_frame()),
            "quarantine": f"quarantine/{record.version}.json",
            "to_repair": f"loopcast quarantine show {store.use_case} {record.version}",
        },
    )


def explain_refusal(store: Store, record: VersionRecord) -> None:
    """Raise where a version was refused, so that its run says why.

    Raises:
        DataError: the version was refused.
    """
    if record.status != "accepted":
        raise DataError(
            f"Update {record.version} is refused and kept in quarantine; nothing else has changed. "
            f"{store.versions.refusal(record.version).summary()}"
        )
