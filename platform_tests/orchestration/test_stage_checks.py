"""Input and output checks as Dagster gets them: passed with their rules, or failed with each broken one counted."""

from collections.abc import Generator, Iterator

import dagster as dg
import pandas as pd
import pytest

from loopcast.errors import TableError
from loopcast.loop.stage_checks import RuleOutcome, StageCheck
from loopcast.orchestration.stage import explain_failures
from loopcast.orchestration.stage_checks import attempt, show_checks, show_no_work
from loopcast.schemas import accuracy_schema, check_table


def finish(running: Generator[dg.AssetCheckResult, None, int]) -> tuple[list[dg.AssetCheckResult], int | None]:
    results: list[dg.AssetCheckResult] = []
    while True:
        try:
            results.append(next(running))
        except StopIteration as end:
            return results, end.value


def test_what_is_made_is_returned_and_no_check_shown() -> None:
    assert finish(attempt(lambda: 7)) == ([], 7)


def test_a_table_that_breaks_its_schema_fails_the_output_check_with_rules_and_counts_before_the_step_fails() -> None:
    bad = pd.DataFrame({"bin": ["a"], "n": [-1]})
    running = attempt(lambda: len(check_table(bad, accuracy_schema())))
    shown = next(running)
    assert (shown.check_name, shown.passed, shown.severity) == ("output", False, dg.AssetCheckSeverity.ERROR)
    rows = {row.data["rule"]: row.data["broken"] for row in shown.metadata["rules"].value.records}
    assert rows["accuracy: n: greater_than_or_equal_to(0)"] == 1
    assert "accuracy: no column is missing" in rows
    with pytest.raises(TableError):
        next(running)


def test_dagster_keeps_the_failed_check_of_a_step_that_fails_in_words_and_materializes_nothing() -> None:
    spec = dg.AssetCheckSpec("output", asset="accuracy")

    @dg.asset(check_specs=[spec])
    def accuracy() -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        with explain_failures():
            yield from attempt(lambda: check_table(pd.DataFrame({"bin": ["a"], "n": [-1]}), accuracy_schema()))
        yield dg.MaterializeResult()

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([accuracy], instance=instance, raise_on_error=False)
        (check,) = instance.event_log_storage.get_asset_check_execution_history(spec.key, limit=5)
    assert not result.success
    assert check.status.value == "FAILED"
    assert result.get_asset_materialization_events() == []
    (failed,) = result.get_step_failure_events()
    assert failed.step_failure_data.user_failure_data.description.startswith(
        "the accuracy table is not what it must be"
    )


def test_rules_that_hold_and_broken_ones_are_shown_broken_ones_first() -> None:
    checked = StageCheck((RuleOutcome("a"),), (RuleOutcome("b"), RuleOutcome("c", 2, "two of them")))
    first, second = show_checks(checked)
    assert (first.passed, first.description, first.metadata["rules_run"].value) == (True, "1 rules hold.", 1)
    assert (second.passed, second.description) == (False, "Broken: c (two of them)")
    assert [row.data["rule"] for row in second.metadata["rules"].value.records] == ["c", "b"]


def test_where_nothing_was_written_only_the_input_is_checked() -> None:
    assert [shown.check_name for shown in show_checks(StageCheck((RuleOutcome("a"),), ()))] == ["input"]
    assert [(shown.check_name, shown.passed) for shown in show_no_work("no zoo")] == [("input", True), ("output", True)]
