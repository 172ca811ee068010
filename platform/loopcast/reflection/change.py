"""Has the level of a sequence of blocks changed since it was promised, and since when: one test for all statistics.

Here belong the test and the limits that keep it quiet when it is asked again with every new block. What the blocks are
is said in `loopcast.reflection.blocks`.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FEWEST = 5  # blocks that a change is told from: longer than a long weekend of hard days
CLIP = 2.0  # standard deviations at which one hard block counts as hard enough
PRIOR_BLOCKS = 6.0  # so many blocks' worth the usual spread counts next to the sequence's own
PRIOR_PAIRS, PRIOR_RHO = 8.0, 0.2  # the same for the dependence of neighbours
MOST_RHO = 0.9
# The score that sequences without a change exceed so often, in alarms per block, by simulation: autocorrelated,
# heavy-tailed blocks, 28 in the reference, zoos of 28 versions and of any age; a change took three blocks there, so
# that these are a little strict where it takes five.
RATES = np.array([1.0, 30.0, 6.5, 1.0, 0.1, 0.01]) / np.array([1.0, *[365.0] * 5])
SCORES = np.array([0.0, 1.0, 2.0, 2.75, 3.45, 4.1])


@dataclass(frozen=True, eq=False)
class Blocks:
    """One number per block, oldest first.

    Args:
        numbers: shape (n,), finite.
        weights: how much of a whole block each stands for, shape (n,), above 0.
    """

    numbers: Floats
    weights: Floats

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.numbers)


@dataclass(frozen=True)
class Change:
    """The change of level that the newest blocks speak for most.

    Args:
        first: number of the first block after it, among the newer ones: the split that explains most.
        size: mean after less mean before, in the blocks' unit.
        score: how far a change is from chance, in standard deviations; its sign is that of the size.
    """

    first: int
    size: float
    score: float


def find_change(
    before: Blocks, after: Blocks, *, usual_spread: float, least: float = 0.0, two_sided: bool = False
) -> Change | None:
    """Return the change that lasts until the newest block and is furthest from chance; None where there is none.

    For every block that may be the first of a new level, the blocks from it on are held against all before it, those
    of the reference among them: Student's t with a spread and a dependence of neighbours pulled towards usual ones. A
    single block counts at most as `CLIP` standard deviations, so that one hard day is no new level.

    Args:
        before: the reference, on which the promise rests; may be empty.
        after: the newer blocks.
        usual_spread: standard deviation of a block that is expected before any is seen, in the blocks' unit.
        least: a change must be larger than this to count, in the blocks' unit.
        two_sided: whether a fall counts as well as a rise.

    References:
        Largest t over all splits of a sequence: Hawkins (1977), Testing a sequence of observations for a shift in
        location, JASA 72; sequentially, with unknown parameters: Hawkins, Qiu and Kang (2003), The changepoint model
        for statistical process control, JQT 35(4). Variance of the mean of an autoregression of order one: Hamilton,
        Time Series Analysis (1994), section 7.2. From t to normal: Wallace (1959), Annals Math. Stat. 30(4).
    """
    if len(after) < FEWEST:
        return None
    together = np.concatenate([before.numbers, after.numbers])
    values, weights = _clip(before, after, usual_spread), np.concatenate([before.weights, after.weights])
    first = np.arange(len(after) - FEWEST + 1) if len(before) else np.arange(FEWEST, len(after) - FEWEST + 1)
    if not len(first):
        return None
    is_new = np.arange(len(values)) >= len(before) + first[:, None]
    n_old, n_new = (weights * ~is_new).sum(axis=1), (weights * is_new).sum(axis=1)
    old, new = _compare(values, weights, is_new)
    residuals = values - np.where(is_new, new[:, None], old[:, None])
    squares = (weights * residuals**2).sum(axis=1)
    freedom = len(values) - 2 + PRIOR_BLOCKS
    variance = (squares + PRIOR_BLOCKS * usual_spread**2) / freedom
    rho = _estimate_dependence(residuals)
    t = (new - old) / np.sqrt(variance * (inflate(rho, n_old) / n_old + inflate(rho, n_new) / n_new))
    score = to_normal(t, freedom * (1.0 - rho) / (1.0 + rho))
    counted = np.where((np.abs(new - old) if two_sided else new - old) > least, np.abs(score), 0.0)
    if not counted.any():
        return None
    best = int(np.argmax(counted))
    # Clipped values say that there is a change, but hardly where: all beyond the clip look alike.
    old, new = _compare(together, weights, is_new)
    same = (counted > 0.0) & (np.sign(score) == np.sign(score[best])) & (np.sign(new - old) == np.sign(score[best]))
    explained = np.where(same, (new - old) ** 2 * n_old * n_new, 0.0)
    place = int(np.argmax(explained)) if explained.any() else best
    return Change(int(first[place]), float(new[place] - old[place]), float(score[best]))


def _compare(values: Floats, weights: Floats, is_new: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return the weighted means before and after each split, one split per row of `is_new`."""
    old, new = weights * ~is_new, weights * is_new
    return (old @ values) / old.sum(axis=1), (new @ values) / new.sum(axis=1)


def find_limit(rate: float) -> float:
    """Return the score that blocks without any change exceed with a given rate.

    Args:
        rate: alarms per block, above 0.

    Examples:
        >>> find_limit(1.0 / 365.0) > find_limit(12.0 / 365.0)
        True
    """
    return float(np.interp(-np.log(rate), -np.log(RATES), SCORES))


def inflate(rho: Floats, n: Floats) -> Floats:
    """Return how many times the variance of a mean of n neighbours exceeds that of n independent ones.

    Examples:
        >>> inflate(np.array([0.5]), np.array([2.0])).tolist()
        [1.5]
    """
    n = np.maximum(n, 1.0)
    return np.asarray((1.0 + rho) / (1.0 - rho) - 2.0 * rho * (1.0 - rho**n) / (n * (1.0 - rho) ** 2))


def to_normal(t: Floats, freedom: Floats) -> Floats:
    """Return the normal scores that are as improbable as values of Student's t."""
    size = np.sqrt(freedom * np.log1p(t**2 / freedom)) * (8.0 * freedom + 1.0) / (8.0 * freedom + 3.0)
    return np.asarray(np.sign(t) * size)


def _clip(before: Blocks, after: Blocks, usual_spread: float) -> Floats:
    """Return all values, with those far from the reference's middle pulled in."""
    known = before.numbers if len(before) else after.numbers
    middle = float(np.median(known))
    squares = float(((before.numbers - middle) ** 2).sum())
    spread = np.sqrt((squares + PRIOR_BLOCKS * usual_spread**2) / (len(before) + PRIOR_BLOCKS))
    together = np.concatenate([before.numbers, after.numbers])
    return np.asarray(np.clip(together, middle - CLIP * spread, middle + CLIP * spread))


def _estimate_dependence(residuals: Floats) -> Floats:
    """Return the correlation of neighbours within each row, at least 0, pulled towards the usual one.

    References:
        Bias of the estimate, -(1 + 3 rho) / n: Marriott and Pope (1954), Biometrika 41.
    """
    n = residuals.shape[1]
    squares = np.maximum((residuals**2).mean(axis=1), 1e-300)
    found = (residuals[:, 1:] * residuals[:, :-1]).sum(axis=1) / squares
    rho = (found + PRIOR_PAIRS * PRIOR_RHO) / (n + PRIOR_PAIRS)
    return np.asarray(np.clip(rho + (1.0 + 3.0 * rho) / n, 0.0, MOST_RHO))
