"""What a user may write under `policies: preprocessing:`, and the check of it against the table's columns.

What each step does is in `loopcast.dataops.preprocessing`.
"""

from datetime import date, datetime

from pydantic import Field, field_serializer

from loopcast.dataops.preprocessing import DEFAULT, Aggregation, Method, Preprocessing, check_scale
from loopcast.dataops.table import TableSpec
from loopcast.errors import CallerError
from loopcast.use_case.fields import Frozen


class VariableImputation(Frozen):
    """How gaps between two values are filled."""

    method: Method = Field(default="linear", description="linear (between both), locf (the earlier value) or none.")
    max_gap: int = Field(default=6, ge=1, description="Longest gap that is filled, in sampling periods.")


class ImputationChoice(VariableImputation):
    """The same, with exceptions for single variables."""

    variables: dict[str, VariableImputation] = Field(default_factory=dict, description="Other ways, by variable.")


class TimeScaleChoice(Frozen):
    """A coarser sampling period for all jobs; versions stay as they are."""

    frequency: str = Field(description="Coarser than the data: 6h, D, W-MON, MS, QS, YS.")
    aggregation: dict[str, Aggregation] = Field(
        default_factory=dict, description="mean, sum, min, max, first or last, by variable; default: the others."
    )


class RowChoice(Frozen):
    """Which periods a build learns from; the others are out of sample."""

    first: int | None = Field(default=None, ge=1, description="So many from the start.")
    last: int | None = Field(default=None, ge=1, description="So many before the last target.")
    start: datetime | date | None = Field(default=None, alias="from", description="Local time of the first one.")
    end: datetime | date | None = Field(default=None, alias="to", description="Local time of the last one.")

    @field_serializer("start", "end")
    def _to_text(self, value: datetime | date | None) -> str | None:
        return None if value is None else value.isoformat()


class PreprocessingChoice(Frozen):
    """What is done to a version before a build or a forecast sees it; recorded with every zoo and forecast."""

    imputation: ImputationChoice = Field(default=ImputationChoice(), description="How gaps are filled.")
    time_scale: TimeScaleChoice | None = Field(default=None, description="A coarser sampling period.")
    rows: RowChoice | None = Field(default=None, description="Which periods a build learns from; default: all.")
    columns: tuple[str, ...] | None = Field(default=None, description="Predictors that jobs see; default: all.")
    filter: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Values to keep, by series key or category."
    )

    @property
    def settings(self) -> Preprocessing:
        """The configuration as the domain knows it."""
        return Preprocessing.from_document(self.model_dump(mode="json", by_alias=True))


def check_preprocessing(chosen: PreprocessingChoice, table: TableSpec) -> None:
    """Raise where preprocessing names what the table does not have.

    Raises:
        ValueError: says what was expected.
    """
    numbers = {variable.name for variable in table.variables if variable.kind == "number"}
    texts = {*table.series_keys, *(variable.name for variable in table.variables if variable.kind == "category")}
    predictors = {variable.name for variable in table.predictors}
    aggregation = set(chosen.time_scale.aggregation) if chosen.time_scale else set()
    for part, named, known in (
        ("imputation", set(chosen.imputation.variables), numbers),
        ("aggregation", aggregation - {DEFAULT}, numbers),
        ("columns", set(chosen.columns or ()), predictors),
        ("filter", set(chosen.filter), texts),
    ):
        if named - known:
            raise ValueError(f"preprocessing: {part} of {sorted(known)}, not of {sorted(named - known)[0]}")
    if chosen.time_scale is not None:
        try:
            check_scale(table.frequency, chosen.time_scale.frequency)
        except (CallerError, ValueError) as error:
            raise ValueError(f"preprocessing: a time scale such as 6h, D, W-MON or MS: {error}") from error
