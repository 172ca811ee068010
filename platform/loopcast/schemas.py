"""Every table that crosses a wall between parts of the platform, as a pandera schema. No code that fills them.

The dataset table itself is described by `loopcast.dataops.table.TableSpec`, because its columns are the user's own.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from loopcast.errors import TableError

DESCRIPTIONS = {
    "timestamp": "time that is forecast, in UTC (or wall-clock time where the use case has no zone)",
    "origin": "last target value that the forecast knew",
    "cutoff": "last target value that the backtest's forecast knew",
    "samples_ahead": "steps from the origin to the timestamp",
    "relative_day": "local calendar days from the origin to the timestamp",
    "bin": "bin of samples ahead",
    "forecast": "point forecast, in the target's unit",
    "lower": "lower end of the interval",
    "upper": "upper end of the interval",
    "probability": "share of actuals that should lie below the quantile, 0 to 1",
    "quantile": "the actual should lie below it with that probability, in the target's unit",
    "level": "share of actuals that the interval should cover, percent",
    "forecast_type": "in_sample, out_of_sample or production",
    "model_index": "which of the zoo's models spoke; -1: only the seasonal naive",
    "forecast_version": "dataset version that the forecast was made on",
    "actual": "target value that came later",
    "error": "actual minus forecast",
    "member": "zoo member; `combination` is the zoo as a whole",
    "rank": "place, 1 is first: of a member in the backtest, of a point among the sharpest",
    "n": "how many: forecasts with an actual, values, or earlier versions",
    "mae": "mean absolute error, in the target's unit",
    "rmse": "root mean squared error, in the target's unit",
    "mape_pct": "mean of error over actual where that is not 0, percent",
    "n_zero": "forecasts whose actual is 0, left out of the percentage",
    "mase": "mean absolute error over the seasonal naive's: its change before the backtest, its error in production",
    "pinball_lower": "pinball loss of the interval's lower end, in the target's unit",
    "pinball_median": "pinball loss of the point forecast as the median, in the target's unit",
    "pinball_upper": "pinball loss of the interval's upper end, in the target's unit",
    "width": "mean width of the interval, in the target's unit",
    "bias": "mean of forecast minus actual",
    "relative_mae": "mean absolute error over that of the best seasonal naive",
    "weight_pct": "mean weight in the combination, percent",
    "coverage_pct": "share of actuals inside the interval, percent",
    "variable": "variable of the use case; (calendar) for calendar features",
    "series": "series keys; (all) for all series together",
    "kind": "number or category",
    "first": "first timestamp with a value",
    "last": "last timestamp with a value",
    "minimum": "smallest value",
    "maximum": "largest value",
    "mean": "mean of the values",
    "std": "standard deviation of the values",
    "q05": "5 percent of the values are below",
    "q25": "25 percent of the values are below",
    "q50": "median",
    "q75": "75 percent of the values are below",
    "q95": "95 percent of the values are below",
    "missing_pct": "missing values between first and last, percent",
    "gaps": "number of gaps between first and last",
    "longest_gap": "longest gap, in sampling periods",
    "zeros_pct": "values that are zero, percent",
    "longest_run": "longest run of one value, in sampling periods",
    "ends_at": "last value relative to the last target value, in sampling periods; negative: it ends before",
    "outliers": "values more than 6 robust standard deviations from what was expected one step before",
    "drift_score": "strongest drift statistic over its limit; above 1 is drift",
    "note": "why something was not judged",
    "rule": "chart or statistic that fired",
    "limit": "what it may reach without a cause",
    "characteristic": "what is followed from version to version",
    "center": "median of the earlier versions",
    "in_control": "whether the value is within its limits",
    "reason": "why the point is looked at: change against the previous forecast, error against the actual, width",
    "score": "value over limit; of a point: change, error or width in interval widths",
    "previous_version": "dataset version of the previous forecast of the same timestamp; empty: there is none",
    "previous_forecast": "what that one said",
    "explanation": "what made it so, in words",
    "view": "term: the addends of the forecast; change: of its difference from the previous forecast",
    "part": "what is different: corrected data, new data, other preprocessing, retrained or other model",
    "term": "addend of the forecast",
    "members": "zoo members that have the term",
    "contribution": "what it adds, in the target's unit",
    "value": "what it reached; in a build-up: the value after this term",
    "importance_pct": "share in the forecasts, percent",
}
TABLE_RULES = {
    "column_in_dataframe": "no column is missing",
    "column_in_schema": "no column but those of the schema",
    "multiple_fields_uniqueness": "each key once",
}
VIEWS = ("term", "change")
FORECAST_TYPES = ("in_sample", "out_of_sample", "production")


def check_table(frame: pd.DataFrame, schema: pa.DataFrameSchema) -> pd.DataFrame:
    """Return the frame, after making sure that it is what its schema says.

    Raises:
        TableError: it is not; the message names column, rule, and the first values found.
    """
    try:
        return schema.validate(frame, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases
        first = cases.head(3).itertuples()
        told = "; ".join(f"{row.column}: {row.check}: found {row.failure_case}" for row in first)
        message = f"the {schema.name} table is not what it must be: {told}. Please report this"
        raise TableError(message, table=str(schema.name), broken=_count_broken(cases)) from error


def plain_dtypes(schema: pa.DataFrameSchema) -> dict[str, str]:
    """Return a schema's dtypes as we write them: pandera has names of its own for times and texts."""
    kinds = {name: str(kind) for name, kind in schema.dtypes.items()}
    times = {name: "datetime64[us]" for name, kind in kinds.items() if kind.startswith("datetime64")}
    return {name: times.get(name, kind if kind in ("float64", "int64") else "str") for name, kind in kinds.items()}


