"""Which kinds of member there are, by name. The one place that knows them all; nothing is imported before it is used.

A member's own code does not belong here.
"""

from importlib import import_module

from loopcast.errors import CallerError
from loopcast.zoo.members.base import FittedMember, Json, Member
from loopcast.zoo.spec import MemberSpec

KINDS = {
    "lear": ("loopcast.zoo.members.lear", "Lear", "FittedLear"),
    "autoregression": ("loopcast.zoo.members.autoregression", "Autoregression", "FittedAutoregression"),
    "boosted": ("loopcast.zoo.members.boosted", "Boosted", "FittedBoosted"),
    "calendar_profile": ("loopcast.zoo.members.calendar_profile", "CalendarProfile", "FittedCalendarProfile"),
    "linear": ("loopcast.zoo.members.linear", "Linear", "FittedLinear"),
    "net": ("loopcast.zoo.members.net", "Net", "FittedNet"),
    "seasonal_naive": ("loopcast.zoo.members.seasonal_naive", "SeasonalNaive", "FittedSeasonalNaive"),
    "stacked": ("loopcast.zoo.members.stacked", "Stacked", "FittedStacked"),
    "smoothing": ("loopcast.zoo.members.smoothing", "Smoothing", "FittedSmoothing"),
    "sktime": ("loopcast.zoo.members.sktime_member", "Sktime", "FittedSktime"),
}


def _load(kind: str, which: int) -> type:
    if kind not in KINDS:
        raise CallerError(f"found the member {kind!r}; expected one of {sorted(KINDS)}")
    loaded: type = getattr(import_module(KINDS[kind][0]), KINDS[kind][which])
    return loaded


def make_member(spec: MemberSpec, *, seed: int = 0) -> Member:
    """Return the member of a specification.

    Args:
        spec: kind, parameters, label.
        seed: of a kind that draws random numbers, where its parameters do not say another.

    Raises:
        CallerError: no such kind.
    """
    kind: type[Member] = _load(spec.name, 1)
    drawn = {"seed": seed} if "seed" in kind.accepts else {}
    return kind({**drawn, **spec.parameters}, label=spec.label)


def member_to_document(member: FittedMember) -> Json:
    """Return the fitted member as JSON values, with its kind."""
    return {"kind": member.kind, "state": member.to_document()}


def member_from_document(document: Json) -> FittedMember:
    """Return the member that `member_to_document` wrote."""
    cls: type[FittedMember] = _load(document["kind"], 2)
    return cls.from_document(document["state"])
