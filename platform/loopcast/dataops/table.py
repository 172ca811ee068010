"""What the table of one use case looks like: its columns, keys, time and frequency. No data and no I/O.

Everything else in the domain takes a `TableSpec`; only `loopcast.use_case` makes one from YAML.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

OPERATION = "_operation"
UPSERT = "upsert"
REMOVE = "remove"


def label_series(values: Iterable[object]) -> str:
    """Return how a series is called where it has no columns of its own: its keys, joined by ` / `.

    Examples:
        >>> label_series(["north", 7])
        'north / 7'
    """
    return " / ".join(map(str, values))


@dataclass(frozen=True)
class Variable:
    """One value column of the table.

    Args:
        name: the column's name, as the user writes it.
        kind: `number` (float64) or `category` (text).
        minimum: smallest value allowed, in the column's own unit.
        maximum: largest value allowed, in the column's own unit.
        known_ahead: whether its values are known for the whole horizon when a forecast is made.
        required: whether an update that sends the column may not leave it empty.
    """

    name: str
    kind: Literal["number", "category"] = "number"
    minimum: float | None = None
    maximum: float | None = None
    known_ahead: bool = False
    required: bool = False


@dataclass(frozen=True)
class FileFormat:
    """What the use case says of its files; None: it is found out from each file.

    Args:
        delimiter: the character between two cells of a CSV file.
        decimal: the decimal separator in a CSV file, a point or a comma.
        thousands: the character between groups of three digits in a CSV file.
        encoding: how text is encoded, for instance `cp1252`.
        timestamp_format: how times are written where it is not ISO 8601, in the form of `strptime`.
        sheet: the sheet of an Excel workbook; None: the first.
    """

    delimiter: str | None = None
    decimal: Literal[".", ","] | None = None
    thousands: str | None = None
    encoding: str | None = None
    timestamp_format: str | None = None
    sheet: str | None = None


@dataclass(frozen=True)
class TableSpec:
    """The shape of one use case's table.

    Args:
        timestamp: name of the timestamp column.
        frequency: pandas offset alias of the sampling period, for instance `h`, `15min`, `D`, `MS`.
        target: name of the variable that is forecast (one of `variables`, of kind `number`).
        variables: all value columns, the target among them.
        series_keys: columns that tell the series of a panel apart; empty for a single series.
        time_zone: IANA name; timestamps are stored in UTC. None: wall-clock time without a zone, stored as it is.
        timestamp_marks: whether a timestamp marks the `start` or the `end` of its period.
        file_format: what is declared of the files that bring updates.
    """

    timestamp: str
    frequency: str
    target: str
    variables: tuple[Variable, ...]
    series_keys: tuple[str, ...] = ()
    time_zone: str | None = None
    timestamp_marks: Literal["start", "end"] = "start"
    file_format: FileFormat = FileFormat()

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the columns that identify a row: the series keys, then the timestamp."""
        return (*self.series_keys, self.timestamp)

    @property
    def variable_names(self) -> tuple[str, ...]:
        """Names of the value columns, in their declared order."""
        return tuple(variable.name for variable in self.variables)

    @property
    def predictors(self) -> tuple[Variable, ...]:
        """The variables other than the target."""
        return tuple(variable for variable in self.variables if variable.name != self.target)

    def variable(self, name: str) -> Variable:
        """Return the variable of that name; raises KeyError where there is none."""
        return {variable.name: variable for variable in self.variables}[name]
