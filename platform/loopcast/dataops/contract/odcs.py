"""From a document of the Open Data Contract Standard (ODCS, v3.1) to a `Contract`.

Here belongs how the standard says what a provider promises. Not here: YAML files (`loopcast.use_case.contract`).

| in the document | becomes |
|---|---|
| a property's logicalType, primaryKey, required, logicalTypeOptions minimum and maximum | a column and its rules |
| `customProperties` of a property | what its values mean: unit, timeZone, samplingPeriod, knownAhead ... |
| `slaProperties` frequency and latency | the freshness policy and the clause `timeliness` |
| `slaProperties` errorRate (percent; 1 by default) | the clause `validity`: share of updates that are accepted |
| `slaProperties` completeness (percent) | the clause `completeness`: share of the expected rows that are there |
| `quality` metric rowCount of the schema, with `arguments: {per: update}` for the rows of one update | a clause |
| `quality` metric missingValues or nullValues of a property, in percent | a clause: its share of empty cells |
| duplicateValues, invalidValues, `unique` | hold by construction: other updates are refused |
| anything else that promises something | listed as unchecked |

`customProperties: [{property: target, value: 95}]` beside a promise sets the percentage of occasions on which it must
be kept; `severity: error` (or such a custom property) makes breaking it stop what follows.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from loopcast.dataops.contract.contract import (
    DEFAULT_TARGET_PCT,
    Clause,
    ColumnKind,
    Contract,
    ContractColumn,
    Measure,
    refuse,
)

API_VERSIONS = ("v3.2.0", "v3.1.0", "v3.0.2", "v3.0.1", "v3.0.0")
UNITS = {
    **dict.fromkeys(("d", "day", "days"), "D"),
    **dict.fromkeys(("h", "hr", "hour", "hours"), "h"),
    **dict.fromkeys(("min", "minute", "minutes"), "min"),
    **dict.fromkeys(("w", "week", "weeks"), "W"),
}
KINDS: Mapping[str, ColumnKind] = {
    "timestamp": "timestamp",
    "date": "timestamp",
    "number": "number",
    "integer": "number",
    "string": "category",
}
KNOWN_OPTIONS = ("minimum", "maximum", "format")
SCHEDULE = ("frequency", "latency")
_VERSION = re.compile(r"\d+\.\d+\.\d+")
Path = tuple[str | int, ...]
Node = Mapping[str, Any]


def read_contract(document: Node) -> Contract:
    """Return the contract that a document states.

    Args:
        document: a document that the standard's own model has taken, in JSON's own types.

    Raises:
        UseCaseError: something that is needed is not there, or says nothing that can be understood; the field is the
            place in the document.
    """
    _check_head(document)
    table = _the_table(document)
    columns = tuple(
        _read_column(node, ("schema", 0, "properties", at)) for at, node in enumerate(_list(table, "properties"))
    )
    _check_names([column.name for column in columns])
    cadence, grace = (_read_duration(document, name) for name in SCHEDULE)
    clauses = (*_sla_clauses(document, cadence=cadence, grace=grace), *_quality_clauses(table), *_option_clauses(table))
    return Contract(
        name=str(table["name"]),
        version=str(document["version"]),
        columns=columns,
        cadence=cadence,
        grace=grace,
        clauses=_name_apart(clauses),
        document=document,
    )


def _check_head(document: Node) -> None:
    if document.get("kind") != "DataContract":
        raise refuse("kind", found=document.get("kind"), expected="DataContract")
    if document.get("apiVersion") not in API_VERSIONS:
        raise refuse("apiVersion", found=document.get("apiVersion"), expected=f"one of {', '.join(API_VERSIONS)}")
    if not document.get("id"):
        raise refuse("id", found="nothing", expected="an identifier: this field is required")
    if not _VERSION.fullmatch(str(document.get("version"))):
        raise refuse("version", found=document.get("version"), expected="a version such as 1.0.0")


def _the_table(document: Node) -> Node:
    tables = _list(document, "schema")
    if len(tables) != 1:
        raise refuse("schema", found=f"{len(tables)} objects", expected="one object: the table of the use case")
    if not tables[0].get("name"):
        raise refuse("schema", 0, "name", found="nothing", expected="the name of the use case")
    return dict(tables[0])


def _check_names(names: Sequence[str]) -> None:
    for at, name in enumerate(names):
        if name in names[:at]:
            raise refuse("schema", 0, "properties", at, "name", found=name, expected="each column once")


def _read_column(node: Node, here: Path) -> ContractColumn:
    name, logical = node.get("name"), str(node.get("logicalType"))
    if not name:
        raise refuse(*here, "name", found="nothing", expected="the name of a column")
    if logical not in KINDS:
        raise refuse(*here, "logicalType", found=logical, expected=f"one of {', '.join(KINDS)}")
    kind: ColumnKind = "series_key" if KINDS[logical] == "category" and node.get("primaryKey") else KINDS[logical]
    options = node.get("logicalTypeOptions") or {}
    low, high = (
        (_read_bound(options, side, here) for side in ("minimum", "maximum")) if kind == "number" else (None, None)
    )
    if low is not None and high is not None and low > high:
        raise refuse(*here, "logicalTypeOptions", found=f"{low:g} to {high:g}", expected="a minimum below the maximum")
    return ContractColumn(
        name=str(name),
        kind=kind,
        required=kind in ("series_key", "timestamp") or bool(node.get("required")),
        minimum=low,
        maximum=high,
        meaning=_custom(node),
    )


def _read_bound(options: Node, side: str, here: Path) -> float | None:
    if side not in options:
        return None
    value = options[side]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refuse(*here, "logicalTypeOptions", side, found=value, expected="a number")
    return float(value)


def _read_duration(document: Node, name: str) -> str:
    """Return a duration among the service levels as pandas writes it, for instance `1D`."""
    for at, node in enumerate(_list(document, "slaProperties")):
        if node.get("property") != name:
            continue
        unit = UNITS.get(str(node.get("unit")).lower())
        if unit is None:
            raise refuse("slaProperties", at, "unit", found=node.get("unit"), expected="a unit such as d, h, min or w")
        duration = f"{_number(node, 'value', ('slaProperties', at)):g}{unit}"
        if pd.Timedelta(duration) < pd.Timedelta("1min"):
            raise refuse("slaProperties", at, "value", found=node["value"], expected="at least one minute")
        return duration
    told = {"frequency": "how often updates come", "latency": "how late one may be"}[name]
    raise refuse(
        "slaProperties", found=f"no {name}", expected=f"{{property: {name}, value: 1, unit: d}}: {told}"
    )  # fmt: skip


def _sla_clauses(document: Node, *, cadence: str, grace: str) -> Iterator[Clause]:
    nodes = {str(node.get("property")): (at, node) for at, node in enumerate(_list(document, "slaProperties"))}
    limit = (pd.Timedelta(cadence) + pd.Timedelta(grace)) / pd.Timedelta("1h")
    at, node = nodes["frequency"]
    yield Clause(
        "timeliness",
        "timeliness",
        f"an update every {cadence}, at most {grace} late",
        maximum=limit,
        unit="hours",
        **_strictness(node, ("slaProperties", at)),
    )
    at, node = nodes.get("errorRate", (0, {"value": 100.0 - DEFAULT_TARGET_PCT, "unit": "percent"}))
    share = 100.0 - _percent(node, ("slaProperties", at))
    yield _share_clause("validity", f"at least {share:g} % of the updates are accepted", share, node, at)
    if "completeness" in nodes:
        at, node = nodes["completeness"]
        share = _percent(node, ("slaProperties", at))
        yield _share_clause("completeness", f"at least {share:g} % of the expected rows are there", share, node, at)
    for name, (_, node) in nodes.items():
        if name not in (*SCHEDULE, "errorRate", "completeness"):
            promise = " ".join(str(node[part]) for part in ("property", "value", "unit") if node.get(part) is not None)
            yield Clause(_slug(name), "unchecked", promise)


def _share_clause(measure: Measure, promise: str, share: float, node: Node, at: int) -> Clause:
    """Return a clause that promises a share: the rest of it is its error budget."""
    strict = {**_strictness(node, ("slaProperties", at)), "target_pct": share}
    return Clause(measure, measure, promise, minimum=share, unit="percent", **strict)


def _quality_clauses(table: Node) -> Iterator[Clause]:
    for at, node in enumerate(_list(table, "quality")):
        yield from _quality_clause(node, None, ("schema", 0, "quality", at))
    for number, column in enumerate(_list(table, "properties")):
        for at, node in enumerate(_list(column, "quality")):
            yield from _quality_clause(node, str(column["name"]), ("schema", 0, "properties", number, "quality", at))


def _option_clauses(table: Node) -> Iterator[Clause]:
    """Yield what a column promises beside its type, its bounds and being there: none of it is measured."""
    key = [str(column["name"]) for column in _list(table, "properties") if column.get("primaryKey")]
    for column in _list(table, "properties"):
        name, options = str(column["name"]), column.get("logicalTypeOptions") or {}
        promised = {option: value for option, value in options.items() if option not in KNOWN_OPTIONS}
        promised |= {"enum": [item.get("value") for item in column["enum"]]} if column.get("enum") else {}
        promised |= {"unique": True} if column.get("unique") and key != [name] else {}
        for option, value in promised.items():
            yield Clause(_slug(f"{name} {option}"), "unchecked", f"{name}: {option} {value}")


def _quality_clause(node: Node, column: str | None, here: Path) -> Iterator[Clause]:
    """Yield the clause of one quality rule; a rule of type text is words alone."""
    if node.get("type") == "text":
        return
    metric = str(node.get("metric") or node.get("rule") or node.get("type"))
    low, high = _bounds(node, here)
    measure = "unchecked" if low is high is None else _measure(metric, node, column, high)
    share = measure == "missing_share"
    strict = _strictness(node, here)
    if share and high is not None:
        strict["target_pct"] = 100.0 - high
    unit = "percent" if share else "rows" if measure in ("rows", "rows_per_update") else ""
    label = str(node.get("name") or node.get("id") or f"{'missing' if share else metric} {column or ''}".strip())
    promise = str(node.get("description") or _say_rule(measure, metric, column, low, high))
    name = measure if measure in ("rows", "rows_per_update") and not node.get("name") else _slug(label)
    yield Clause(name, measure, promise, minimum=low, maximum=high, unit=unit, column=column, **strict)


def _measure(metric: str, node: Node, column: str | None, high: float | None) -> Measure:
    """Return what a metric of the standard measures here."""
    is_percent = str(node.get("unit")).lower() in ("percent", "%")
    if metric in ("duplicateValues", "invalidValues") and high == 0:
        return "by_construction"
    if metric in ("missingValues", "nullValues") and column and (is_percent or high == 0) and high is not None:
        return "missing_share"
    if metric == "rowCount" and column is None and not is_percent:
        return "rows_per_update" if (node.get("arguments") or {}).get("per") == "update" else "rows"
    return "unchecked"


def _bounds(node: Node, here: Path) -> tuple[float | None, float | None]:
    """Return the smallest and largest value that a rule allows."""
    if "mustBeBetween" in node:
        low, high = (float(value) for value in node["mustBeBetween"])
        if low > high:
            raise refuse(*here, "mustBeBetween", found=node["mustBeBetween"], expected="the smaller number first")
        return low, high
    if isinstance(node.get("mustBe"), int | float):
        return float(node["mustBe"]), float(node["mustBe"])
    least, most = node.get("mustBeGreaterOrEqualTo"), node.get("mustBeLessOrEqualTo")
    if "mustBeGreaterThan" in node:
        least = math.nextafter(node["mustBeGreaterThan"], math.inf)
    if "mustBeLessThan" in node:
        most = math.nextafter(node["mustBeLessThan"], -math.inf)
    return None if least is None else float(least), None if most is None else float(most)


def _say_rule(measure: Measure, metric: str, column: str | None, low: float | None, high: float | None) -> str:
    """Return a rule in words, where the document has none of its own."""
    if measure == "missing_share":
        return f"{_say_bounds(low, high)} % of {column} empty"
    if measure in ("rows", "rows_per_update"):
        return f"{_say_bounds(low, high)} rows in {'each update' if measure == 'rows_per_update' else 'the dataset'}"
    return f"{metric} {column or ''} {_say_bounds(low, high)}".replace("  ", " ").strip()


def _say_bounds(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"{low:g}" if low == high else f"{low:g} to {high:g}"
    return f"at least {low:g}" if low is not None else f"at most {high:g}" if high is not None else ""


def _strictness(node: Node, here: Path) -> dict[str, Any]:
    """Return how often a promise must be kept and whether breaking it stops what follows."""
    custom = _custom(node)
    target = custom.get("target", DEFAULT_TARGET_PCT)
    if isinstance(target, bool) or not isinstance(target, int | float) or not 0 < target <= 100:
        raise refuse(*here, "customProperties", found=f"target {target!r}", expected="a target above 0, at most 100")
    severity = str(node.get("severity") or custom.get("severity") or "warning").lower()
    return {"target_pct": float(target), "is_error": severity == "error"}


def _percent(node: Node, here: Path) -> float:
    value = _number(node, "value", here)
    if str(node.get("unit", "percent")).lower() not in ("percent", "%"):
        raise refuse(*here, "unit", found=node.get("unit"), expected="percent")
    if not 0 <= value <= 100:
        raise refuse(*here, "value", found=value, expected="a percentage from 0 to 100")
    return value


def _number(node: Node, name: str, here: Path) -> float:
    try:
        return float(node.get(name))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise refuse(*here, name, found=node.get(name), expected="a number, its unit beside it") from None


def _custom(node: Node) -> dict[str, Any]:
    return {str(item.get("property")): item.get("value") for item in _list(node, "customProperties")}


def _list(node: Node, name: str) -> list[Any]:
    return list(node.get(name) or [])


def _slug(text: str) -> str:
    """Return a text as the name of a check.

    Examples:
        >>> _slug("Rows per update (max)"), _slug("generalAvailability")
        ('rows_per_update_max', 'general_availability')
    """
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    return re.sub(r"[^a-z0-9]+", "_", apart.lower()).strip("_") or "clause"


def _name_apart(clauses: Sequence[Clause]) -> tuple[Clause, ...]:
    """Return the clauses with names that differ."""
    seen: dict[str, int] = {}
    named = []
    for clause in clauses:
        seen[clause.name] = seen.get(clause.name, 0) + 1
        again = seen[clause.name]
        named.append(clause if again == 1 else replace(clause, name=f"{clause.name}_{again}"))
    return tuple(named)