def list_rules(schema: pa.DataFrameSchema) -> list[str]:
    """Return the names of all rules of a schema, as they stand in `TableError.broken`."""
    rules = [TABLE_RULES["column_in_dataframe"], TABLE_RULES["column_in_schema"]]
    rules += [TABLE_RULES["multiple_fields_uniqueness"]] if schema.unique else []
    rules += [str(check.error or check.name) for check in schema.checks]
    for name, column in schema.columns.items():
        checks = [f"dtype('{column.dtype}')", *([] if column.nullable else ["not_nullable"])]
        rules += [f"{name}: {check}" for check in [*checks, *(str(rule.error or rule.name) for rule in column.checks)]]
    return rules


def _count_broken(cases: pd.DataFrame) -> dict[str, int]:
    """Return how many rows break each rule; pandera repeats a table's rule for every column of the row."""
    broken: dict[str, int] = {}
    for (context, check), group in cases.astype({"check": "str"}).groupby(["schema_context", "check"], sort=False):
        if context == "Column":
            counts = group["column"].value_counts(sort=False)
            broken |= {f"{column}: {check}": int(count) for column, count in counts.items()}
        else:
            broken[TABLE_RULES.get(str(check), str(check))] = int(group["index"].nunique()) or len(group)
    return broken


def number(*, nullable: bool = False) -> pa.Column:
    """Return a column of float64 without infinities."""
    return pa.Column("float64", pa.Check(np.isfinite, name="finite", error="finite"), nullable=nullable)


def count(minimum: int = 0) -> pa.Column:
    """Return a column of int64 with a smallest value."""
    return pa.Column("int64", pa.Check.ge(minimum))


def moment() -> pa.Column:
    """Return a column of naive timestamps in microseconds."""
    return pa.Column("datetime64[us]")


def text() -> pa.Column:
    """Return a column of text without gaps."""
    return pa.Column("str")


def key_columns(series_keys: Sequence[str]) -> dict[str, pa.Column]:
    """Return the columns that tell series apart."""
    return {name: text() for name in series_keys}


