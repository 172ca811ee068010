"""What each action is expected to take and to bring, from what the last ones took and brought.

Pure arithmetic; what the last ones took is recorded with their outputs.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from loopcast.reflection.deterioration import Judgement
from loopcast.reflection.evidence import Action
from loopcast.zoo.spec import Search

UNKNOWN = "none was made yet"


@dataclass(frozen=True)
class BuildCost:
    """What a build took and brought.

    Args:
        search: how widely it searched.
        cpu_s: CPU seconds; None: not recorded.
        gain_pct: percent by which its zoo's errors were below the champion's on the same forecasts; None: they were not
            compared.
    """

    search: Search
    cpu_s: float | None
    gain_pct: float | None = None


@dataclass(frozen=True)
class ActionCost:
    """What an action is expected to take and to bring.

    Args:
        action: the action.
        cpu_s: CPU seconds; None: not known.
        gain_pct: percent by which it may lower production errors; None: not known.
        basis: where both come from, in words.
    """

    action: Action
    cpu_s: float | None
    gain_pct: float | None
    basis: str

    def to_dict(self) -> dict[str, Any]:
        """Return it in JSON's own types."""
        return asdict(self)


def estimate_costs(
    builds: Sequence[BuildCost], *, retrain_s: float | None, judgement: Judgement
) -> tuple[ActionCost, ...]:
    """Return what each action is expected to take and to bring.

    While errors are worse than promised, a build may at best bring back the promise; else what the last builds brought.

    Args:
        builds: the newest builds.
        retrain_s: CPU seconds of the newest retrain; None: not known.
        judgement: production errors beside the promise.

    Examples:
        >>> worse = Judgement(True, "v00000003", 9, production_mae=2.0, promised_mae=1.5)
        >>> found = estimate_costs([BuildCost("usual", 8.0)], retrain_s=1.0, judgement=worse)
        >>> [(cost.action, cost.cpu_s, cost.gain_pct) for cost in found]
        [('keep', 0.0, 0.0), ('retrain', 1.0, None), ('rebuild', 8.0, 25.0), ('experiment', None, 25.0)]
    """
    return (
        ActionCost("keep", 0.0, 0.0, ""),
        ActionCost("retrain", retrain_s, None, "the newest retrain" if retrain_s is not None else UNKNOWN),
        *(_estimate(action, search, builds, judgement) for action, search in SEARCHES),
    )


SEARCHES: tuple[tuple[Action, Search], ...] = (("rebuild", "usual"), ("experiment", "wide"))


def _estimate(action: Action, search: Search, builds: Sequence[BuildCost], judgement: Judgement) -> ActionCost:
    """Return what a build of one search is expected to take and to bring."""
    like = [build for build in builds if build.search == search]
    taken = [build.cpu_s for build in like if build.cpu_s is not None]
    brought = [build.gain_pct for build in like if build.gain_pct is not None]
    took = f"median of {len(taken)} builds" if taken else UNKNOWN
    gain = median(brought) if brought else None
    brings = f"median of {len(brought)} comparisons with the champion" if brought else "never compared"
    if judgement.is_worse and judgement.promised_mae and judgement.production_mae:
        gain = 100.0 * (1.0 - judgement.promised_mae / judgement.production_mae)
        brings = "if the promise is kept again"
    return ActionCost(action, median(taken) if taken else None, gain, f"cost: {took}; gain: {brings}")
