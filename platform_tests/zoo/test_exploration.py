"""What a zoo is made of adds up: importances over the terms of each step, weights over the members."""

import numpy as np
import pandas as pd
import pytest

from loopcast.zoo.build import build_zoo
from loopcast.zoo.exploration import OTHERS, list_terms, rank_terms, share_by_step, thin_steps, weigh_members
from loopcast.zoo.terms import share_term
from loopcast.zoo.zoo import Zoo
from zoo_panels import DAY, WEEK, hourly_panel, shop_panel


@pytest.fixture(scope="module")
def zoo() -> Zoo:
    return build_zoo(hourly_panel(), DAY)


@pytest.fixture(scope="module")
def terms(zoo: Zoo) -> pd.DataFrame:
    return list_terms(zoo)


def test_the_terms_of_each_step_sum_to_a_hundred_percent(zoo: Zoo, terms: pd.DataFrame) -> None:
    assert terms.groupby("samples_ahead")["importance_pct"].sum().to_numpy() == pytest.approx(np.full(24, 100.0))
    assert not terms.duplicated(["samples_ahead", "term", "variable"]).any()
    known = {*zoo.importances} - {""} | {"(weekday)", "(holiday)", "(constant)", "(calendar)"}
    assert set(terms["variable"]) <= known


def test_the_planted_wind_is_the_most_important_predictor(terms: pd.DataFrame) -> None:
    ranked = rank_terms(terms, n=10)
    by_variable = ranked.groupby("variable")["importance_pct"].sum()
    assert by_variable["wind"] > by_variable["temp"]
    assert ranked["importance_pct"].sum() == pytest.approx(100.0)
    assert (ranked["term"] == OTHERS).sum() <= ranked["variable"].nunique()
    assert ranked["importance_pct"].iloc[:10].is_monotonic_decreasing


def test_shares_by_step_keep_the_largest_and_the_whole(terms: pd.DataFrame) -> None:
    shares = share_by_step(terms, n=3)
    assert list(dict.fromkeys(shares["name"]))[-1] == OTHERS
    assert shares["name"].nunique() == 4
    assert shares.groupby("samples_ahead")["share_pct"].sum().to_numpy() == pytest.approx(np.full(24, 100.0))


def test_weights_sum_to_a_hundred_percent_over_members_for_single_series_and_panels(zoo: Zoo) -> None:
    for one in (zoo, build_zoo(shop_panel(), WEEK)):
        weights = weigh_members(one)
        steps = max(block.situation.steps for block in one.blocks)
        assert set(weights["name"]) == set(one.member_names)
        assert weights.groupby("samples_ahead")["share_pct"].sum().to_numpy() == pytest.approx(np.full(steps, 100.0))
        assert list_terms(one).groupby("samples_ahead")["importance_pct"].sum().to_numpy() == pytest.approx(
            np.full(steps, 100.0)
        )


def test_every_member_says_what_its_terms_count_for(zoo: Zoo) -> None:
    for member in zoo.blocks[0].members:
        terms, shares = member.term_importances()
        assert shares.shape[1] == len(terms)
        assert shares.shape[0] in {1, zoo.blocks[0].situation.steps}
        assert shares.sum(axis=1) == pytest.approx(np.full(len(shares), 100.0))
        assert (shares >= 0).all()


def test_long_horizons_are_thinned_and_keep_both_ends() -> None:
    long = pd.DataFrame({"samples_ahead": np.arange(1, 169), "name": "a", "share_pct": 100.0})
    kept = thin_steps(long, most_steps=48)["samples_ahead"]
    assert (kept.min(), kept.max(), len(kept)) == (1, 168, 48)
    assert len(thin_steps(long.head(3), most_steps=48)) == 3


def test_products_count_by_halves_and_terms_without_variable_for_their_kind() -> None:
    assert share_term("temp[-24] * wind", "temp * wind") == {"temp": 0.5, "wind": 0.5}
    assert share_term("weekday:monday * temp", " * temp") == {"(weekday)": 0.5, "temp": 0.5}
    assert share_term("temp * temp", "temp * temp") == {"temp": 1.0}
    assert share_term("day_of_week", "") == {"(day_of_week)": 1.0}
