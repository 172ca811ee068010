"""What the members of one situation say, and their combination before and after each correction.

Which situation is asked, and tables of what it says, do not belong here.
"""

from collections.abc import Sequence

import numpy as np

from loopcast.zoo.arrays import FloatArray, IntArray
from loopcast.zoo.corrections.base import FittedCorrection, Made
from loopcast.zoo.members.base import FittedMember
from loopcast.zoo.panel import Panel
from loopcast.zoo.weights import WeightState, combine


def ask(
    members: Sequence[FittedMember],
    learned: WeightState,
    corrections: Sequence[FittedCorrection],
    panel: Panel,
    origins: IntArray,
) -> tuple[FloatArray, FloatArray]:
    """Return what members say and their combination at every stage.

    Args:
        members: M fitted members.
        learned: gives their weights.
        corrections: C of them, in this order.
        panel: the data, series in the members' order.
        origins: shape (S, O); negative for a series that is not asked.

    Returns:
        Shapes (S, O, H, M) and (S, O, H, C + 1): before each correction, and after the last.
    """
    names = tuple(member.name for member in members)
    made = np.stack([ask_member(member, panel, origins) for member in members], axis=3)
    stages = [combine(made, learned.weights[:, None])]
    for correction in corrections:
        stages.append(stages[-1] + correction.predict(Made(panel, origins, names, made, stages[-1])))
    return made, np.stack(stages, axis=3)


def ask_member(member: FittedMember, panel: Panel, origins: IntArray) -> FloatArray:
    """Return a member's forecasts, shape (S, O, H), from no more history than it looks at."""
    deepest = min((offset.first for offset in member.offsets()), default=0)
    start = int(np.min(origins[origins >= 0], initial=len(panel.local))) + deepest
    if not 0 < start < len(panel.local):
        return member.predict(panel, origins)
    return member.predict(panel.since(start), np.where(origins >= 0, origins - start, -1))
