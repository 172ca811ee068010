"""Deterioration: quiet while a zoo is as promised, loud when it is not, and since when; planted truth throughout."""

import json

import numpy as np
import pandas as pd
import pytest

from loopcast.reflection.deterioration import Limits, judge, judgement_from_dict
from loopcast.zoo.zoo import BinPromise

DAY, HOURS = pd.Timestamp("2026-01-01"), 24
PROMISE = (BinPromise("all", 672, 2.0, 3.0, 90.0), BinPromise("S+1:S+24", 672, 2.0, 3.0, 90.0))
NOTHING = pd.DataFrame()


def make_errors(n, *, seed=0, scale=2.0, shift=0.0):
    """Return errors of n days with a mean absolute error of about `scale`, shape (n, 24)."""
    rng = np.random.default_rng(seed)
    return scale * np.sqrt(np.pi / 2) * rng.normal(size=(n, HOURS)) + shift


def make_cells(errors, *, naive=None, start=29):
    """Return the scored forecasts of consecutive days."""
    n = len(errors)
    frame = pd.DataFrame(
        {
            "forecast_version": np.repeat([f"v{number:08d}" for number in range(1, n + 1)], HOURS),
            "timestamp": DAY + pd.to_timedelta(np.arange(start * HOURS, (start + n) * HOURS), unit="h"),
            "samples_ahead": np.tile(np.arange(1, HOURS + 1), n),
            "bin": "S+1:S+24",
            "error": errors.ravel(),
        }
    )
    return frame if naive is None else frame.assign(naive_error=np.abs(naive).ravel())


def make_reference(errors, *, naive=None):
    """Return the backtest of consecutive days before `DAY` + 29 days."""
    n = len(errors)
    base = pd.DataFrame(
        {
            "timestamp": DAY + pd.to_timedelta(np.arange(n * HOURS), unit="h"),
            "cutoff": np.repeat(DAY + pd.to_timedelta(np.arange(n) * 24 - 1, unit="h"), HOURS),
            "samples_ahead": np.tile(np.arange(1, HOURS + 1), n),
        }
    )
    parts = [base.assign(member="combination", forecast=0.0, target=errors.ravel())]
    if naive is not None:
        parts.append(base.assign(member="seasonal_naive_24", forecast=0.0, target=naive.ravel()))
    return pd.concat(parts, ignore_index=True)


REFERENCE = make_reference(make_errors(28, seed=1))


def test_without_forecasts_or_promise_there_is_nothing_to_judge():
    cells = make_cells(make_errors(9))
    assert judge(cells.iloc[:0], PROMISE, reference=REFERENCE).production_mae is None
    assert judge(cells, (), reference=REFERENCE).promised_mae is None


def test_as_promised_is_no_alarm_and_the_errors_of_the_window_are_told():
    cells = make_cells(make_errors(30))
    made = judge(cells, PROMISE, Limits(window=10), reference=REFERENCE)
    newest = cells[cells["forecast_version"] > "v00000020"]
    assert not made.is_worse
    assert (made.since, made.scored_versions) == (None, 10)
    assert made.production_mae == pytest.approx(newest["error"].abs().mean())
    assert made.promised_mae == pytest.approx(2.0, rel=0.1)
    assert 0.0 <= made.score < made.limit


@pytest.mark.parametrize(("factor", "days"), [(3.0, 5), (1.5, 9), (1.25, 24)])
def test_errors_that_grow_are_named_with_the_version_they_grow_from(factor, days):
    errors = make_errors(20 + days)
    errors[20:] *= factor
    made = judge(make_cells(errors), PROMISE, reference=REFERENCE)
    assert made.is_worse
    assert made.score > made.limit
    assert abs(int(made.since[1:]) - 21) <= (1 if factor > 1.25 else 6)
    assert made.excess_pct == pytest.approx(100.0 * (factor - 1.0), abs=18.0)


def test_one_hard_day_is_no_deterioration_however_hard():
    errors = make_errors(20)
    errors[-1] *= 50.0
    assert not judge(make_cells(errors), PROMISE, reference=REFERENCE).is_worse


def test_growth_within_the_tolerance_does_not_matter_however_sure():
    errors = 1.3 * make_errors(50)
    assert judge(make_cells(errors), PROMISE, Limits(tolerance_pct=5.0), reference=REFERENCE).is_worse
    made = judge(make_cells(errors), PROMISE, Limits(tolerance_pct=45.0), reference=REFERENCE)
    assert (made.is_worse, made.score) == (False, 0.0)


def test_it_is_over_when_errors_are_as_promised_again():
    errors = make_errors(45)
    errors[5:12] *= 2.0
    assert judge(make_cells(errors[:12]), PROMISE, reference=REFERENCE).is_worse
    assert not judge(make_cells(errors), PROMISE, reference=REFERENCE).is_worse


def test_days_that_are_harder_for_the_seasonal_naive_as_well_are_not_the_zoo_s_fault():
    errors, naive = make_errors(24), 3.0 * make_errors(24, seed=5)
    errors[10:] *= 1.5
    reference = make_reference(make_errors(28, seed=1), naive=3.0 * make_errors(28, seed=6))
    alone = judge(make_cells(errors, naive=naive), PROMISE, reference=reference)
    naive[10:] *= 1.5
    together = judge(make_cells(errors, naive=naive), PROMISE, reference=reference)
    assert (alone.is_worse, together.is_worse) == (True, False)


def test_an_imported_zoo_is_held_to_its_bare_promise():
    assert not judge(make_cells(make_errors(20)), PROMISE, reference=NOTHING).is_worse
    made = judge(make_cells(make_errors(20, scale=4.0)), PROMISE, reference=NOTHING)
    assert made.is_worse
    assert made.promised_mae == 2.0


def test_the_scale_of_the_target_is_of_no_account():
    errors = make_errors(30)
    errors[18:] *= 1.4
    million = tuple(BinPromise(row.bin, row.n, 1e6 * row.mae, row.rmse, row.coverage_pct) for row in PROMISE)
    small = judge(make_cells(errors), PROMISE, reference=REFERENCE)
    large = judge(make_cells(1e6 * errors), million, reference=make_reference(1e6 * make_errors(28, seed=1)))
    assert (large.is_worse, large.since) == (small.is_worse, small.since)
    assert large.score == pytest.approx(small.score)


def test_a_judgement_is_written_down_and_read_again():
    errors = make_errors(30)
    errors[18:] *= 2.0
    made = judge(make_cells(errors), PROMISE, reference=REFERENCE)
    assert judgement_from_dict(json.loads(json.dumps(made.to_dict()))) == made
