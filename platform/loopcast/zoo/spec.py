"""What the user asks of a zoo: horizon, members, level, holidays, backtest windows. JSON both ways.

What was learned from data does not belong here, see `loopcast.zoo.zoo`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from loopcast.dataops.frequency import Horizon, is_sub_daily, seasonal_periods, steps_per_day
from loopcast.dataops.preprocessing import AS_IT_IS, Preprocessing

Json = dict[str, Any]

Search = Literal["usual", "wide"]


@dataclass(frozen=True)
class MemberSpec:
    """One member of the zoo.

    Args:
        name: registered kind of member, for instance `linear`.
        parameters: what its constructor takes.
        label: name in tables; the kind's own default where None.
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    label: str | None = None

    def to_document(self) -> Json:
        """Return the member as JSON values."""
        return {"name": self.name, "parameters": dict(self.parameters), "label": self.label}

    @classmethod
    def from_document(cls, document: Json) -> "MemberSpec":
        """Return the member that `to_document` wrote."""
        return cls(document["name"], MappingProxyType(dict(document["parameters"])), document["label"])


@dataclass(frozen=True)
class ZooSpec:
    """One configuration for all data; every default is meant to be left alone.

    Args:
        horizon: steps, or whole local calendar units.
        members: the members; empty: those that suit the data, see `loopcast.zoo.regime`.
        level: confidence level of the intervals, percent in (0, 100).
        quantiles: probabilities in (0, 1), ascending, whose quantiles are forecast as well.
        holidays: country, or country and subdivision (`US`, `US-MN`), or None.
        n_windows: backtest origins, at least 1; fewer where the history is short.
        training_length: newest steps that members learn from; None: all.
        preprocessing: what is done to the data before members see them.
        origin_time: local minute of the day of the origins the zoo is built for; None: that of the data's end.
        periods: seasonal periods in steps, shortest first; None: those of the frequency.
        calendar: False for integer time, which has no weekdays and no holidays.
        seed: of every member that draws random numbers.
        search: `wide`: beside the members asked for all that suit the data, and those that seem not to be needed.
    """

    horizon: Horizon
    members: tuple[MemberSpec, ...] = ()
    level: float = 90.0
    quantiles: tuple[float, ...] = ()
    holidays: str | None = None
    n_windows: int = 28
    training_length: int | None = None
    origin_time: int | None = None
    preprocessing: Preprocessing = AS_IT_IS
    periods: tuple[int, ...] | None = None
    calendar: bool = True
    seed: int = 0
    search: Search = "usual"

    def to_document(self) -> Json:
        """Return the specification as JSON values."""
        return {
            "horizon": str(self.horizon),
            "members": [member.to_document() for member in self.members],
            "level": self.level,
            "quantiles": list(self.quantiles),
            "holidays": self.holidays,
            "n_windows": self.n_windows,
            "training_length": self.training_length,
            "origin_time": self.origin_time,
            "preprocessing": self.preprocessing.to_document(),
            "periods": None if self.periods is None else list(self.periods),
            "calendar": self.calendar,
            "seed": self.seed,
            **({"search": self.search} if self.search != "usual" else {}),  # zoos are known by their documents
        }

    @classmethod
    def from_document(cls, document: Json) -> "ZooSpec":
        """Return the specification that `to_document` wrote."""
        members = tuple(MemberSpec.from_document(member) for member in document["members"])
        given = {"horizon", "members", "preprocessing", "periods", "quantiles"}
        periods = document.get("periods")
        rest = {name: value for name, value in document.items() if name not in given}
        # Zoos built before there was any preprocessing do not mention it.
        chosen = Preprocessing.from_document(document["preprocessing"]) if "preprocessing" in document else AS_IT_IS
        return cls(
            horizon=Horizon.parse(document["horizon"]),
            members=members,
            preprocessing=chosen,
            periods=None if periods is None else tuple(periods),
            quantiles=tuple(document.get("quantiles", ())),
            **rest,
        )


def bin_width(frequency: str) -> int:
    """Return the width of the bins of samples ahead: a day where there is one, else the seasonal period."""
    return steps_per_day(frequency) if is_sub_daily(frequency) else seasonal_periods(frequency)[0]
