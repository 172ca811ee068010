"""The use case as frozen pydantic models: what a user may write under `attributes:` in `defs.yaml`.

Reading YAML is in `loopcast.use_case.loader`; what Dagster makes of a use case is in `loopcast.orchestration`.
"""

import re
from datetime import date
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

import pandas as pd
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from loopcast.dataops.frequency import Horizon, seasonal_periods
from loopcast.dataops.table import OPERATION, TableSpec, Variable
from loopcast.errors import CallerError
from loopcast.schemas import forecast_schema, member_forecast_schema
from loopcast.use_case.alerts import Alerts
from loopcast.use_case.fields import Column, Duration, Frozen, Name
from loopcast.use_case.file_format import FileFormat
from loopcast.use_case.policies import NAIVE, Policies
from loopcast.use_case.preprocessing import check_preprocessing
from loopcast.use_case.sources import InboxSource, Polled, Sources
from loopcast.zoo.spec import MemberSpec, ZooSpec

# Dagster's own rules: what breaks them would be refused later, without a line.
OWNER = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}|team:.+")
TAG_KEY = re.compile(r"([A-Za-z0-9_.-]{1,63}/)?[A-Za-z0-9_.-]{1,63}")
TAG_VALUE = re.compile(r"[A-Za-z0-9_.-]{0,63}")
# Columns that tables made from the dataset have beside the series keys: a key of the same name would be lost there.
RESERVED = frozenset(
    {*forecast_schema(()).columns, *member_forecast_schema(()).columns, "actual", "error", "value"}
) | {
    "forecast_version",
    "report",
    "cutoff",
    "target",
}


def _check_frequency(value: str) -> str:
    expected = "a pandas frequency such as h, 15min, D, W or MS"
    try:
        offset = pd.tseries.frequencies.to_offset(value)
    except ValueError as error:
        raise ValueError(expected) from error
    if offset.n < 1:
        raise ValueError(expected)
    return value


def _check_time_zone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError("an IANA time zone such as Europe/Oslo, or null for wall-clock time")
    ZoneInfo(value)
    return value


def _check_owner(value: str) -> str:
    if OWNER.fullmatch(value) is None:
        raise ValueError("an e-mail address or team:<name>")
    return value


def _check_tags(value: dict[str, str]) -> dict[str, str]:
    wrong = [
        f"{key}: {text}" for key, text in value.items() if not (TAG_KEY.fullmatch(key) and TAG_VALUE.fullmatch(text))
    ]
    if wrong:
        raise ValueError(f"letters, digits and _.- in tags, at most 63 of them, not {wrong[0]}")
    return value


Frequency = Annotated[str, AfterValidator(_check_frequency)]
TimeZone = Annotated[str, AfterValidator(_check_time_zone)]


def _check_horizon(value: object) -> str:
    try:
        return str(Horizon.parse(value))  # type: ignore[arg-type]
    except CallerError as error:
        raise ValueError("steps ahead such as 24, or whole calendar units such as 1D, 1W, 1M") from error


HorizonText = Annotated[str, BeforeValidator(_check_horizon)]
Owner = Annotated[str, AfterValidator(_check_owner)]
Tags = Annotated[dict[str, str], AfterValidator(_check_tags)]


class Target(Frozen):
    """The variable that is forecast."""

    name: Column = Field(description="Column name.")
    unit: str = Field(default="", description="Unit of the values, shown in tables and charts.")
    minimum: float | None = Field(default=None, description="Smallest value allowed in an update.")
    maximum: float | None = Field(default=None, description="Largest value allowed in an update.")
    required: bool = Field(default=False, description="Whether an update that sends the column may not leave it empty.")

    @model_validator(mode="after")
    def _check_range(self) -> Self:
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"a minimum below the maximum, not {self.minimum:g} and {self.maximum:g}")
        return self


class Predictor(Target):
    """A variable that may help to forecast the target."""

    kind: Literal["number", "category"] = Field(default="number", description="number or category (text).")
    known_ahead: bool = Field(
        default=False,
        description="Whether its values are known for the whole horizon when a forecast is made.",
    )


class Contract(Frozen):
    """What the data's provider promises."""

    version: str = Field(default="1.0.0", pattern=r"^\d+\.\d+\.\d+$", description="Version of this promise.")
    cadence: Duration = Field(default="1D", description="Time between two updates, such as 1D, 6h, 15min.")
    grace: Duration = Field(default="6h", description="How late an update may be before the dataset is overdue.")
    odcs: dict[str, Any] | None = Field(
        default=None, description="The whole contract; taken from contract.yaml beside this file where there is one."
    )


