"""Specifications, holidays and documents that are not what they should be."""

import json

import numpy as np
import pandas as pd
import pytest

from loopcast.dataops.frequency import Horizon
from loopcast.errors import CallerError, ModelError
from loopcast.zoo.document import zoo_from_document
from loopcast.zoo.features import build_design, make_recipe
from loopcast.zoo.holiday import holiday_of_days
from loopcast.zoo.members.base import Situation
from loopcast.zoo.panel import panel_from_frame
from loopcast.zoo.spec import MemberSpec, ZooSpec, bin_width
from zoo_panels import HOURLY, hourly_frame


def test_a_specification_reads_back_what_it_wrote():
    spec = ZooSpec(
        horizon=Horizon.parse("2D"),
        members=(MemberSpec("linear", {"half_life_origins": 60}, label="short"),),
        level=80.0,
        holidays="US-MN",
        training_length=1000,
        origin_time=1380,
    )
    document = json.loads(json.dumps(spec.to_document()))
    assert ZooSpec.from_document(document).to_document() == document


def test_bins_are_a_day_wide_or_a_season():
    assert (bin_width("h"), bin_width("D"), bin_width("MS")) == (24, 7, 12)


def test_another_documents_format_is_refused():
    with pytest.raises(ModelError, match="build the zoo again"):
        zoo_from_document({"format": "loopcast-zoo/0"})


def test_holidays_are_those_of_the_place_observed_days_among_them():
    days = pd.DatetimeIndex(["2017-11-10 12:00", "2017-11-11", "2017-11-12", "2018-01-01"])
    assert holiday_of_days(days, "US") == ["Veterans Day", "Veterans Day", "", "New Year's Day"]
    assert holiday_of_days(days, None) == [""] * 4
    with pytest.raises(CallerError, match="Atlantis"):
        holiday_of_days(days, "Atlantis")


def test_a_planted_holiday_does_not_enter_the_profile_of_its_weekday():
    frame = hourly_frame(70, start="2026-04-20")  # Memorial Day is Monday 2026-05-25
    holiday = frame["when"].dt.strftime("%Y-%m-%d") == "2026-05-25"
    situation = Situation(24, 23 * 60, 24, "US")
    bases = []
    for value in (0.0, 1e6):
        panel = panel_from_frame(frame.assign(load=frame["load"].where(~holiday, value)), HOURLY)
        recipe = make_recipe(panel, situation, panel.last)
        origin = np.array([[int(holiday.to_numpy().nonzero()[0][0]) + 6 * 24 + 23]])
        bases.append(build_design(panel, origin, recipe).base)
    assert np.array_equal(bases[0], bases[1])
    assert "Memorial Day" in recipe.holidays
