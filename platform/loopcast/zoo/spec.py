"""What the user asks of a zoo: horizon, members, level, holidays, backtest windows. JSON both ways.

What was learned from data does not belong here, see `loopcast.zoo.zoo`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from loopcast.dataops.frequency import Horizon, is_sub_daily, seasonal_periods, steps_per_day
from loopcast.dataops.preprocessing import AS_IT_IS, Preprocessing

Json = dict[str, Any]


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


@dataclass(frozen=True)
class ZooSpec:
    """One configuration for all data; every default is meant to be left alone.

    Args:
        horizon: steps, or whole local calendar units.
        members: the members; empty: those that suit the frequency (`default_members`).
        level: confidence level of the intervals, percent in (0, 100).
        holidays: country, or country and subdivision (`US`, `US-MN`), or None.
        n_windows: backtest origins, at least 1; fewer where the history is short.
        refit: fit anew every so many windows.
        training_length: newest steps that members learn from; None: all.
        preprocessing: what is done to the data before members see them.
        origin_time: local minute of the day of the origins the zoo is built for; None: that of the data's end.
    """

    horizon: Horizon
    members: tuple[MemberSpec, ...] = ()
    level: float = 90.0
    holidays: str | None = None
    n_windows: int = 28
    refit: int = 7
    training_length: int | None = None
    origin_time: int | None = None
    preprocessing: Preprocessing = AS_IT_IS

    def to_document(self) -> Json:
        """Return the specification as JSON values."""
        return {
            "horizon": str(self.horizon),
            "members": [{"name": m.name, "parameters": dict(m.parameters), "label": m.label} for m in self.members],
            "level": self.level,
            "holidays": self.holidays,
            "n_windows": self.n_windows,
            "refit": self.refit,
            "training_length": self.training_length,
            "origin_time": self.origin_time,
            "preprocessing": self.preprocessing.to_document(),
        }

    @classmethod
    def from_document(cls, document: Json) -> "ZooSpec":
        """Return the specification that `to_document` wrote."""
        members = tuple(
            MemberSpec(name=m["name"], parameters=MappingProxyType(dict(m["parameters"])), label=m["label"])
            for m in document["members"]
        )
        given = {"horizon", "members", "preprocessing"}
        rest = {name: value for name, value in document.items() if name not in given}
        # Zoos built before there was any preprocessing do not mention it.
        chosen = Preprocessing.from_document(document["preprocessing"]) if "preprocessing" in document else AS_IT_IS
        return cls(horizon=Horizon.parse(document["horizon"]), members=members, preprocessing=chosen, **rest)


def default_members(frequency: str) -> tuple[MemberSpec, ...]:
    """Return the members for a frequency: one seasonal naive per seasonal period, and the linear members."""
    naive = [MemberSpec("seasonal_naive", MappingProxyType({"period": m})) for m in seasonal_periods(frequency)]
    recent = MemberSpec("linear", MappingProxyType({"half_life_origins": 60}), label="linear_recent")
    return (*naive, MemberSpec("linear"), recent)


def bin_width(frequency: str) -> int:
    """Return the width of the bins of samples ahead: a day where there is one, else the seasonal period."""
    return steps_per_day(frequency) if is_sub_daily(frequency) else seasonal_periods(frequency)[0]
