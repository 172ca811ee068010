"""What is told of a zoo is what is in it: models, members, terms that sum to 100, and how hard the target is."""

import json
from dataclasses import replace

import numpy as np
import pytest

from loopcast.store.array_files import part_arrays
from loopcast.zoo.build import build_zoo
from loopcast.zoo.difficulty import find_difficulty
from loopcast.zoo.document import zoo_from_document, zoo_to_document
from loopcast.zoo.regime import MemberChoice
from loopcast.zoo.rolling import Failure, roll
from loopcast.zoo.spec import MemberSpec
from loopcast.zoo.summary import describe_members, describe_models, describe_terms, summarize
from zoo_panels import DAY, hourly_panel

SPEC = replace(DAY, members=(MemberSpec("seasonal_naive", {"period": 24}), MemberSpec("linear")))


@pytest.fixture(scope="module")
def panel():
    return hourly_panel(60)


@pytest.fixture(scope="module")
def rolling(panel):
    return roll(panel, SPEC)


@pytest.fixture(scope="module")
def zoo(panel, rolling):
    return build_zoo(panel, SPEC, rolling=rolling)


def test_there_is_one_model_per_step_with_its_interval_and_the_last_target_it_saw(zoo):
    models = describe_models(zoo)
    assert models["model_index"].tolist() == list(range(24))
    assert set(models["time_of_day"]) == {"23:00"}
    assert set(models["last_target"]) == {"2026-03-05T23:00:00"}
    assert (models["lower"] <= 0).all()
    assert (models["upper"] >= 0).all()


def test_importances_of_each_model_sum_to_100_and_linear_terms_have_their_coefficient(zoo):
    terms = describe_terms(zoo)
    np.testing.assert_allclose(terms.groupby("model_index")["importance_pct"].sum(), 100)
    linear = zoo.blocks[0].members[1]
    third = terms[(terms["model_index"] == 2) & (terms["member"] == "linear")].set_index("term")["coefficient"]
    for number, term in enumerate(linear.terms):
        assert third[term.name] == linear.coefficients[0, 2, number]
    assert terms[terms["member"] == "seasonal_naive_24"]["coefficient"].isna().all()
    assert set(describe_terms(zoo, model_index=5)["model_index"]) == {5}


def test_members_are_told_with_their_weight_or_why_they_do_not_take_part(zoo):
    left_out = MemberChoice(MemberSpec("seasonal_naive", {"period": 168}), taken=False, reason="too short a history")
    block = replace(zoo.blocks[0], choices=(*zoo.blocks[0].choices, left_out))
    failed = Failure("seasonal_naive_168", "2026", "ValueError: no")
    rows = describe_members(replace(zoo, blocks=(block,))).set_index("member")
    assert rows["weight_pct"].sum() == pytest.approx(100)
    assert rows.loc["linear", "reason"] == "asked for"
    assert not rows.loc["seasonal_naive_168", "takes_part"]
    assert rows.loc["seasonal_naive_168", "reason"] == "too short a history"
    again = describe_members(replace(zoo, blocks=(block,), failures=(failed,))).set_index("member")
    assert again.loc["seasonal_naive_168", "reason"] == "failed: ValueError: no"


def test_the_readable_part_is_json_and_changes_nothing_of_what_is_read(zoo):
    document = {**zoo_to_document(zoo), "readable": summarize(zoo)}
    parted, _ = part_arrays(document)
    told = json.loads(json.dumps(parted, allow_nan=False))["readable"]["models"][0]
    assert {"model_index", "time_of_day", "samples_ahead", "lower", "upper", "last_target", "offsets", "terms"} == set(
        told
    )
    assert {row["variable"] for row in told["offsets"]} >= {"load"}
    assert sum(term["importance_pct"] for term in told["terms"]) == pytest.approx(100)
    assert str(zoo_to_document(zoo_from_document(document))) == str(zoo_to_document(zoo))


def test_difficulty_is_the_error_beside_that_of_repeating_the_best_season(zoo, rolling, panel):
    (part,) = rolling
    y, errors, naives = panel.y[0], [], {24: [], 168: []}
    for window, origin in enumerate(part.origins[0]):
        for step in range(1, 25):
            truth, made = y[origin + step], part.combined[0, window, step - 1]
            if np.isfinite(made):
                errors.append(abs(truth - made))
                for period, found in naives.items():
                    found.append(abs(truth - y[origin + step - period]))
    assert zoo.difficulty == pytest.approx(100 * np.mean(errors) / min(np.mean(found) for found in naives.values()))
    assert 0 < zoo.difficulty < 100


def test_a_perfect_forecast_is_no_difficulty_and_a_bad_one_not_more_than_100(rolling):
    (part,) = rolling
    assert find_difficulty([replace(part, combined=part.targets)]) == 0
    assert find_difficulty([replace(part, combined=part.targets + 1e6)]) == 100
    assert find_difficulty([replace(part, combined=np.full_like(part.targets, np.nan))]) is None
