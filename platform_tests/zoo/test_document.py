"""Zoo documents: what large panels keep as arrays, and those of the first format."""

import json

import numpy as np
import pandas as pd
import pytest

from loopcast.dataops.frequency import seasonal_periods
from loopcast.errors import ModelError
from loopcast.zoo.arrays import READABLE, as_floats, from_floats
from loopcast.zoo.build import build_zoo
from loopcast.zoo.document import zoo_from_document, zoo_to_document
from loopcast.zoo.panel import panel_from_frame
from loopcast.zoo.predict import predict
from loopcast.zoo.retrain import retrain
from zoo_panels import DAY, HOURLY, hourly_frame, hourly_panel


@pytest.fixture(scope="module")
def zoo():
    return build_zoo(hourly_panel(60), DAY)


def first_format(zoo):
    """Return the zoo as it was written before there was a retrain."""
    document = json.loads(json.dumps(zoo_to_document(zoo)))
    for block, known in zip(document["blocks"], zoo.blocks, strict=True):
        for name in ("learned", "corrections", "until", "pending", "choices"):
            del block[name]
        for name in ("periods", "calendar"):
            del block["situation"][name]
        block["weights"] = as_floats(known.weights)
        for member in block["members"]:
            for name in ("situation", "parameters", "age"):
                member["state"].pop(name, None)
    for name in ("periods", "calendar", "seed"):
        del document["spec"][name]
    return {**document, "format": "loopcast-zoo/1", "spec": {**document["spec"], "refit": 7}}


def test_a_document_of_the_first_format_still_forecasts_and_learns_on(zoo):
    old, panel = zoo_from_document(first_format(zoo)), hourly_panel(60)
    np.testing.assert_allclose(old.blocks[0].weights, zoo.blocks[0].weights, rtol=1e-12)
    assert old.blocks[0].situation.periods == seasonal_periods("h")
    plain = [block.corrections for block in zoo.blocks] == [()] * len(zoo.blocks)
    before, after = predict(zoo, panel).forecasts, predict(old, panel).forecasts
    if plain:
        pd.testing.assert_frame_equal(before, after)
    assert np.isfinite(after["forecast"]).all()
    later = retrain(old, panel_from_frame(hourly_frame(63), HOURLY))
    assert str(later.blocks[0].until[0]) == "2026-03-08T23:00:00.000000"
    assert zoo_to_document(later)["format"] == "loopcast-zoo/2"


def test_a_format_that_is_not_known_is_refused(zoo):
    with pytest.raises(ModelError, match="loopcast-zoo/9"):
        zoo_from_document({**zoo_to_document(zoo), "format": "loopcast-zoo/9"})


def test_few_numbers_are_lists_many_an_array_and_both_come_back_bit_for_bit():
    few, many = np.array([[0.1, np.nan]]), np.linspace(0, 1, READABLE + 1)
    assert as_floats(few) == [[0.1, None]]
    assert as_floats(many) is many
    np.testing.assert_array_equal(from_floats(as_floats(few)), few)
    assert from_floats(as_floats(many)) is many
