"""The two checks that every stage has, as Dagster shows them: `input` on what it has read, `output` on what it wrote.

The rules are in `loopcast.loop.stage_checks`.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import asdict
from typing import TypeVar

import dagster as dg
import pandas as pd

from loopcast.errors import TableError
from loopcast.loop.stage_checks import RuleOutcome, StageCheck
from loopcast.orchestration.describe import describe_table
from loopcast.orchestration.stage import Stage

INPUT, OUTPUT = "input", "output"
DESCRIPTIONS = {
    INPUT: "What it has read is what the records pin: accepted, with the digest that is written down.",
    OUTPUT: "What it has written, read back from the store, breaks no rule of its schema.",
}
Made = TypeVar("Made")


def list_stage_checks(
    stage: Stage, noun: str, partitions: dg.PartitionsDefinition, *, blocking: bool = False
) -> list[dg.AssetCheckSpec]:
    """Return the input and the output check of a stage.

    Args:
        stage: the use case.
        noun: the asset.
        partitions: its partitions.
        blocking: whether nothing may be made from it where one fails. Only `dataset` is read as such by conditions: a
            blocking check on `forecast` would need every forecast there ever was to have passed.
    """
    return [
        dg.AssetCheckSpec(
            name,
            asset=stage.names.asset(noun),
            blocking=blocking,
            partitions_def=partitions,
            description=DESCRIPTIONS[name],
        )
        for name in (INPUT, OUTPUT)
    ]


def show_checks(checked: StageCheck) -> Iterator[dg.AssetCheckResult]:
    """Yield the results of both checks; that of the output only where something was written."""
    yield _show(INPUT, checked.inputs)
    if checked.outputs:
        yield _show(OUTPUT, checked.outputs)


def show_no_work(reason: str) -> Iterator[dg.AssetCheckResult]:
    """Yield both checks where a stage had nothing to do: Dagster takes a step without them for a failed one."""
    for name in (INPUT, OUTPUT):
        yield dg.AssetCheckResult(check_name=name, passed=True, description=reason, metadata={"rules_run": 0})


def attempt(make: Callable[[], Made]) -> Generator[dg.AssetCheckResult, None, Made]:
    """Return what a stage makes; a table that breaks its schema is not written, and fails the output check.

    Args:
        make: makes and writes the output.

    Raises:
        TableError: after the check result that shows each broken rule.
    """
    try:
        return make()
    except TableError as error:
        yield _show(OUTPUT, [RuleOutcome(f"{error.table}: {rule}", count) for rule, count in error.broken.items()])
        raise


def _show(name: str, rules: Sequence[RuleOutcome]) -> dg.AssetCheckResult:
    broken = [rule for rule in rules if rule.broken]
    told = "; ".join(f"{rule.rule} ({rule.found or f'{rule.broken} rows'})" for rule in broken[:3])
    table = pd.DataFrame([asdict(rule) for rule in (*broken, *(rule for rule in rules if not rule.broken))])
    return dg.AssetCheckResult(
        check_name=name,
        passed=not broken,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"Broken: {told}" if broken else f"{len(rules)} rules hold.",
        metadata={"rules_run": len(rules), "rules_broken": len(broken), "rules": describe_table(table)},
    )
