"""The contract in force: stored whole, replaced only by one whose version says how much it breaks; and how it is kept.

What a change is worth is decided in `loopcast.dataops.contract.changes`, whether a promise is kept in
`loopcast.dataops.contract.attainment`; here is what is read and written.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from loopcast.dataops.contract.attainment import WINDOW, Attainment, Evidence, data_window, judge_contract, to_table
from loopcast.dataops.contract.changes import Change, compare_contracts, explain_refusal
from loopcast.dataops.contract.contract import Contract
from loopcast.dataops.contract.odcs import read_contract
from loopcast.errors import CallerError, UseCaseError
from loopcast.loop.project import Project
from loopcast.store.records import sha256, to_canonical_json
from loopcast.store.version_records import VersionRecord, version_key, version_number
from loopcast.use_case.contract import CONTRACT_FILE, contract_of

DOCUMENTS, IN_FORCE, STATUS = "contracts", "contract", "contract_status"


@dataclass(frozen=True)
class ContractInForce:
    """A contract that data were or are settled under.

    Args:
        version: its version.
        digest: its document.
        at: since when, in UTC.
        by: who put it in force.
    """

    version: str
    digest: str
    at: datetime
    by: str


def list_contracts(project: Project) -> list[ContractInForce]:
    """Return the contracts that were put in force, oldest first."""
    history = project.store.references.history(IN_FORCE)
    return [ContractInForce(at=entry.at, **entry.value) for entry in history]


def contract_in_force(project: Project) -> Contract | None:
    """Return the contract in force, None before the first one."""
    entry = project.store.references.current(IN_FORCE)
    return None if entry is None else _read(project, str(entry.value["digest"]))


def find_contract(project: Project, version: str) -> Contract:
    """Return the newest contract in force under a version.

    Raises:
        CallerError: none was; the message lists those there are.
    """
    known = list_contracts(project)
    for entry in reversed(known):
        if entry.version == version:
            return _read(project, entry.digest)
    found = ", ".join(dict.fromkeys(entry.version for entry in known)) or "none"
    raise CallerError(f"found no contract {version} of {project.name}; in force were: {found}")


def list_changes(project: Project) -> tuple[Change, ...]:
    """Return what the use case's contract changes in the one in force; nothing before the first one."""
    old = contract_in_force(project)
    return () if old is None else compare_contracts(old, contract_of(project.use_case))


def check_contract(project: Project) -> None:
    """Make sure that the use case's contract may follow the one in force.

    Raises:
        UseCaseError: it changes more than its version says; the message names the worst change and the version needed.
    """
    old, new = contract_in_force(project), contract_of(project.use_case)
    why = None if old is None else explain_refusal(old, new)
    if why is not None:
        is_inline = project.use_case.contract.odcs is None
        raise UseCaseError(
            file=f"{'defs.yaml' if is_inline else CONTRACT_FILE} of {project.name}",
            line=None,
            field="contract.version" if is_inline else "version",
            found=new.version,
            expected=f"one that may follow {old.version if old else 'nothing'}: {why}",
        )


def put_in_force(project: Project, *, by: str, now: datetime) -> bool:
    """Put the use case's contract in force where it is not yet, and return whether that changed anything.

    Args:
        project: the use case.
        by: who does it, kept with the reference.
        now: aware time.

    Raises:
        UseCaseError: it may not follow the one in force.
    """
    contract = contract_of(project.use_case)
    current = project.store.references.current(IN_FORCE)
    if current is not None and current.value["digest"] == digest_of(contract):
        return False
    check_contract(project)
    digest = project.store.outputs.write_document(DOCUMENTS, contract.document)
    value = {"version": contract.version, "digest": digest, "by": by}
    project.store.references.append(IN_FORCE, value, now=now)
    return True


