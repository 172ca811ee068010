"""The promises of the contract as Dagster shows them: one check per clause on `dataset`, a table, numbers to plot.

Whether a promise is kept is decided in `loopcast.dataops.contract.attainment`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from loopcast.dataops.contract.attainment import Attainment, to_table
from loopcast.dataops.contract.contract import Clause
from loopcast.errors import DataError
from loopcast.orchestration.describe import describe_numbers, describe_table
from loopcast.orchestration.stage import Stage
from loopcast.use_case.contract import contract_of


def list_promise_checks(stage: Stage) -> list[dg.AssetCheckSpec]:
    """Return one check per clause that is measured; it blocks where the clause says that breaking it is an error."""
    names = stage.names
    return [
        dg.AssetCheckSpec(
            check_name(clause),
            asset=names.asset("dataset"),
            blocking=clause.is_error,
            partitions_def=names.versions,
            description=f"The contract promises: {clause.promise}.",
        )
        for clause in contract_of(stage.use_case).clauses
        if _is_measured(clause)
    ]


def check_name(clause: Clause) -> str:
    """Return the name of a clause's check."""
    return f"contract_{clause.name}"


def check_promises(attained: Sequence[Attainment]) -> Iterator[dg.AssetCheckResult]:
    """Yield the check of each measured clause; one that had no occasion yet passes and says so."""
    for item in attained:
        if _is_measured(item.clause):
            severity = dg.AssetCheckSeverity.ERROR if item.clause.is_error else dg.AssetCheckSeverity.WARN
            yield dg.AssetCheckResult(
                check_name=check_name(item.clause),
                passed=item.kept is not False,
                severity=severity,
                description=_say(item),
                metadata=_numbers(item),
            )


def describe_promises(attained: Sequence[Attainment]) -> dict[str, Any]:
    """Return the metadata of a version's contract: the table, and attainment and budget of each clause as numbers."""
    numbers = {
        f"{name}/{item.clause.name}": getattr(item, name)
        for item in attained
        for name in ("attainment_pct", "budget_left_pct")
    }
    return {**describe_numbers(numbers), "contract": describe_table(to_table(tuple(attained)))}


def explain_broken(version: str, attained: Sequence[Attainment]) -> None:
    """Raise where a clause is broken that stops what follows, so that the run says why.

    Raises:
        DataError: such a clause is broken.
    """
    broken = [_say(item) for item in attained if item.clause.is_error and item.kept is False]
    if broken:
        raise DataError(
            f"{version} is accepted, but not what the contract promises: {'; '.join(broken)}. It is not taken further "
            "by itself; send a correction, or materialize `forecast` to go on with it"
        )


def _is_measured(clause: Clause) -> bool:
    return clause.measure not in ("unchecked", "by_construction")


def _say(item: Attainment) -> str:
    promised = f"{item.clause.name}: promised {item.clause.promise}"
    if item.observed is None:
        return f"{promised}; no occasion to keep it yet"
    return f"{promised}; observed {item.observed:.6g} {item.clause.unit}".rstrip()


def _numbers(item: Attainment) -> dict[str, float]:
    names = ("observed", "deviation", "attainment_pct", "budget_left_pct", "burn_rate")
    return describe_numbers({name: getattr(item, name) for name in names})
