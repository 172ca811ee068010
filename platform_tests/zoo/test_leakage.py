"""No forecast, feature, update or backtest cell knows what comes after its origin; more in `bench_leakage`."""

import numpy as np

from leakage import KINDS_OF_TIME, compare, count_violations, exchange_unknown, is_same, make_case
from loopcast.zoo.members.registry import KINDS


def test_nothing_after_a_random_cutoff_or_beyond_its_availability_changes_anything():
    looked, wrong = count_violations(len(KINDS_OF_TIME), 3, n_learning=1)
    assert wrong.total() == 0, wrong
    assert set(looked) >= {"member forecast", "feature matrix", "zoo forecast", "updated member", "backtest cells"}


def test_all_kinds_of_members_but_those_of_sktime_are_looked_at():
    assert {member.kind for seed in (0, 1) for member in make_case(seed).members} == set(KINDS) - {"sktime"}


def test_a_planted_leak_is_seen():
    case = make_case(1)
    cutoff = case.learned_until + 20
    origins = np.full((len(case.panel.y), 1), cutoff)
    for shift in (1, 30):
        other = exchange_unknown(case, cutoff - shift, np.random.default_rng(0))
        assert not all(is_same(m.predict(case.panel, origins), m.predict(other, origins)) for m in case.members)
    assert all(right for _, right in compare(case, cutoff, np.random.default_rng(0)))
