"""How the loop behaves for a use case: intervals, members, preprocessing, retraining, rebuilding, challengers.

Here belong the fields of `policies:` and what they may hold. Not here: what any policy does.
"""

import math
import re
from typing import Annotated, Any, Literal, Self

import pandas as pd
from pydantic import AfterValidator, Field, model_validator

from loopcast.errors import CallerError
from loopcast.reflection.duel import FEWEST
from loopcast.use_case.fields import Duration, Frozen
from loopcast.use_case.preprocessing import PreprocessingChoice
from loopcast.zoo.holiday import holiday_names
from loopcast.zoo.members.registry import make_member
from loopcast.zoo.spec import MemberSpec

NAIVE = "seasonal_naive"
HOURS = re.compile(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d")


def _check_holidays(value: str) -> str:
    try:
        holiday_names(value, 2024, 2024)
    except CallerError as error:
        raise ValueError("an ISO country such as US, or a subdivision such as US-MN") from error
    return value


def _check_hours(value: str) -> str:
    if HOURS.fullmatch(value) is None or value[:5] == value[6:]:
        raise ValueError("two different times of day such as 22:00-06:00")
    return value


Holidays = Annotated[str, AfterValidator(_check_holidays)]
Hours = Annotated[str, AfterValidator(_check_hours)]


class Budget(Frozen):
    """How often reflection may open builds."""

    builds: int = Field(default=8, ge=1, description="Most builds that reflection opens by itself in that time.")
    per: Duration = Field(default="28D", description="The time, in data time.")
    hours: Hours | None = Field(
        default=None, description="When builds may start, such as 22:00-06:00, on the use case's clock; null: any time."
    )


class Rebuild(Frozen):
    """When reflection opens the next build by itself."""

    when: Literal["decision", "schedule", "never"] = Field(
        default="decision", description="decision: by evidence; schedule: every so often, whatever the errors; never."
    )
    every: Duration = Field(default="7D", description="Data time between two builds by schedule.")
    max_age: Duration | None = Field(
        default="28D", description="A zoo older than this (in data time) is rebuilt; null: age alone is no reason."
    )
    tolerance_pct: float = Field(
        default=10.0,
        gt=0.0,
        description="Percent that production errors may exceed the zoo's promise before it matters, however surely.",
    )
    false_alarms_per_year: float = Field(
        default=1.0, gt=0.0, le=12.0, description="How often a zoo that is as promised may be taken for worse."
    )
    window: int = Field(
        default=14, ge=1, description="Newest versions over which errors are told while none are worse."
    )
    rest: int = Field(default=7, ge=1, description="Fewest versions between two builds.")
    budget: Budget = Field(default=Budget(), description="How often reflection may open builds.")
    approval: Literal["none", "experiment", "all"] = Field(
        default="none",
        description="Which decisions wait for a person: none, a return to experimentation, or all that open a build.",
    )

    @model_validator(mode="after")
    def _check_budget(self) -> Self:
        needed = math.ceil(pd.Timedelta(self.budget.per) / pd.Timedelta(self.every))
        if self.when == "schedule" and needed > self.budget.builds:
            raise ValueError(f"a budget of {needed} builds per {self.budget.per} or more: so many the schedule opens")
        return self


class Challenger(Frozen):
    """When a new zoo takes force."""

    takes_force: Literal["better", "always"] = Field(
        default="better",
        description="better: when it is better than the champion on data neither saw; always: past the gate alone.",
    )
    significance: float = Field(
        default=0.05, gt=0.0, lt=0.5, description="Level of the test (Diebold-Mariano) that it is better."
    )
    shadow: int = Field(
        default=0, ge=0, le=365, description="Versions that it forecasts in the shadow first: 0, or at least 5."
    )

    @model_validator(mode="after")
    def _check_shadow(self) -> Self:
        if 0 < self.shadow < FEWEST:
            raise ValueError(f"a shadow of 0 versions or of at least {FEWEST}: fewer cannot be compared")
        return self


class MemberChoice(Frozen):
    """A forecaster that takes part in the zoo."""

    name: str = Field(description="seasonal_naive, linear or sktime.")
    parameters: dict[str, Any] = Field(default_factory=dict, description="What the member is built with.")
    label: str | None = Field(default=None, description="Name in tables; default: the member's own.")

    @model_validator(mode="after")
    def _check_parameters(self) -> Self:
        if self.name == NAIVE and not self.parameters:
            return self
        try:
            make_member(self.spec)
        except CallerError as error:
            raise ValueError(f"a member that can be made: {error}") from error
        return self

    @property
    def spec(self) -> MemberSpec:
        """The member as the zoo knows it."""
        return MemberSpec(self.name, dict(self.parameters), self.label)


class Policies(Frozen):
    """How the loop behaves for this use case."""

    level: float = Field(default=90.0, gt=0.0, lt=100.0, description="Coverage of the intervals in percent.")
    holidays: Holidays | None = Field(default=None, description="Country or country-subdivision, such as US or US-MN.")
    members: tuple[MemberChoice, ...] = Field(
        default=(),
        description="Zoo members beside the seasonal naives, which always take part; none: the default ones.",
    )
    n_windows: int = Field(default=28, ge=2, le=1000, description="Forecast origins in a backtest.")
    preprocessing: PreprocessingChoice = Field(
        default=PreprocessingChoice(), description="What is done to the data before a build or a forecast sees them."
    )
    retrain: Literal["every_version", "on_decision", "never"] = Field(
        default="every_version",
        description="Whether a forecast learns from what is new first: always, when reflection decides so, or never.",
    )
    rebuild: Rebuild = Field(default=Rebuild(), description="When reflection opens the next build by itself.")
    challenger: Challenger = Field(default=Challenger(), description="When a new zoo takes force.")

    @model_validator(mode="after")
    def _check_members(self) -> Self:
        names = [choice.label or choice.name for choice in self.members if choice.name != NAIVE or choice.label]
        if len(set(names)) < len(names):
            raise ValueError("members with names that differ: give a label to those of the same kind")
        return self
