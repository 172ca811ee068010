"""Signs of concept drift: what was planted in the errors is what is named, and nothing else."""

import numpy as np
import pytest
from scipy.signal import lfilter

from loopcast.reflection.blocks import line_up
from loopcast.reflection.concept_drift import find_signs
from reflection.test_deterioration import PROMISE, make_cells, make_errors, make_reference

DAYS, CHANGE = 30, 15
BEFORE = make_errors(28, seed=1)


def signs_of(errors, before=BEFORE):
    sequences = line_up(make_cells(errors), PROMISE, make_reference(before))
    return {sign.name: sign for sign in find_signs(sequences, rate=0.1 / 365.0)}


def test_nothing_is_named_where_nothing_has_changed():
    found = signs_of(make_errors(DAYS))
    assert set(found) <= {"bias", "spread", "autocorrelation"}
    assert not any(sign.is_beyond for sign in found.values())


@pytest.mark.parametrize("shift", [3.0, -3.0])
def test_errors_that_move_are_a_bias_of_that_size(shift):
    errors = make_errors(DAYS)
    errors[CHANGE:] += shift
    found = signs_of(errors)
    assert {name for name, sign in found.items() if sign.is_beyond} == {"bias"}
    assert found["bias"].size == pytest.approx(shift, rel=0.2)
    assert found["bias"].since == f"v{CHANGE + 1:08d}"
    assert found["bias"].explain().startswith(f"errors moved by {'+' if shift > 0 else '-'}")


@pytest.mark.parametrize("factor", [2.0, 0.5])
def test_errors_that_spread_more_or_less_are_named(factor):
    errors = make_errors(DAYS)
    errors[CHANGE:] *= factor
    found = signs_of(errors)
    assert {name for name, sign in found.items() if sign.is_beyond} == {"spread"}
    assert found["spread"].size == pytest.approx(100.0 * (factor - 1.0), abs=30.0)


def test_errors_that_begin_to_follow_each_other_are_named():
    errors = make_errors(DAYS)
    errors[CHANGE:] = lfilter([np.sqrt(1 - 0.8**2)], [1, -0.8], errors[CHANGE:].ravel()).reshape(-1, 24)
    found = signs_of(errors)
    assert found["autocorrelation"].is_beyond
    assert found["autocorrelation"].size > 0.3


def test_errors_that_always_followed_each_other_are_no_change():
    whole = lfilter([np.sqrt(1 - 0.8**2)], [1, -0.8], make_errors(58).ravel()).reshape(-1, 24)
    assert not any(sign.is_beyond for sign in signs_of(whole[28:], before=whole[:28]).values())


def test_of_a_single_error_a_day_only_the_bias_can_be_told():
    sequences = line_up(
        make_cells(make_errors(DAYS)).groupby("forecast_version").head(1), PROMISE, make_reference(BEFORE)
    )
    assert {sign.name for sign in find_signs(sequences, rate=0.01)} <= {"bias"}
