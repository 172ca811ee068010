"""Public holidays of a country or one of its subdivisions, as names per local day.

Everything else about the calendar (weekday, hour) is a feature, see `loopcast.zoo.features`.
"""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

import numpy as np
import pandas as pd

from loopcast.errors import CallerError


@lru_cache(maxsize=64)
def holiday_names(place: str, first_year: int, last_year: int) -> Mapping[int, str]:
    """Return the holidays of a place by day number (days since 1970-01-01).

    Args:
        place: ISO country, or country and subdivision: `US`, `US-MN`.
        first_year: first year wanted.
        last_year: last year wanted.

    Raises:
        CallerError: the place is not known.
    """
    import holidays

    country, _, subdivision = place.partition("-")
    years = range(first_year, last_year + 1)
    try:
        found = holidays.country_holidays(country, subdiv=subdivision or None, years=years)
    except NotImplementedError as error:
        raise CallerError(
            f"found the holidays of {place!r}; expected an ISO country (US) or subdivision (US-MN)"
        ) from error
    days = {int(np.datetime64(day, "D").astype(np.int64)): str(name) for day, name in found.items()}
    return MappingProxyType(days)


def holiday_of_days(local: pd.DatetimeIndex, place: str | None) -> list[str]:
    """Return each local timestamp's holiday, without `(observed)`; an empty text on other days.

    Examples:
        >>> holiday_of_days(pd.DatetimeIndex(["2017-11-23 05:00", "2017-11-24"]), "US")
        ['Thanksgiving Day', '']
    """
    if place is None or not len(local):
        return [""] * len(local)
    names = holiday_names(place, local[0].year - 1, local[-1].year + 1)
    days = local.to_numpy().astype("datetime64[D]").astype(np.int64)
    unique, inverse = np.unique(days, return_inverse=True)
    texts = [names.get(int(day), "").removesuffix(" (observed)") for day in unique]
    return [texts[i] for i in inverse]
