"""Blocks of errors: what is expected of a cell, blocks that are small or overlap, series of other sizes."""

import numpy as np
import pandas as pd
import pytest

from loopcast.reflection.blocks import line_up, take_blocks
from loopcast.zoo.zoo import BinPromise
from reflection.test_deterioration import HOURS, PROMISE, make_cells, make_errors, make_reference

NOTHING = pd.DataFrame()


def test_without_a_backtest_the_bin_s_promise_is_expected():
    promise = (BinPromise("all", 9, 2.0, 3.0, 90.0), BinPromise("S+1:S+24", 9, 1.5, 3.0, 90.0))
    cells = make_cells(make_errors(2))
    assert set(line_up(cells, promise, NOTHING).after.expected) == {1.5}
    assert set(line_up(cells.assign(bin="other"), promise, NOTHING).after.expected) == {2.0}


def test_what_nothing_was_promised_for_is_left_out():
    promise = (BinPromise("S+1:S+24", 9, 1.5, 3.0, 90.0),)
    cells = make_cells(make_errors(2))
    cells.loc[:5, "bin"] = "S+25:S+48"
    assert len(line_up(cells, promise, NOTHING).after.error) == len(cells) - 6


def test_the_error_expected_grows_with_the_samples_ahead_as_in_the_backtest():
    shape = np.linspace(0.5, 1.5, HOURS)
    found = line_up(make_cells(make_errors(5)), PROMISE, make_reference(make_errors(28, seed=1) * shape)).after
    first, last = found.expected[:HOURS][[0, -1]]
    assert first < 1.4 < 2.4 < last
    assert found.expected.mean() == pytest.approx(2.0, rel=0.1)


def test_each_series_is_expected_to_err_by_its_own_size():
    def both(make, **columns):
        small, large = (make(scale * make_errors(9, seed=2)) for scale in (1.0, 10.0))
        return pd.concat([small.assign(shop="a"), large.assign(shop="b")], ignore_index=True)

    found = line_up(both(make_cells), PROMISE, both(make_reference)).after
    small, large = (found.expected[found.series == number].mean() for number in (0, 1))
    assert large / small == pytest.approx(10.0, rel=0.01)
    assert found.overlap == 1


def test_a_series_that_the_backtest_does_not_know_is_expected_to_err_as_the_others():
    reference = make_reference(make_errors(9)).assign(shop="a")
    cells = make_cells(make_errors(3)).assign(shop="new")
    assert line_up(cells, PROMISE, reference).after.expected.mean() == pytest.approx(2.0, rel=0.15)


def test_small_blocks_count_for_less_and_tiny_ones_not_at_all():
    cells = make_cells(make_errors(5))
    day = cells["forecast_version"]
    kept = cells[(day < "v00000004") | (cells["samples_ahead"] <= np.where(day == "v00000004", 12, 2))]
    errors = line_up(kept, PROMISE, NOTHING).after
    blocks, names = take_blocks(errors, errors.mean(errors.error))
    assert names == [f"v{number:08d}" for number in range(1, 5)]
    assert blocks.weights.tolist() == [1.0, 1.0, 1.0, 0.5]


def test_forecasts_of_the_same_hours_are_taken_together():
    cells = make_cells(make_errors(12))
    number = cells["forecast_version"].str[1:].astype(int) - 1
    same = cells.assign(timestamp=cells["timestamp"] - pd.to_timedelta((number % 3) * 24, unit="h"))
    errors = line_up(same, PROMISE, NOTHING).after
    blocks, names = take_blocks(errors, errors.mean(np.abs(errors.error)))
    assert errors.overlap == 3
    assert names == ["v00000001", "v00000004", "v00000007", "v00000010"]
    assert blocks.numbers[0] == pytest.approx(cells.loc[number < 3, "error"].abs().mean())
