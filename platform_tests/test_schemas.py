"""Tables that cross a wall: what is wrong in them is said with column, rule and value."""

import pandas as pd
import pytest

from loopcast.errors import ModelError
from loopcast.schemas import (
    DESCRIPTIONS,
    accuracy_schema,
    check_table,
    control_schema,
    forecast_schema,
    leaderboard_schema,
    pipeline_schema,
    point_schema,
    profile_schema,
    root_cause_schema,
)

SCHEMAS = (
    forecast_schema(()),
    leaderboard_schema(),
    accuracy_schema(),
    profile_schema(),
    control_schema(),
    pipeline_schema(),
    point_schema(()),
    root_cause_schema(()),
)


def make_report(**changes: object) -> pd.DataFrame:
    numbers = dict.fromkeys(
        ["mae", "rmse", "mape_pct", "mase", "pinball_lower", "pinball_median", "pinball_upper"], 1.5
    )
    row = {"bin": "all", "n": 3, "n_zero": 0, **numbers, "bias": 0.0, "coverage_pct": 90.0, "width": 2.0}
    row = {name: row[name] for name in accuracy_schema().columns}
    return pd.DataFrame([row | changes]).astype({"bin": "str"})


def test_a_right_table_passes_unchanged() -> None:
    report = make_report()
    pd.testing.assert_frame_equal(check_table(report, accuracy_schema()), report)


def test_a_wrong_value_is_named_with_its_column_and_rule() -> None:
    with pytest.raises(ModelError, match=r"the accuracy table .* coverage_pct: in_range.* found 104"):
        check_table(make_report(coverage_pct=104.0), accuracy_schema())


def test_every_column_of_the_tables_has_a_description() -> None:
    for schema in SCHEMAS:
        assert set(schema.columns) <= set(DESCRIPTIONS)
