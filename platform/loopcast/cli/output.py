"""How commands print: a table for people, JSON for programs, one line for an error.

What is printed is decided by the commands.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click
import pandas as pd
from rich.console import Console
from rich.table import Table

PIPED_WIDTH = 160


def print_rows(rows: Sequence[Mapping[str, Any]], *, as_json: bool, title: str = "") -> None:
    """Print rows as a table, or as a JSON list."""
    if as_json:
        click.echo(json.dumps([_plain(row) for row in rows], indent=2, default=str))
        return
    if not rows:
        click.echo("nothing")
        return
    table = Table(title=title or None, title_justify="left")
    for name in rows[0]:
        is_number = any(isinstance(row[name], int | float) and not _is_missing(row[name]) for row in rows)
        table.add_column(name.replace("_", " "), justify="right" if is_number else "left")
    for row in rows:
        table.add_row(*(_to_text(value) for value in row.values()))
    console = Console()
    (console if console.is_terminal else Console(width=PIPED_WIDTH)).print(table)


def print_frame(frame: pd.DataFrame, *, as_json: bool, title: str = "") -> None:
    """Print a frame as a table, or as a JSON list of records."""
    rows = [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]
    print_rows(rows, as_json=as_json, title=title)


def print_record(record: Mapping[str, Any], *, as_json: bool) -> None:
    """Print one record as lines `name  value`, or as a JSON object."""
    if as_json:
        click.echo(json.dumps(_plain(record), indent=2, default=str))
        return
    width = max(len(name) for name in record)
    for name, value in record.items():
        click.echo(f"{name:<{width}}  {_to_text(value)}")


def to_records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows in JSON's own types; missing cells are null."""
    cells = frame.astype(object)
    return [
        {str(name): value for name, value in row.items()} for row in cells.where(cells.notna(), None).to_dict("records")
    ]


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): None if _is_missing(value) else value for name, value in row.items()}


def _is_missing(value: Any) -> bool:
    """Return whether a cell is empty, in any of pandas' ways."""
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)


def _to_text(value: Any) -> str:
    if _is_missing(value):
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}" if abs(value) >= 1e6 else f"{value:.1f}" if abs(value) >= 100 else f"{value:.3g}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}" if value.tzinfo is None else f"{value:%Y-%m-%d %H:%M:%S %Z}"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
