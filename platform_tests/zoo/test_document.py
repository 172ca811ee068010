"""Zoo documents: what large panels keep as arrays, and those of the first format."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest

from loopcast.dataops.frequency import seasonal_periods
from loopcast.errors import ModelError
from loopcast.zoo.arrays import READABLE, as_floats, from_floats
from loopcast.zoo.build import build_zoo
from loopcast.zoo.document import zoo_from_document, zoo_to_document
from loopcast.zoo.members.linear import SUMS
from loopcast.zoo.panel import panel_from_frame
from loopcast.zoo.predict import predict
from loopcast.zoo.retrain import retrain
from loopcast.zoo.spec import MemberSpec
from zoo_panels import DAY, HOURLY, hourly_frame, hourly_panel


@pytest.fixture(scope="module")
def zoo():
    members = (MemberSpec("seasonal_naive", {"period": 24}), MemberSpec("linear"))  # those of the first format
    return build_zoo(hourly_panel(60), replace(DAY, members=members))


def first_format(zoo):
    """Return the zoo as it was written before there was a retrain."""
    document = deepcopy(zoo_to_document(zoo))
    for block, known in zip(document["blocks"], zoo.blocks, strict=True):
        for name in ("learned", "corrections", "until", "pending", "choices", "intervals"):
            del block[name]
        for name in ("periods", "calendar", "predictor_ends"):
            del block["situation"][name]
        n_series, n_steps = known.intervals.spread.shape
        block["weights"] = as_floats(known.weights.mean(axis=1, keepdims=True))
        block["spread"] = as_floats(np.full((n_series, n_steps), 2.0))
        block["quantiles"] = [[-1.5, 1.0]] * n_series
        for member in block["members"]:
            for name in ("situation", "decay", *SUMS):
                member["state"].pop(name, None)
    for name in ("periods", "calendar", "seed"):
        del document["spec"][name]
    return {**document, "format": "loopcast-zoo/1", "spec": {**document["spec"], "refit": 7}}


def test_a_document_of_the_first_format_forecasts_as_it_did_and_learns_nothing_more(zoo):
    old, panel = zoo_from_document(first_format(zoo)), hourly_panel(60)
    weights = zoo.blocks[0].weights.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(old.blocks[0].weights, weights, rtol=1e-12)
    assert old.blocks[0].situation.periods == seasonal_periods("h")
    prediction = predict(old, panel)
    members = prediction.members.pivot(index="timestamp", columns="member", values="forecast")[list(old.member_names)]
    table = prediction.forecasts
    np.testing.assert_allclose(table["forecast"], members.to_numpy() @ weights[0, 0], rtol=1e-9)
    np.testing.assert_allclose(table["forecast"] - table["lower"], 3.0, rtol=1e-9)
    np.testing.assert_allclose(table["upper"] - table["forecast"], 2.0, rtol=1e-9)
    assert retrain(old, panel_from_frame(hourly_frame(63), HOURLY)) is old
    assert zoo_to_document(old)["format"] == "loopcast-zoo/2"


def test_a_format_that_is_not_known_is_refused(zoo):
    with pytest.raises(ModelError, match="loopcast-zoo/9"):
        zoo_from_document({**zoo_to_document(zoo), "format": "loopcast-zoo/9"})


def test_few_numbers_are_lists_many_an_array_and_both_come_back_bit_for_bit():
    few, many = np.array([[0.1, np.nan]]), np.linspace(0, 1, READABLE + 1)
    assert as_floats(few) == [[0.1, None]]
    assert as_floats(many) is many
    np.testing.assert_array_equal(from_floats(as_floats(few)), few)
    assert from_floats(as_floats(many)) is many