def forecast_schema(series_keys: Sequence[str]) -> pa.DataFrameSchema:
    """Return the schema of the forecast table; one row per series, origin and timestamp.

    Args:
        series_keys: names of the series keys, none for a single series.
    """
    columns = {
        **key_columns(series_keys),
        "timestamp": moment(),
        "origin": moment(),
        "samples_ahead": count(1),
        "relative_day": count(),
        "bin": text(),
        "forecast": number(),
        "lower": number(),
        "upper": number(),
        "level": pa.Column("float64", [pa.Check.gt(0), pa.Check.lt(100)]),
        "forecast_type": pa.Column("str", pa.Check.isin(FORECAST_TYPES)),
        "model_index": count(-1),
    }
    checks = [
        pa.Check(
            lambda f: (f["lower"] <= f["forecast"]) & (f["forecast"] <= f["upper"]), name="lower <= forecast <= upper"
        ),
        pa.Check(lambda f: f["timestamp"] > f["origin"], name="timestamp after origin"),
    ]
    unique = [*series_keys, "timestamp", "origin", "forecast_type"]
    return pa.DataFrameSchema(columns, checks=checks, unique=unique, strict=True, name="forecast")


def member_forecast_schema(series_keys: Sequence[str]) -> pa.DataFrameSchema:
    """Return the schema of the member forecast table; one row per series, origin, timestamp and member."""
    columns = {
        **key_columns(series_keys),
        "timestamp": moment(),
        "origin": moment(),
        "samples_ahead": count(1),
        "member": text(),
        "forecast": number(),
    }
    unique = [*series_keys, "timestamp", "origin", "member"]
    return pa.DataFrameSchema(columns, unique=unique, strict=True, name="member_forecast")


def quantile_schema(series_keys: Sequence[str]) -> pa.DataFrameSchema:
    """Return the schema of the quantile table; one row per series, origin, timestamp and probability."""
    columns = {
        **key_columns(series_keys),
        "timestamp": moment(),
        "origin": moment(),
        "samples_ahead": count(1),
        "probability": pa.Column("float64", [pa.Check.gt(0), pa.Check.lt(1)]),
        "quantile": number(),
    }
    unique = [*series_keys, "timestamp", "origin", "probability"]
    return pa.DataFrameSchema(columns, unique=unique, strict=True, name="quantile")


def backtest_schema(series_keys: Sequence[str]) -> pa.DataFrameSchema:
    """Return the schema of backtest cells; the member `combination` is the zoo as a whole."""
    columns = {
        **key_columns(series_keys),
        "timestamp": moment(),
        "cutoff": moment(),
        "samples_ahead": count(1),
        "member": text(),
        "forecast": number(),
        "target": number(),
    }
    unique = [*series_keys, "timestamp", "cutoff", "member"]
    return pa.DataFrameSchema(columns, unique=unique, strict=True, name="backtest")


def leaderboard_schema() -> pa.DataFrameSchema:
    """Return the schema of the leaderboard; one row per member, best first."""
    columns = {
        "rank": count(1),
        "member": text(),
        "n": count(1),
        "mae": number(),
        "rmse": number(),
        "mase": number(nullable=True),
        "bias": number(),
        "relative_mae": number(nullable=True),
        "weight_pct": number(nullable=True),
    }
    return pa.DataFrameSchema(columns, unique=["member"], strict=True, name="leaderboard")


def accuracy_schema(by: str = "bin") -> pa.DataFrameSchema:
    """Return the schema of production accuracy, one row per group; the bin `all` is the whole.

    Args:
        by: the column that makes the groups: `bin`, `samples_ahead`, `forecast_version` or `series`.
    """
    columns = {
        by: count(1) if by == "samples_ahead" else text(),
        "n": count(),
        "mae": number(),
        "rmse": number(),
        "mape_pct": number(nullable=True),
        "n_zero": count(),
        "mase": number(nullable=True),
        "bias": number(),
        **{f"pinball_{name}": number() for name in ("lower", "median", "upper")},
        "coverage_pct": pa.Column("float64", pa.Check.in_range(0, 100)),
        "width": number(),
    }
    return pa.DataFrameSchema(columns, unique=[by], strict=True, name="accuracy")


