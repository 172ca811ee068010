"""How a use case's files are written, where that shall not be found out from each file.

What is found out, and how, is in `loopcast.dataops.files.csv_dialect` and `loopcast.dataops.files.number_format`.
"""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from loopcast.dataops import table
from loopcast.use_case.fields import Frozen


def _check_encoding(value: str) -> str:
    try:
        "a".encode(value)
    except LookupError as error:
        raise ValueError("an encoding of text such as utf-8, cp1252 or utf-16-le") from error
    return value


def _check_timestamp_format(value: str) -> str:
    example = datetime(2025, 12, 31, 13, 5)  # noqa: DTZ001  # a form is tried on the clock's face
    try:
        datetime.strptime(example.strftime(value), value)  # noqa: DTZ007
    except ValueError as error:
        raise ValueError("a form as for strptime, such as %d.%m.%Y %H:%M") from error
    if "%" not in value:
        raise ValueError("a form as for strptime, such as %d.%m.%Y %H:%M")
    return value


Encoding = Annotated[str, AfterValidator(_check_encoding)]
TimestampFormat = Annotated[str, AfterValidator(_check_timestamp_format)]


class FileFormat(Frozen):
    """How files are written, where it shall not be found out from each file."""

    delimiter: Literal[",", ";", "\t", "|"] | None = Field(default=None, description="Between two cells of a CSV file.")
    decimal: Literal[".", ","] | None = Field(default=None, description="Decimal separator in a CSV file.")
    thousands: Literal["", ".", ",", " ", "'"] | None = Field(
        default=None, description="Between groups of three digits in a CSV file."
    )
    encoding: Encoding | None = Field(default=None, description="Encoding of text, such as cp1252.")
    timestamp_format: TimestampFormat | None = Field(
        default=None, description="How times are written where it is not ISO 8601, such as %d.%m.%Y %H:%M."
    )
    sheet: str | None = Field(default=None, description="Sheet of an Excel workbook; default: the first.")

    @model_validator(mode="after")
    def _check_marks(self) -> Self:
        if self.decimal is not None and self.decimal == self.thousands:
            raise ValueError(f"thousands other than the decimal separator {self.decimal}")
        return self

    @property
    def declared(self) -> table.FileFormat:
        """What is declared, as the domain knows it."""
        return table.FileFormat(**self.model_dump())
