"""Limits that keep quiet on dependent data: windows and blocks drawn from a reference, and what statistics reach there.

Which statistics are limited so is decided in `loopcast.dataops.quality.drift` and `loopcast.dataops.quality.signals`.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

EULER = 0.5772156649015329


def draw_blocks(
    reference: Floats, *, length: int, draws: int, block: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Return windows drawn from the reference by circular moving blocks, shape (draws, length).

    Args:
        reference: values in time order without gaps, shape (n,).
        length: steps per window.
        draws: how many windows.
        block: steps that are drawn together, at most a quarter of the reference.
        rng: source of randomness.

    References:
        Kuensch (1989), Annals of Statistics 17(3); circular: Politis and Romano (1992).
    """
    size = max(1, min(block, len(reference) // 4))
    starts = rng.integers(0, len(reference), size=(draws, -(-length // size), 1))
    places = (starts + np.arange(size)).reshape(draws, -1)[:, :length] % len(reference)
    return np.asarray(reference[places])


def find_block_limit(path: Floats, *, length: int, share: float, adds_up: bool = False) -> float:
    """Return what the largest value (or the sum) of a block of a path exceeds in a given share of all blocks.

    A Gumbel distribution is fitted to what the reference's blocks reach, because a limit for a small share lies beyond
    all of them.

    Args:
        path: a chart's statistic over the reference, shape (n,); missing ones count as zero.
        length: steps per block, at most n.
        share: share of blocks beyond the limit, in (0, 1).
        adds_up: whether a block's sum is meant, for instance of signals, in place of its largest value.
    """
    blocks = np.lib.stride_tricks.sliding_window_view(np.nan_to_num(path), min(length, len(path)))
    blocks = blocks[:: max(1, length // 4)]
    reached = blocks.sum(axis=-1) if adds_up else blocks.max(axis=-1)
    return fit_gumbel_limit(reached, share=share)


def fit_gumbel_limit(reached: Floats, *, share: float) -> float:
    """Return what is exceeded with a small probability, by a Gumbel distribution fitted by moments.

    Args:
        reached: what was reached so far, shape (n,), n at least 1.
        share: the probability, in (0, 1).

    References:
        Coles, An Introduction to Statistical Modeling of Extreme Values (2001), section 3.1; mean = mu + 0.5772 beta,
        variance = (pi beta)^2 / 6.

    Examples:
        >>> fit_gumbel_limit(np.array([2.0, 2.0, 2.0]), share=0.01)
        2.0
    """
    beta = reached.std() * np.sqrt(6.0) / np.pi
    return float(reached.mean() - beta * (EULER + np.log(-np.log1p(-share))))
