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
    made = np.stack([member.predict(panel, origins) for member in members], axis=3)
    stages = [combine(made, learned.weights[:, None])]
    for correction in corrections:
        stages.append(stages[-1] + correction.predict(Made(panel, origins, names, made, stages[-1])))
    return made, np.stack(stages, axis=3)
