"""The promise between the data's provider and the platform, as values: columns, schedule, clauses.

Here belongs what is promised. Not here: how a document says it (`loopcast.dataops.contract.odcs`), what two contracts
differ in (`loopcast.dataops.contract.changes`), and whether it is kept (`loopcast.dataops.contract.attainment`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from loopcast.dataops.table import TableSpec
from loopcast.errors import UseCaseError

ColumnKind = Literal["timestamp", "series_key", "number", "category"]
Measure = Literal[
    "timeliness", "validity", "completeness", "missing_share", "rows", "rows_per_update", "by_construction", "unchecked"
]
DEFAULT_TARGET_PCT = 99.0
TITLE = "the contract"


@dataclass(frozen=True)
class ContractColumn:
    """One column that the provider promises.

    Args:
        name: its name.
        kind: timestamp, series_key, number or category (text).
        required: whether a row that sends the column may leave it empty; keys never may.
        minimum, maximum: bounds of its values; None where nothing is promised.
        meaning: what its values mean, such as `unit`, `timeZone`, `samplingPeriod`; only what the contract says.
    """

    name: str
    kind: ColumnKind
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    meaning: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_key(self) -> bool:
        """Whether it is one of the columns that identify a row."""
        return self.kind in ("timestamp", "series_key")


@dataclass(frozen=True)
class Clause:
    """One promise that can be measured.

    Args:
        name: unique in its contract; the name of its check.
        measure: what is measured; `by_construction` holds because other updates are refused, `unchecked` is a promise
            in words or of a kind that is not measured here.
        promise: the promise in words.
        minimum, maximum: bounds of what is observed, in `unit`.
        unit: percent, rows or hours.
        column: the column it speaks of.
        target_pct: share of the occasions on which the promise must be kept, percent; the rest is the error budget.
        is_error: whether breaking it stops what follows; otherwise it is a warning.
    """

    name: str
    measure: Measure
    promise: str
    minimum: float | None = None
    maximum: float | None = None
    unit: str = ""
    column: str | None = None
    target_pct: float = DEFAULT_TARGET_PCT
    is_error: bool = False


@dataclass(frozen=True)
class Contract:
    """A contract.

    Args:
        name: the use case whose data it promises.
        version: major.minor.patch.
        columns: in the order of the document.
        cadence: time between two updates, as a pandas duration.
        grace: how late an update may be, as a pandas duration.
        clauses: what is measured.
        document: the whole contract in the Open Data Contract Standard, in JSON's own types.
    """

    name: str
    version: str
    columns: tuple[ContractColumn, ...]
    cadence: str
    grace: str
    clauses: tuple[Clause, ...]
    document: Mapping[str, Any]

    def column(self, name: str) -> ContractColumn | None:
        """Return the column of that name, None where nothing is promised of it."""
        return next((column for column in self.columns if column.name == name), None)


def refuse(*path: str | int, found: object, expected: str) -> UseCaseError:
    """Return the error for a place in the contract's document; the reader of the file adds file and line."""
    told = found if isinstance(found, str) else repr(found)
    return UseCaseError(file=TITLE, line=None, field=".".join(map(str, path)), found=told, expected=expected)


def check_columns(contract: Contract, spec: TableSpec) -> None:
    """Make sure that a contract speaks of the table that its use case declares: each column, of the same kind.

    Raises:
        UseCaseError: an unknown column, one that is not there, another kind, or bounds that differ.
    """
    kinds = declared_kinds(spec)
    place = ("schema", 0, "properties")
    for number, column in enumerate(contract.columns):
        here = (*place, number)
        if column.name not in kinds:
            expected = f"one of the columns that the use case declares: {', '.join(kinds)}"
            raise refuse(*here, "name", found=column.name, expected=expected)
        if column.kind != kinds[column.name]:
            expected = f"a {kinds[column.name]}, as the use case declares it: {_how_to_say(kinds[column.name])}"
            raise refuse(*here, "logicalType", found=f"a {column.kind}", expected=expected)
        _check_bounds(column, spec, here=here)
    missing = [name for name in kinds if contract.column(name) is None]
    if missing:
        raise refuse(
            *place, found=f"nothing of {', '.join(missing)}", expected="every column that the use case declares"
        )


def declared_kinds(spec: TableSpec) -> dict[str, ColumnKind]:
    """Return the kind of each column of a table, by name."""
    keys: dict[str, ColumnKind] = {**dict.fromkeys(spec.series_keys, "series_key"), spec.timestamp: "timestamp"}
    return {**keys, **{variable.name: variable.kind for variable in spec.variables}}


def _check_bounds(column: ContractColumn, spec: TableSpec, *, here: tuple[str | int, ...]) -> None:
    """Raise where the use case declares a bound itself and the contract promises another."""
    if column.is_key:
        return
    variable = spec.variable(column.name)
    for side, promised, declared in (
        ("minimum", column.minimum, variable.minimum),
        ("maximum", column.maximum, variable.maximum),
    ):
        if promised is not None and declared is not None and promised != declared:
            expected = f"{declared:g}, as the use case declares it; say it in one of the two places"
            raise refuse(*here, "logicalTypeOptions", side, found=f"{promised:g}", expected=expected)
    low = column.minimum if column.minimum is not None else variable.minimum
    high = column.maximum if column.maximum is not None else variable.maximum
    if low is not None and high is not None and low > high:
        expected = "a minimum below the maximum, with what the use case declares"
        raise refuse(*here, "logicalTypeOptions", found=f"{low:g} to {high:g}", expected=expected)


def _how_to_say(kind: ColumnKind) -> str:
    """Return how the document says that a column is of a kind."""
    types = {"timestamp": "timestamp", "series_key": "string", "number": "number", "category": "string"}
    key = ", primaryKey: true" if kind in ("timestamp", "series_key") else ", without primaryKey"
    return f"logicalType: {types[kind]}{key}"
