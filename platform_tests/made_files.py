"""The same rows as files of every kind, made in memory. No tests and no rules."""

import gzip
import io
import json
from datetime import datetime

import openpyxl
import pandas as pd

CSV = "site,t,load,sky\nA,2020-01-01 00:00,1.5,grey\nA,2020-01-01 01:00,,\nB,2020-01-01 00:00,-3,clear\n"
ROWS = tuple(tuple(cell or None for cell in line.split(",")) for line in CSV.splitlines()[1:])
NAMES = tuple(CSV.splitlines()[0].split(","))


def typed_rows():
    """Return the rows with times and numbers."""
    return [
        (site, datetime.fromisoformat(time), None if load is None else float(load), sky)
        for site, time, load, sky in ROWS
    ]


def make_excel(rows=None, *, names=NAMES, sheet="Data", change=None):
    """Return a workbook with one sheet; `change` is called with the workbook before it is saved."""
    workbook = openpyxl.Workbook()
    workbook.active.title = sheet
    for row in (names, *(typed_rows() if rows is None else rows)):
        workbook.active.append(row)
    if change is not None:
        change(workbook)
    stream = io.BytesIO()
    workbook.save(stream)
    return stream.getvalue()


def make_json_lines(rows=ROWS, *, names=NAMES):
    """Return one object per line, numbers as numbers."""
    lines = []
    for row in rows:
        item = dict(zip(names, row, strict=True))
        item["load"] = None if item["load"] is None else float(item["load"])
        lines.append(json.dumps(item))
    return ("\n".join(lines) + "\n").encode()


def make_parquet(rows=None, *, names=NAMES):
    """Return a Parquet file."""
    return pd.DataFrame(typed_rows() if rows is None else rows, columns=list(names)).to_parquet(index=False)


def make_files():
    """Return the same rows as files of every kind, by file name."""
    lines, semicolons = make_json_lines(), CSV.replace(",", ";").replace("1.5", "1,5")
    listed = b"[" + lines.strip().replace(b"\n", b",") + b"]"
    return {
        "comma.csv": CSV.encode(),
        "semicolon.csv": semicolons.encode(),
        "mark.csv": b"\xef\xbb\xbf" + CSV.encode(),
        "utf16.csv": CSV.encode("utf-16"),
        "carriage.csv": CSV.replace("\n", "\r").encode(),
        "windows.csv": CSV.replace("\n", "\r\n").encode(),
        "packed.csv.gz": gzip.compress(CSV.encode()),
        "tab.tsv": CSV.replace(",", "\t").encode(),
        "bar.txt": CSV.replace(",", "|").encode(),
        "rows.jsonl": lines,
        "rows.ndjson": b"\xef\xbb\xbf" + lines,
        "rows.jsonl.gz": gzip.compress(lines),
        "list.json": listed,
        "sheet.xlsx": make_excel(),
        "table.parquet": make_parquet(),
    }
