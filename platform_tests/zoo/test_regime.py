"""Which members take part follows from the data, with the reason."""

from dataclasses import replace

from loopcast.zoo.members.base import Situation
from loopcast.zoo.members.registry import make_member
from loopcast.zoo.regime import LEAR_ORIGINS, NET_ORIGINS, Regime, choose_members, find_regime
from loopcast.zoo.spec import MemberSpec, ZooSpec
from zoo_panels import DAY, hourly_panel

HOURLY_DAY = Situation(24, 1380, 24, periods=(24, 168))
PRICES = Regime(n_series=1, length=9600, n_origins=400, n_ahead=2, n_measured=0, situation=HOURLY_DAY)
DEFAULT = replace(DAY, members=())


def taken(regime, spec=DEFAULT):
    return {choice.spec.name for choice in choose_members(spec, regime) if choice.taken}


def test_what_a_panel_is_like():
    panel = hourly_panel(10)
    assert find_regime(panel, HOURLY_DAY, panel.last) == Regime(1, 240, 10, 1, 1, HOURLY_DAY)


def test_a_long_history_with_predictors_gets_every_direct_member():
    assert {"seasonal_naive", "linear", "lear", "net", "boosted", "stacked"} <= taken(PRICES)


def test_a_short_history_gets_no_network_and_a_shorter_one_no_lasso():
    assert "net" not in taken(replace(PRICES, n_origins=NET_ORIGINS - 1))
    assert "lear" not in taken(replace(PRICES, n_origins=LEAR_ORIGINS - 1))


def test_thousands_of_series_get_no_member_of_their_own_size():
    assert not {"linear", "lear", "net"} & taken(replace(PRICES, n_series=1000))


def test_the_seasonal_naive_takes_part_always_and_every_choice_has_a_reason():
    for regime in (PRICES, replace(PRICES, n_origins=0, length=10), replace(PRICES, n_series=5000)):
        assert "seasonal_naive" in taken(regime)
        assert all(choice.reason and choice.prior > 0 for choice in choose_members(DEFAULT, regime))


def test_members_asked_for_are_taken_as_they_are():
    spec = replace(DEFAULT, members=(MemberSpec("net", {"seed": 7}), MemberSpec("linear")))
    assert [choice.spec for choice in choose_members(spec, PRICES) if choice.taken] == list(spec.members)


def test_names_are_unique():
    names = [make_member(choice.spec).name for choice in choose_members(DEFAULT, PRICES)]
    assert len(set(names)) == len(names)


def test_a_wide_search_tries_what_suits_the_data_beside_what_was_asked_for():
    recent = MemberSpec("linear", {"half_life_origins": 60}, label="linear_recent")
    spec = replace(DEFAULT, members=(recent, MemberSpec("net", {"seed": 7}, label="mine")), search="wide")
    found = choose_members(spec, PRICES)
    assert [choice.spec for choice in found[:2]] == list(spec.members)
    names = [make_member(choice.spec).name for choice in found]
    assert len(set(names)) == len(names)
    usual = taken(PRICES)
    assert taken(PRICES, spec) == usual | {"net", "autoregression", "smoothing"}, "also what seems not to be needed"
    assert "autoregression" not in usual
    assert ZooSpec.from_document(spec.to_document()) == spec
    assert "search" not in DEFAULT.to_document()
