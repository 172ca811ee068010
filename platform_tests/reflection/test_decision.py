"""The rules of the decision, one by one."""

import json
from dataclasses import replace

import pandas as pd
import pytest

from loopcast.reflection.decision import Evidence, RebuildPolicy, decide
from loopcast.reflection.deterioration import Judgement, Limits, judge
from loopcast.zoo.zoo import BinPromise

GOOD = Evidence(has_zoo=True, versions_since_build=10, age_days=10.0, judgement=Judgement(False, None, 14, 100.0, 95.0))
WORSE = Judgement(True, "v00000003", 14, 150.0, 95.0)


@pytest.mark.parametrize(
    ("change", "action", "rule"),
    [
        ({}, "keep", "as_promised"),
        ({"has_zoo": False, "versions_since_build": 0}, "build_first", "no_zoo"),
        ({"has_zoo": False, "versions_since_build": 3}, "keep", "too_soon"),
        ({"has_zoo": False, "versions_since_build": 7}, "build_first", "no_zoo"),
        ({"judgement": WORSE}, "rebuild", "worse_than_promised"),
        ({"judgement": WORSE, "versions_since_build": 6}, "keep", "too_soon"),
        ({"judgement": Judgement()}, "keep", "as_promised"),
        ({"age_days": 28.0}, "rebuild", "too_old"),
        ({"versions_unmet": 3, "situations_unmet": ("no models at 05:00",)}, "rebuild", "situation_unmet"),
        ({"versions_unmet": 1, "situations_unmet": ("no models at 22:00",)}, "keep", "as_promised"),
    ],
)
def test_each_rule_decides(change, action, rule):
    made = decide(replace(GOOD, **change))
    assert (made.action, made.rule) == (action, rule)
    assert made.reason
    json.dumps(made.evidence, allow_nan=False)


def test_no_age_limit_means_no_age_limit():
    assert decide(replace(GOOD, age_days=1e6), RebuildPolicy(max_age_days=None)).action == "keep"


def cells(n=20, error=2.0):
    versions = [f"v{number:08d}" for number in range(1, n + 1)]
    return pd.DataFrame(
        {"forecast_version": versions, "bin": ["near", "far"] * (n // 2), "error": [-error, error] * (n // 2)}
    )


PROMISE = (
    BinPromise("all", 9, 2.0, 3.0, 90.0),
    BinPromise("near", 5, 1.0, 1.0, 90.0),
    BinPromise("far", 4, 3.0, 4.0, 90.0),
)


def test_production_is_compared_with_what_was_promised_for_the_same_bins():
    made = judge(cells(), PROMISE, Limits(window=10), reference=pd.DataFrame())
    assert (made.production_mae, made.promised_mae, made.scored_versions) == (2.0, 2.0, 10)
    near = cells()[lambda f: f["bin"] == "near"]
    assert judge(near, PROMISE, Limits(), reference=pd.DataFrame()).promised_mae == 1.0
    assert judge(cells().iloc[:0], PROMISE, Limits(), reference=pd.DataFrame()).production_mae is None
    assert judge(cells(), (), Limits(), reference=pd.DataFrame()).promised_mae is None
