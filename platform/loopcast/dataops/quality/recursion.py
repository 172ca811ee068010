"""Recursions over time: what a series becomes when each value carries on a part of those before it.

Which recursion stands for what is in the sibling modules.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def carry_on(values: Floats, carried: Floats) -> Floats:
    """Return the recursion y[t] = x[t] + sum of carried[k] y[t - 1 - k], begun with nothing.

    Written out here because `scipy.signal.lfilter` costs every run a second of imports; it is what the tests compare
    with.

    Args:
        values: x, time on the last axis.
        carried: the shares of the values before, newest first, shape (p,).

    Examples:
        >>> carry_on(np.array([1.0, 0.0, 0.0]), np.array([0.5])).tolist()
        [1.0, 0.5, 0.25]
    """
    made = np.empty(values.shape)
    state = [np.zeros(values.shape[:-1])] * (len(carried) + 1)  # the last one stays zero
    for step in range(values.shape[-1]):
        made[..., step] = now = values[..., step] + state[0]
        state = [*(later + share * now for later, share in zip(state[1:], carried, strict=True)), state[-1]]
    return made