def profile_schema() -> pa.DataFrameSchema:
    """Return the schema of the profile; one row per variable over all series, then one per series."""
    percent = pa.Check.in_range(0, 100)
    columns = {
        "variable": text(),
        "series": text(),
        "kind": pa.Column("str", pa.Check.isin(("number", "category"))),
        "n": count(),
        "first": pa.Column("datetime64[us]", nullable=True),
        "last": pa.Column("datetime64[us]", nullable=True),
        **{name: number(nullable=True) for name in ("minimum", "maximum", "mean", "std")},
        **{name: number(nullable=True) for name in ("q05", "q25", "q50", "q75", "q95")},
        "missing_pct": pa.Column("float64", percent),
        "gaps": count(),
        "longest_gap": count(),
        "zeros_pct": pa.Column("float64", percent, nullable=True),
        "longest_run": count(),
        "ends_at": number(nullable=True),
        "outliers": number(nullable=True),
        "drift_score": number(nullable=True),
        "note": text(),
    }
    return pa.DataFrameSchema(columns, unique=["variable", "series"], strict=True, name="profile")


def control_schema() -> pa.DataFrameSchema:
    """Return the schema of signals: what fired, where, at what value and limit; no rows when all is in control."""
    columns = {
        "variable": text(),
        "series": text(),
        "rule": text(),
        "timestamp": moment(),
        "value": number(),
        "limit": number(),
        "score": pa.Column("float64", pa.Check.gt(1)),
    }
    return pa.DataFrameSchema(columns, unique=["variable", "series", "rule"], strict=True, name="control")


def pipeline_schema() -> pa.DataFrameSchema:
    """Return the schema of the pipeline's own characteristics; one row each, without limits where history is short."""
    columns = {
        "characteristic": text(),
        **{name: number(nullable=True) for name in ("value", "center", "lower", "upper")},
        "n": count(),
        "in_control": pa.Column("bool"),
    }
    return pa.DataFrameSchema(columns, unique=["characteristic"], strict=True, name="pipeline")


def contribution_schema(series_keys: Sequence[str]) -> pa.DataFrameSchema:
    """Return the schema of contributions; they sum to the forecast over the rows of a series and timestamp."""
    columns = {
        **key_columns(series_keys),
        "timestamp": moment(),
        "origin": moment(),
        "samples_ahead": count(1),
        "member": text(),
        "term": text(),
        "variable": pa.Column("str"),
        "contribution": number(),
    }
    return pa.DataFrameSchema(columns, strict=True, name="contribution")


def point_schema(series_keys: Sequence[str]) -> pa.DataFrameSchema:
    """Return the schema of the points of a version that are worth a look, the sharpest first."""
    columns = {
        "rank": count(1),
        **key_columns(series_keys),
        "timestamp": moment(),
        "forecast_version": text(),
        "origin": moment(),
        "samples_ahead": count(1),
        **{name: number() for name in ("forecast", "lower", "upper")},
        "previous_version": text(),
        **{name: number(nullable=True) for name in ("previous_forecast", "actual")},
        "reason": text(),
        "score": number(),
        "explanation": text(),
    }
    return pa.DataFrameSchema(columns, unique=["rank"], strict=True, name="point")


def root_cause_schema(series_keys: Sequence[str]) -> pa.DataFrameSchema:
    """Return the schema of root causes: by point and view, the contributions that sum to the forecast or its change."""
    columns = {
        "rank": count(1),
        **key_columns(series_keys),
        "timestamp": moment(),
        "forecast_version": text(),
        "view": pa.Column("str", pa.Check.isin(VIEWS)),
        **{name: text() for name in ("part", "term", "variable")},
        "contribution": number(),
    }
    unique = ["rank", "view", "part", "term", "variable"]
    return pa.DataFrameSchema(columns, unique=unique, strict=True, name="root_cause")
