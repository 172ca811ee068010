"""The bias correction: a tenth of the median error of the same step."""

import json

import numpy as np

from loopcast.zoo.corrections.base import Made
from loopcast.zoo.corrections.bias import FEWEST, SHARE, Bias, find_bias
from loopcast.zoo.corrections.registry import correction_from_document, correction_to_document
from loopcast.zoo.members.base import Situation
from zoo_panels import hourly_panel

STEPS = 3
SITUATION = Situation(STEPS, 0, 24)


def made_with(errors):
    """Forecasts of 10 whose targets are off by `errors`, shape (S, W, H)."""
    base = np.full(errors.shape, 10.0)
    origins = np.zeros(errors.shape[:2], dtype=np.int64)
    return Made(hourly_panel(2), origins, ("a",), base[..., None], base), base + errors


def test_the_median_is_that_of_the_present_errors():
    errors = np.random.default_rng(0).normal(size=(2, 40, STEPS))
    errors[0, :9, 1] = np.nan
    np.testing.assert_allclose(find_bias(errors), SHARE * np.nanmedian(errors, axis=1))


def test_a_window_is_corrected_from_earlier_ones_only():
    errors = np.random.default_rng(1).normal(size=(1, 30, STEPS))
    changed = errors.copy()
    changed[:, 20:] = 99.0
    _, past = Bias().fit(*made_with(errors), SITUATION, delay=2, seed=0)
    _, other = Bias().fit(*made_with(changed), SITUATION, delay=2, seed=0)
    np.testing.assert_array_equal(past[:, :22], other[:, :22])
    assert (past[:, : FEWEST + 1] == 0).all()


def test_few_windows_are_no_reason_to_correct():
    assert Bias().fit(*made_with(np.ones((1, FEWEST - 1, STEPS))), SITUATION, delay=1, seed=0) is None


def test_it_goes_on_learning_sums_and_survives_its_document():
    fitted, _ = Bias().fit(*made_with(np.ones((1, 28, STEPS))), SITUATION, delay=1, seed=0)
    made, targets = made_with(np.full((1, 28, STEPS), -3.0))
    later = fitted.update(made, targets)
    assert np.allclose(fitted.predict(made), SHARE)
    assert np.allclose(later.predict(made), -3.0 * SHARE)
    assert np.allclose(later.contributions(made).addends.sum(axis=3), later.predict(made))
    back = correction_from_document(json.loads(json.dumps(correction_to_document(later))))
    np.testing.assert_array_equal(back.predict(made), later.predict(made))
