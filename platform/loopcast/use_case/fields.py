"""Kinds of fields that several models of the use case share, each with its own words for what is wrong.

The models themselves are in the sibling modules.
"""

from typing import Annotated

import pandas as pd
from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _check_duration(value: str) -> str:
    try:
        duration = pd.Timedelta(value)
    except ValueError as error:
        raise ValueError("a duration such as 1D, 6h or 15min") from error
    if not duration >= pd.Timedelta("1min"):  # NaT is neither
        raise ValueError("a duration of at least one minute")
    return value


Column = Annotated[str, Field(min_length=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Duration = Annotated[str, AfterValidator(_check_duration)]


class Frozen(BaseModel):
    """Base of all models here: unknown fields are refused, nothing can be changed afterwards."""

    model_config = ConfigDict(frozen=True, extra="forbid")
