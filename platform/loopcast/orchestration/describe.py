"""Frames and records as Dagster metadata: tables, column schemas, counts, pictures.

Which numbers are interesting is decided by the asset that calls.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from loopcast.loop.tables import describe_variables
from loopcast.schemas import DESCRIPTIONS
from loopcast.use_case.model import UseCase

ROW_LIMIT = 50


def describe_table(frame: pd.DataFrame, *, limit: int = ROW_LIMIT) -> dg.TableMetadataValue:
    """Return the first rows of a frame as a table for the UI.

    Args:
        frame: any frame; timestamps are written as text, missing cells stay empty.
        limit: most rows to show.
    """
    shown = frame.head(limit)
    rows = [
        dg.TableRecord({str(name): _to_cell(value) for name, value in zip(shown.columns, row, strict=True)})
        for row in shown.itertuples(index=False, name=None)
    ]
    return dg.MetadataValue.table(rows, schema=describe_columns(shown))


def describe_columns(frame: pd.DataFrame) -> dg.TableSchema:
    """Return a frame's columns with their types and what they mean."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(name=str(name), type=_to_type(dtype), description=DESCRIPTIONS.get(str(name)))
            for name, dtype in frame.dtypes.items()
        ]
    )


def describe_dataset_columns(use_case: UseCase) -> dg.TableSchema:
    """Return the declared columns of a use case's table, with units and roles."""
    texts = {use_case.timestamp: "timestamp", **dict.fromkeys(use_case.series_keys, "string")}
    types = texts | {p.name: "string" for p in use_case.predictors if p.kind != "number"}
    return dg.TableSchema(
        columns=[
            dg.TableColumn(name=name, type=types.get(name, "float64"), description=description)
            for name, description in describe_variables(use_case).items()
        ]
    )


def describe_numbers(values: Mapping[str, object]) -> dict[str, float]:
    """Return the finite numbers among the values as plain floats: these are what the UI plots over partitions."""
    numbers = {name: value for name, value in values.items() if isinstance(value, int | float | np.number)}
    return {name: float(value) for name, value in numbers.items() if not isinstance(value, bool) and np.isfinite(value)}


def describe_inputs(pins: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an output was made from, one metadata entry per pinned input."""
    return {f"input/{name}": _plain(value) for name, value in pins.items() if value is not None}


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float) else dg.MetadataValue.json(value)  # type: ignore[arg-type]


def _to_cell(value: Any) -> str | int | float | bool | None:
    if isinstance(value, str | bool | int):
        return value
    if value is None or pd.isna(value):
        return None
    if isinstance(value, float | np.floating):
        return round(float(value), 4)
    return int(value) if isinstance(value, np.integer) else str(value)


def _to_type(dtype: Any) -> str:
    return (
        "timestamp"
        if str(dtype).startswith("datetime64")
        else "string"
        if str(dtype) in {"str", "object"}
        else str(dtype)
    )
