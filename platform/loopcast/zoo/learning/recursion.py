"""Autoregressions run forward, step by step within limits, and unrolled into exact addends of each step.

How coefficients are learned, and on which scale, does not belong here.
"""

from dataclasses import dataclass

import numpy as np

from loopcast.zoo.arrays import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Course:
    """What R forecasts of H steps start from.

    The series are differences z[t] - z[t - difference], or, with difference 0, z itself; both 0 where unknown.

    Args:
        values: z up to the origin, shape (R, B); enough for all lags and the difference.
        present: 1 where z is known, else 0, shape (R, B).
        coefficients: shape (R, p).
        lags: shape (p,), ascending.
        difference: in steps, 0 for none.
        effects: constant and seasonal effects of each step, shape (R, H, E).
        limits: lowest and highest difference, and z, that is let through, shape (R, 4).
    """

    values: FloatArray
    present: FloatArray
    coefficients: FloatArray
    lags: IntArray
    difference: int
    effects: FloatArray
    limits: FloatArray

    @property
    def depth(self) -> int:
        """Number of differences that are looked at."""
        return int(self.lags[-1])


def differences(values: FloatArray, present: FloatArray, step: int) -> FloatArray:
    """Return changes over so many steps, or values with step 0, along the last axis; 0 where one is unknown."""
    if step == 0:
        return values * present
    out = np.zeros_like(values)
    out[:, step:] = (values[:, step:] - values[:, :-step]) * present[:, step:] * present[:, :-step]
    return out


def run(course: Course) -> FloatArray:
    """Return the forecasts of z, shape (R, H)."""
    depth, n_steps = course.depth, course.effects.shape[1]
    changes = differences(course.values, course.present, course.difference)[:, -depth:]
    path = np.concatenate([changes, np.zeros((len(changes), n_steps))], axis=1)
    constant = course.effects.sum(axis=2)
    low, high = course.limits[:, 0], course.limits[:, 1]
    for step in range(n_steps):
        at = depth + step
        made = np.einsum("rp,rp->r", course.coefficients, path[:, at - course.lags]) + constant[:, step]
        path[:, at] = np.clip(made, low, high)
    return integrate(course, path[:, depth:])


def integrate(course: Course, changes: FloatArray) -> FloatArray:
    """Return z from its changes, within the limits of z; shape (R, H)."""
    low, high = course.limits[:, 2], course.limits[:, 3]
    if course.difference == 0:
        return np.clip(changes, low[:, None], high[:, None])
    out = np.concatenate([course.values[:, -course.difference :], changes], axis=1)
    for step in range(changes.shape[1]):
        at = course.difference + step
        out[:, at] = np.clip(out[:, step] + changes[:, step], low, high)
    return out[:, course.difference :]


def unroll(course: Course, group: IntArray, n_groups: int) -> FloatArray:
    """Return the addends of `run`, shape (R, H, n_groups + E + 1): observed values, effects, limits.

    Args:
        course: what is forecast.
        group: of each observed value, oldest first, shape (B,), in 0 .. n_groups - 1.
        n_groups: number of groups.
    """
    depth, (n_rows, n_steps, n_effects) = course.depth, course.effects.shape
    width = n_groups + n_effects + 1
    observed = np.zeros((n_rows, course.values.shape[1], width))
    observed[:, np.arange(len(group)), group] = course.values * course.present
    known = course.present[..., None]
    changes = observed.copy()
    if course.difference:
        changes[:, course.difference :] -= observed[:, : -course.difference]
        changes[:, course.difference :] *= known[:, course.difference :] * known[:, : -course.difference]
        changes[:, : course.difference] = 0.0
    path = np.concatenate([changes[:, -depth:], np.zeros((n_rows, n_steps, width))], axis=1)
    path[:, depth:, n_groups : n_groups + n_effects] = course.effects
    for step in range(n_steps):
        at = depth + step
        path[:, at] += np.einsum("rp,rpk->rk", course.coefficients, path[:, at - course.lags])
        limit(path[:, at], course.limits[:, 0], course.limits[:, 1])
    if course.difference:
        path = np.concatenate([observed[:, -course.difference :], path[:, depth:]], axis=1)
        depth = course.difference
    for step in range(n_steps):
        if course.difference:
            path[:, depth + step] += path[:, step]
        limit(path[:, depth + step], course.limits[:, 2], course.limits[:, 3])
    return path[:, depth:]


def limit(addends: FloatArray, low: FloatArray, high: FloatArray) -> None:
    """Add to the last addend, in place, what brings the sum of each row within its limits."""
    total = addends.sum(axis=1)
    addends[:, -1] += np.clip(total, low, high) - total
