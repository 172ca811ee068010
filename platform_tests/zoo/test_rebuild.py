"""Rebuild policies: what is chosen is built as a build would, what is not stays; the merged zoo is one zoo."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from loopcast.errors import CallerError
from loopcast.zoo.build import build_zoo
from loopcast.zoo.document import zoo_from_document, zoo_to_document
from loopcast.zoo.predict import predict
from loopcast.zoo.rebuild import RebuildPolicy, rebuild
from loopcast.zoo.retrain import retrain
from zoo_panels import DAY, WEEK, hourly_panel, shop_panel

NEW, ALL = RebuildPolicy("new_situations"), RebuildPolicy("all")


@pytest.fixture(scope="module")
def panel():
    return hourly_panel(60)


@pytest.fixture(scope="module")
def noon(panel):
    return panel.cut(panel.last - 36)  # ends at 11:00


@pytest.fixture(scope="module")
def zoo(panel):
    return build_zoo(panel.cut(panel.last - 48), DAY)


def times(zoo):
    return [block.situation.time_of_day for block in zoo.blocks]


@pytest.fixture(scope="module")
def merged(zoo, noon):
    return rebuild(zoo, noon, NEW)


def test_nothing_new_leaves_the_zoo_as_it_is(zoo, panel):
    assert rebuild(zoo, panel, NEW) is zoo


def test_a_new_situation_is_built_and_the_others_are_kept(zoo, noon, merged):
    alone = build_zoo(noon, DAY)
    assert times(merged) == [23 * 60, 11 * 60]
    assert merged.blocks[0] is not None
    assert merged.blocks[0].members == zoo.blocks[0].members
    assert [block.first_index for block in merged.blocks] == [0, 24]
    np.testing.assert_array_equal(merged.blocks[1].weights, alone.blocks[0].weights)
    assert merged.promise[0].n == zoo.promise[0].n + alone.promise[0].n
    low, high = sorted([zoo.promise[0].mae, alone.promise[0].mae])
    assert low <= merged.promise[0].mae <= high
    assert sum(merged.importances.values()) == pytest.approx(100)


def test_each_situation_of_a_merged_zoo_forecasts_as_the_zoo_it_came_from(zoo, panel, noon, merged):
    alone = build_zoo(noon, DAY)
    for shown, own in ((noon, alone), (panel.cut(panel.last - 24), zoo)):
        left, right = predict(merged, shown), predict(own, shown)
        assert left.situations_unmet == ()
        pd.testing.assert_frame_equal(
            left.forecasts.drop(columns="model_index"), right.forecasts.drop(columns="model_index")
        )


def test_a_merged_zoo_is_written_down_and_learns_on(merged, panel):
    back = zoo_from_document(zoo_to_document(merged))
    assert str(zoo_to_document(back)) == str(zoo_to_document(merged))
    later = retrain(back, panel)
    assert [str(block.until[0])[:13] for block in later.blocks] == ["2026-03-05T23", "2026-03-05T11"]


def test_all_builds_every_situation_of_the_zoo_anew(merged, panel):
    again = rebuild(merged, panel, ALL)
    assert sorted(times(again)) == [11 * 60, 23 * 60]
    assert all(str(block.until[0])[:10] == "2026-03-05" for block in again.blocks)
    assert [block.first_index for block in again.blocks] == [0, 24]


def test_older_than_builds_what_has_learned_nothing_for_so_long(merged, panel):
    old = replace(
        merged,
        blocks=(replace(merged.blocks[0], until=merged.blocks[0].until - np.timedelta64(9, "D")), merged.blocks[1]),
    )
    again = rebuild(old, panel, RebuildPolicy("older_than", pd.Timedelta("7D")))
    assert times(again) == [11 * 60, 23 * 60]
    assert again.blocks[0].members == merged.blocks[1].members
    assert str(again.blocks[1].until[0])[:10] == "2026-03-05"
    assert rebuild(merged, panel, RebuildPolicy("older_than", pd.Timedelta("60D"))) is merged
    with pytest.raises(CallerError, match="age"):
        rebuild(merged, panel, RebuildPolicy("older_than"))


def test_where_something_else_is_asked_for_all_are_built_anew(zoo, panel):
    again = rebuild(zoo, panel, NEW, spec=replace(DAY, level=50.0))
    assert again.spec.level == 50.0
    assert str(again.blocks[0].until[0])[:10] == "2026-03-05"


def test_new_series_join_and_those_that_are_gone_stay():
    whole = shop_panel()
    zoo = build_zoo(whole.select(np.array([0, 1])), WEEK)
    again = rebuild(zoo, whole.select(np.array([2, 0])), NEW)
    assert set(again.series) == {("b", "x"), ("a", "x")} | (set(zoo.series) & set(again.series))
    forecasts = predict(again, whole.select(np.array([2, 0]))).situations_unmet
    assert forecasts == ()


def test_another_target_is_refused(zoo, panel):
    other = replace(panel, spec=replace(panel.spec, target="temp"))
    with pytest.raises(CallerError, match="built for"):
        rebuild(zoo, other, ALL)