class Replay(Frozen):
    """A recorded history that `loopcast replay` plays through the loop, update by update."""

    history: str = Field(description="CSV file with the whole history, beside the YAML file.")
    start: date = Field(description="First day that arrives as an update; all before it is version 1.")
    end: date = Field(description="First day that is no longer played.")
    step: Duration = Field(default="1D", description="Data time per update.")
    revisions: str | None = Field(
        default=None, description="CSV file: values first delivered otherwise, and the day of their correction."
    )


class UseCase(Frozen):
    """One forecasting use case, as declared under `attributes:` of a `defs.yaml`."""

    name: Name = Field(description="Name of the use case: first part of its asset keys.")
    description: str = Field(min_length=1, description="What is forecast, for whom, from what.")
    source: Sources = Field(default=(InboxSource(),), description="Where updates come from: one source, or several.")
    format: FileFormat = Field(default=FileFormat(), description="How files are written; default: found out.")
    timestamp: Column = Field(description="Name of the timestamp column.")
    timestamp_marks: Literal["start", "end"] = Field(
        default="start", description="Whether a timestamp marks the start or the end of its period."
    )
    time_zone: TimeZone | None = Field(default=None, description="IANA name; null: wall-clock time as it stands.")
    frequency: Frequency = Field(description="Sampling period as a pandas frequency such as h, 15min, D.")
    series_keys: tuple[Column, ...] = Field(default=(), description="Columns that tell the series of a panel apart.")
    target: Target = Field(description="The variable that is forecast.")
    predictors: tuple[Predictor, ...] = Field(default=(), description="Variables that may help to forecast it.")
    horizon: HorizonText = Field(description="Steps ahead (24), or whole calendar units (1D: the whole next day).")
    contract: Contract = Field(default=Contract(), description="What the data's provider promises.")
    owners: tuple[Owner, ...] = Field(min_length=1, description="E-mail addresses or team:<name>.")
    steward: str = Field(min_length=3, description="Who answers questions about the data.")
    tags: Tags = Field(default_factory=dict, description="Shown in the catalog.")
    policies: Policies = Field(default=Policies(), description="How the loop behaves for this use case.")
    alerts: Alerts = Field(default=Alerts(), description="Who is told what is the matter, and how.")
    replay: Replay | None = Field(default=None, description="A recorded history to play, for demonstrations and tests.")

    @model_validator(mode="after")
    def _check_columns(self) -> Self:
        names = [*self.series_keys, self.timestamp, self.target.name, *(p.name for p in self.predictors)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"column names that differ; {', '.join(twice)} is there twice")
        if OPERATION in names:
            raise ValueError(f"no column called {OPERATION}: updates use it to say upsert or remove")
        check_preprocessing(self.policies.preprocessing, self.table)
        taken = [name for name in self.series_keys if name in RESERVED]
        if taken:
            raise ValueError(f"series keys other than {', '.join(taken)}: forecast tables have such columns themselves")
        return self

    @property
    def inbox(self) -> InboxSource:
        """The folder that takes dropped files; it is there beside other sources unless they say otherwise."""
        return next((source for source in self.source if isinstance(source, InboxSource)), InboxSource())

    @property
    def polled(self) -> tuple[Polled, ...]:
        """The sources that are asked for news every so often."""
        return tuple(source for source in self.source if not isinstance(source, InboxSource))

    @property
    def table(self) -> TableSpec:
        """The shape of the use case's table, as the domain knows it."""
        target, predictors = self.target, self.predictors
        variables = (
            Variable(target.name, minimum=target.minimum, maximum=target.maximum, required=target.required),
            *(
                Variable(p.name, p.kind, p.minimum, p.maximum, known_ahead=p.known_ahead, required=p.required)
                for p in predictors
            ),
        )
        return TableSpec(
            timestamp=self.timestamp,
            frequency=self.frequency,
            target=self.target.name,
            variables=variables,
            series_keys=self.series_keys,
            time_zone=self.time_zone,
            timestamp_marks=self.timestamp_marks,
            file_format=self.format.declared,
        )

    @property
    def zoo(self) -> ZooSpec:
        """What the use case asks of its zoo."""
        chosen = tuple(choice.spec for choice in self.policies.members if choice.name != NAIVE or choice.parameters)
        preprocessing = self.policies.preprocessing.settings
        periods = seasonal_periods(preprocessing.job_spec(self.table).frequency)
        naives = tuple(MemberSpec(NAIVE, MappingProxyType({"period": period})) for period in periods)
        return ZooSpec(
            horizon=Horizon.parse(self.horizon),
            members=(*naives, *chosen) if chosen else (),
            level=self.policies.level,
            holidays=self.policies.holidays,
            n_windows=self.policies.n_windows,
            preprocessing=preprocessing,
        )
