"""Eliminated effects against the full normal equations with a column per phase."""

import numpy as np
import pytest

from loopcast.zoo.learning.seasonal_effects import CONSTANT_RIDGE, Effects, eliminate, recover


def naive(x, y, weight, phase, effects):
    """Solve one series with explicit dummies."""
    n_lags, n = x.shape[1], len(y)
    columns, penalty = [x, np.ones((n, 1))], [0.5] * n_lags + [CONSTANT_RIDGE]
    if effects.short > 1:
        columns.append(np.eye(effects.short)[phase % effects.short])
        penalty += [effects.ridge_short] * effects.short
    if effects.long > effects.short:
        columns.append(np.eye(effects.long)[phase])
        penalty += [effects.ridge_long] * effects.long
    design = np.hstack(columns)
    beta = np.linalg.solve(design.T @ (design * weight[:, None]) + np.diag(penalty), design.T @ (weight * y))
    short = beta[n_lags + 1 :][: effects.short] if effects.short > 1 else np.zeros(1)
    long = beta[-effects.long :] if effects.long > effects.short else np.zeros(effects.long)
    return beta[:n_lags], beta[n_lags] + np.tile(short, effects.long // len(short)) + long


@pytest.mark.parametrize(
    "effects", [Effects(1, 1, 1.0, 1.0), Effects(3, 3, 2.0, 1.0), Effects(3, 6, 2.0, 0.3), Effects(1, 6, 1.0, 0.3)]
)
def test_coefficients_and_effects_are_those_of_the_full_regression(effects):
    rng = np.random.default_rng(0)
    x, y, weight = rng.normal(size=(2, 40, 2)), rng.normal(size=(2, 40)), rng.random((2, 40))
    weight[1, ::3] = 0.0  # every series has weights of its own
    phase = np.arange(40) % effects.long
    rows = np.concatenate([x, y[..., None]], axis=2)
    weighted = rows * weight[..., None]
    dummies = np.eye(effects.long)[phase]
    sums, weights = np.einsum("tq,stk->sqk", dummies, weighted), weight @ dummies
    rest, levels = eliminate(np.swapaxes(weighted, 1, 2) @ rows, sums, weights, effects)
    beta = np.linalg.solve(rest[:, :2, :2] + 0.5 * np.eye(2), rest[:, :2, 2:])[..., 0]
    found = recover(levels, beta, effects).sum(axis=2)
    for series in range(2):
        expected = naive(x[series], y[series], weight[series], phase, effects)
        assert beta[series] == pytest.approx(expected[0], abs=1e-9)
        assert found[series] == pytest.approx(expected[1], abs=1e-9)