def settle_version(project: Project, version: str, *, by: str, now: datetime) -> VersionRecord:
    """Return a version's record, after putting the use case's contract in force and settling the version under it.

    Raises:
        UseCaseError: the contract may not follow the one in force; nothing is settled then.
        NotFoundError: the version is not claimed.
    """
    put_in_force(project, by=by, now=now)
    return project.store.versions.settle(version, now=now)


def judge_version(project: Project, version: str, *, now: datetime) -> tuple[Attainment, ...]:
    """Return how the use case's contract was kept when a version was settled, written to the store.

    Args:
        project: the use case.
        version: an accepted version.
        now: aware time, kept with what is written; the judgement itself is of the moment the version was settled.
    """
    contract, record = contract_of(project.use_case), project.store.versions.record(version)
    attained = judge_contract(contract, _gather_evidence(project, contract, record, now=record.settled_at))
    pins = {"version": version, "dataset": record.state_digest, "contract": digest_of(contract)}
    broken = [item.clause.name for item in attained if item.clause.is_error and item.kept is False]
    project.store.outputs.write(STATUS, version, to_table(attained), pins=pins, now=now, facts={"stopped_by": broken})
    return attained


def read_status(project: Project, *, now: datetime) -> tuple[Attainment, ...]:
    """Return how the use case's contract is kept now, on the newest version; empty before the first one."""
    newest = project.store.versions.newest()
    if newest is None:
        return ()
    contract = contract_of(project.use_case)
    return judge_contract(contract, _gather_evidence(project, contract, newest, now=now))


def is_stopped(project: Project, version: str) -> bool:
    """Return whether a version breaks a clause whose severity is error: it is not taken further by itself."""
    manifest = project.store.outputs.manifest(STATUS, version)
    return bool(manifest and manifest.facts["stopped_by"])


def digest_of(contract: Contract) -> str:
    """Return the digest that a contract's document is stored under."""
    return sha256(to_canonical_json(contract.document))


def _gather_evidence(project: Project, contract: Contract, record: VersionRecord, *, now: datetime) -> Evidence:
    """Return what the promises are judged on: the records of the window, and as much data as the clauses need."""
    versions, spec = project.store.versions, project.store.spec
    needs_data = any(clause.measure in ("completeness", "missing_share") for clause in contract.clauses)
    columns = [clause.column for clause in contract.clauses if clause.measure == "missing_share" and clause.column]
    end = pd.Timestamp(record.last_timestamp) if record.last_timestamp else pd.Timestamp(0)
    # Known-ahead values reach beyond the last target: twice the window holds a whole one before it.
    wanted = list(dict.fromkeys([spec.target, *columns]))
    start = end - 2 * data_window(spec)
    data = versions.read(record.version, columns=wanted, start=start) if needs_data else pd.DataFrame(columns=wanted)
    until = pd.Timestamp(now.astimezone(UTC).replace(tzinfo=None))
    return Evidence(_list_updates(project, record.version, opening=until - WINDOW), data, spec, until)


def _list_updates(project: Project, last: str, *, opening: pd.Timestamp) -> pd.DataFrame:
    """Return the settled updates up to a version, oldest first: those of the window and the accepted one before it."""
    rows: list[dict[str, Any]] = []
    for number in range(version_number(last), 0, -1):
        record = project.store.versions.record(version_key(number))
        rows.append(_describe_update(record))
        if record.status == "accepted" and rows[-1]["at"] <= opening:
            break
    return pd.DataFrame(rows[::-1])


def _describe_update(record: VersionRecord) -> dict[str, Any]:
    return {
        "at": pd.Timestamp(record.settled_at.astimezone(UTC).replace(tzinfo=None)),
        "accepted": record.status == "accepted",
        "is_first": record.parent is None,
        "rows_sent": record.added + record.corrected + record.removed + record.unchanged,
        "rows": record.rows,
    }


def _read(project: Project, digest: str) -> Contract:
    return read_contract(project.store.outputs.read_document(DOCUMENTS, digest))
