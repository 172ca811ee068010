"""Gradients against differences, the optimiser against plain formulae, attributions against what they must sum to."""

from dataclasses import replace

import numpy as np
import pytest

from loopcast.zoo.learning.net.attribution import integrated_gradients, jacobian, mean_slope
from loopcast.zoo.learning.net.shape import Shape, backward, forward
from loopcast.zoo.learning.net.training import Batches, Learning, Optimiser, near_absolute_slope, train

SHAPE = Shape(inputs=5, first=7, second=6, outputs=3)


def flat_weights(seed=0):
    return np.random.default_rng(seed).normal(0.0, 0.5, (2, SHAPE.stops[-1]))


def inputs(rows=4, seed=1):
    return np.random.default_rng(seed).normal(size=(rows, 5))


def test_gradients_are_those_of_differences():
    flat, x = flat_weights(), inputs()
    kept = (np.random.default_rng(2).random((2, 4, 7)) > 0.3) / 0.7
    pull = np.random.default_rng(3).normal(size=(2, 4, 3))

    def loss(weights):
        return (forward(SHAPE.views(weights), x, kept)[0] * pull).sum()

    gradient = np.zeros_like(flat)
    _, first, second = forward(SHAPE.views(flat), x, kept)
    backward(SHAPE.views(flat), SHAPE.views(gradient), np.stack([x, x]), (first, second), pull, kept)
    for place in np.random.default_rng(4).integers(0, flat.shape[1], 40):
        moved = np.zeros_like(flat)
        moved[1, place] = 1e-6
        assert (loss(flat + moved) - loss(flat - moved)) / 2e-6 == pytest.approx(gradient[1, place], abs=1e-5)


def test_derivatives_by_the_inputs_are_those_of_differences():
    parameters, x = SHAPE.views(flat_weights()), inputs()
    made = jacobian(parameters, x)
    for place in range(5):
        moved = np.zeros_like(x)
        moved[:, place] = 1e-6
        rise = forward(parameters, x + moved)[0] - forward(parameters, x - moved)[0]
        assert rise / 2e-6 == pytest.approx(made[..., place], abs=1e-5)
    assert mean_slope(parameters, x) == pytest.approx(np.abs(made).mean(axis=(0, 1, 2)))


def test_attributions_sum_to_the_output_and_an_input_at_its_mean_has_none():
    parameters, x = SHAPE.views(flat_weights()), inputs()
    x[2, 3] = 0.0
    base, addends = integrated_gradients(parameters, x)
    assert base + addends.sum(axis=-1) == pytest.approx(forward(parameters, x)[0], abs=1e-12)
    assert np.abs(addends[:, 2, :, 3]).max() < 1e-9


def test_a_network_without_hidden_units_is_attributed_exactly():
    flat = np.zeros((1, SHAPE.stops[-1]))
    skip = SHAPE.views(flat)[6]
    skip[...] = np.random.default_rng(5).normal(size=skip.shape)
    x = inputs()
    _, addends = integrated_gradients(SHAPE.views(flat), x)
    assert addends[0] == pytest.approx(x[:, None, :] * skip[0].T)


def test_unknown_targets_pull_nowhere_and_small_errors_pull_less():
    out = np.array([[0.0, 0.01, 2.0, -2.0]], dtype=np.float32)
    targets = np.array([[np.nan, 0.0, 0.0, 0.0]], dtype=np.float32)
    assert near_absolute_slope(out, targets, 0.05)[0].tolist() == pytest.approx([0.0, 0.2, 1.0, -1.0])


def lesson(rows=64, seed=6):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(1, rows, 5)).astype(np.float32)
    targets = np.stack([x[0, :, 0], np.maximum(x[0, :, 1], 0), -x[0, :, 2]], axis=1)[None]
    order = np.stack([rng.permutation(rows)[None, :32] for _ in range(400)])
    return Batches(x, targets, np.ones_like(targets), order, np.full(400, 3e-3))


def test_a_network_learns_what_is_there_to_learn_and_the_same_every_time():
    batches, learning = lesson(), Learning(dropout=0.0, decay=0.0, threshold=0.0)
    made = []
    for _ in range(2):
        start = Optimiser.start(SHAPE, (1, 2), np.random.default_rng(7))
        before = start.weights.copy()
        made.append(train(SHAPE, learning, start, batches, np.random.default_rng(8)))
        assert np.array_equal(start.weights, before)
    assert np.array_equal(made[0].weights, made[1].weights)
    out, _, _ = forward(SHAPE.views(made[0].weights), batches.x[:, None])
    assert np.abs(out - batches.targets[:, None]).mean() < 0.1
    assert made[0].step == 400


def test_one_step_is_adam_with_decay_and_soft_threshold():
    batches = lesson()
    one = replace(batches, order=batches.order[:1], rates=np.array([0.01]))
    start = Optimiser.start(SHAPE, (1, 1), np.random.default_rng(7))
    learning = Learning(dropout=0.0, delta=0.05, decay=0.5, threshold=0.02)
    made = train(SHAPE, learning, start, one, np.random.default_rng(8))
    rows = one.order[0][0]
    parameters = SHAPE.views(start.weights)
    x, target = batches.x[:, None, rows], batches.targets[:, None, rows]
    out, first, second = forward(parameters, x)
    gradient = np.zeros_like(start.weights)
    slope = np.clip((out - target) / 0.05, -1, 1) / 32
    backward(parameters, SHAPE.views(gradient), x, (first, second), slope.astype(np.float32))
    mean, square = 0.1 * gradient, 0.001 * gradient**2
    rate = 0.01 * np.sqrt(1 - 0.999) / (1 - 0.9)
    expected = [(p * (1 - 0.01 * 0.5 * (n in (0, 2, 4, 6)))) for n, p in enumerate(parameters)]
    steps = SHAPE.views(rate * mean / (np.sqrt(square) + 1e-7))
    for number, (weights, step) in enumerate(zip(expected, steps, strict=True)):
        wanted = weights - step
        if number in (0, 6):
            wanted = np.sign(wanted) * np.maximum(np.abs(wanted) - 0.01 * 0.02, 0.0)
        assert SHAPE.views(made.weights)[number] == pytest.approx(wanted, abs=1e-5)


def test_the_optimiser_goes_on_where_it_stood_but_for_rounding():
    batches, learning = lesson(), Learning(dropout=0.0)
    start = Optimiser.start(SHAPE, (1, 1), np.random.default_rng(7))
    made = train(SHAPE, learning, start, batches, np.random.default_rng(8))
    gradient = made.rms[made.rms > 0]
    assert made.rms.dtype == np.float16
    assert np.isfinite(made.rms).all()
    assert 1.0 < np.median(gradient) < 1000.0  # far from what half precision cannot hold
    later = train(SHAPE, learning, made, batches, np.random.default_rng(9))
    out, _, _ = forward(SHAPE.views(later.weights), batches.x[:, None])
    before, _, _ = forward(SHAPE.views(made.weights), batches.x[:, None])
    target = batches.targets[:, None]
    assert np.abs(out - target).mean() < 1.2 * np.abs(before - target).mean()
