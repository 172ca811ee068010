"""Features against naive ones, and the promise that none sees outside of its offsets, for every kind of time."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from loopcast.dataops.frequency import seasonal_periods
from loopcast.dataops.table import TableSpec, Variable
from loopcast.zoo.dictionary.blocks import Average, Change, Extremes, PeriodMeans, Profile, Values
from loopcast.zoo.dictionary.calendar import Weekend, Year
from loopcast.zoo.dictionary.choice import Memory, choose_dictionary, predictor_blocks
from loopcast.zoo.dictionary.dictionary import KINDS, Dictionary, Scale
from loopcast.zoo.dictionary.products import Contrast, Product
from loopcast.zoo.dictionary.rows import new_rows, past_rows
from loopcast.zoo.dictionary.view import View, close_gaps
from loopcast.zoo.learning.scaling import Scaling
from loopcast.zoo.members.base import Situation
from loopcast.zoo.panel import Panel
from zoo_panels import hourly_panel

SHORT = Memory(level=3, spread=6)
SITUATIONS = {
    "h": Situation(24, 23 * 60, 24, "US", (24, 168)),
    "15min": Situation(8, 0, 96, None, (96, 672)),
    "D": Situation(7, 0, 1, "US", (7,)),
    "MS": Situation(3, 0, 1, None, (12,)),
    "s": Situation(6, 0, 5, None, (5, 40), calendar=False),
}
LENGTHS = {"h": 24 * 40, "15min": 96 * 30, "D": 300, "MS": 150, "s": 400}


def make_panel(frequency, *, gaps=False, seed=0):
    rng = np.random.default_rng(seed)
    length = LENGTHS[frequency]
    variables = (Variable("y"), Variable("seen"), Variable("known", known_ahead=True))
    spec = TableSpec("when", frequency, "y", variables, series_keys=("key",))
    local = pd.date_range("2026-01-01", periods=length, freq=frequency, unit="us")
    values = {name: rng.normal(10.0, 3.0, (2, length)) for name in ("y", "seen", "known")}
    if gaps:
        values = {name: np.where(rng.random(v.shape) < 0.1, np.nan, v) for name, v in values.items()}
    keys = pd.DataFrame({"key": ["a", "b"]})
    return Panel(spec, keys, local, values["y"], {"seen": values["seen"], "known": values["known"]}, {})


def change(panel, name, keep):
    """Return the panel with other values of a variable wherever `keep` is False."""
    other = np.where(keep, panel.values(name), np.random.default_rng(9).normal(1e3, 1e3, panel.y.shape))
    changed = panel.select(np.arange(2))
    if name == panel.spec.target:
        object.__setattr__(changed, "y", other)
    else:
        object.__setattr__(changed, "x", {**panel.x, name: other})
    return changed


def chosen(frequency, panel, memory=SHORT):
    situation = SITUATIONS[frequency]
    ends = np.full(2, panel.y.shape[1] - 1 - situation.steps)
    return choose_dictionary(panel.cut(ends, ahead=situation.steps), situation, ends, memory), ends


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("frequency", sorted(SITUATIONS))
def test_no_feature_sees_outside_of_its_offsets(frequency, gaps):
    panel = make_panel(frequency, gaps=gaps)
    dictionary, ends = chosen(frequency, panel)
    origins = ends[:, None]
    before, scaling = dictionary.values(panel, origins)
    assert np.isfinite(before).mean() > 0.8
    time = np.arange(panel.y.shape[1]) - ends[0]
    for offset in dictionary.offsets():
        keep = (time >= offset.first) & (time <= offset.last)
        after, other = dictionary.values(change(panel, offset.variable, keep), origins)
        assert np.array_equal(before, after, equal_nan=True)
        assert np.array_equal(scaling.center, other.center)
        assert np.array_equal(scaling.scale, other.scale)


def test_each_feature_sees_its_first_and_last_step_and_none_beyond():
    panel = make_panel("h")
    dictionary, ends = chosen("h", panel)
    origins = ends[:, None]
    still = Dictionary(**{**vars(dictionary), "scale": Scale(1, 1), "reach": 0} | {"blocks": dictionary.blocks})
    before, _ = still.values(panel, origins)
    time = np.arange(panel.y.shape[1]) - ends[0]
    for k in range(0, len(still.features), 7):
        feature = still.features[k]
        if not feature.variable or len(feature.variables) > 1 or "log_scale" in feature.name:
            continue
        lead = dict(still.leads).get(feature.variable, 0)
        for outside in (
            (time < feature.first) | (time > feature.last),
            (time == feature.first),
            (time == feature.last),
        ):
            moved = outside & (time != lead)  # the scale comes from this step
            after, _ = still.values(change(panel, feature.variable, ~moved), origins)
            is_beyond = outside.sum() > 1
            assert np.array_equal(before[..., k], after[..., k]) == (is_beyond or not moved.any())


def plain(variable_values, block):
    """Return a block's values on two series that are not scaled, computed one by one."""
    length = variable_values.shape[1]
    seen = {"v": variable_values}
    origin = length - 10
    rows = []
    for series in seen["v"]:
        at = lambda first, last, s=series: s[origin + first : origin + last + 1]  # noqa: E731
        match block:
            case Values(_, first, last, width):
                rows.append([at(a, a + width - 1).mean() for a in range(first, last + 1, width)])
            case PeriodMeans(_, period, depth):
                rows.append([at(1 - (n + 1) * period, -n * period).mean() for n in range(depth)])
            case Average(_, period, depth, decay):
                means = [at(1 - (n + 1) * period, -n * period).mean() for n in range(depth)]
                rows.append([np.average(means, weights=[(1 - decay) ** n for n in range(depth)])])
            case Profile(_, first, last, period, depth, decay, width):
                weights = np.repeat([(1 - decay) ** n for n in range(depth)], width)
                starts = range(first, last + 1, width)
                phases = [[at(a - n * period, a - n * period + width - 1) for n in range(depth)] for a in starts]
                rows.append([np.average(np.ravel(phase), weights=weights) for phase in phases])
            case Extremes(_, period):
                last = at(1 - period, 0)
                rows.append([last.max(), last.min(), last.std()])
            case Change(_, first, last, period, depth, until):
                rows.append([at(first, last).mean() - at(until + 1 - period * depth, until).mean()])
    return np.array(rows)


@pytest.mark.parametrize(
    "block",
    [
        Values("v", -7, 4),
        Values("v", -5, 0, 3),
        PeriodMeans("v", 4, 3),
        Average("v", 4, 5),
        Average("v", 4, 5, 0.3),
        Profile("v", -3, 0, 4, 3),
        Profile("v", -3, 0, 4, 3, width=2),
        Profile("v", -7, -4, 8, 3, 0.3, 2),
        Extremes("v", 4),
        Change("v", 1, 4, 4, 5),
        Change("v", -5, -2, 4, 5, -2),
    ],
    ids=lambda block: block.kind,
)
def test_blocks_compute_what_they_say(block):
    values = np.random.default_rng(2).normal(size=(2, 60))
    view = see({"v": values})
    assert block.values(view)[:, 0] * 1e6 == pytest.approx(plain(values, block), rel=1e-6)
    assert len(block.features()) == block.values(view).shape[2]


def see(values, *, length=60, scale=1e6):
    """Return a view of two series whose scale is so wide that it is a straight line."""
    scaling = Scaling(np.zeros((2, 1)), np.full((2, 1), scale))
    local = pd.date_range("2026-01-01", periods=length, freq="h")
    return View(values, dict.fromkeys(values, scaling), local, 0, np.full((2, 1), length - 10))


def test_products_are_of_neighbours_or_of_each_with_each_and_count_for_both_variables():
    rng = np.random.default_rng(3)
    view = see({"a": rng.normal(size=(2, 60)), "b": rng.normal(size=(2, 60))}, scale=1.0)
    a, b, pair = Values("a", 1, 4), Values("b", 1, 4), Year(1)
    beside, crossed = Product(a, b), Product(a, pair)
    assert beside.values(view) == pytest.approx(a.values(view) * b.values(view))
    expected = [[x * y for x in a.values(view)[s, 0] for y in pair.values(view)[s, 0]] for s in range(2)]
    assert crossed.values(view)[:, 0] == pytest.approx(np.array(expected))
    assert beside.features()[0].name == "a[+1] * b[+1]"
    assert crossed.features()[1].variables == ("a", "")
    assert len(crossed.features()) == crossed.values(view).shape[2] == 8


def test_a_contrast_is_what_two_shapes_differ_by():
    rng = np.random.default_rng(3)
    view = see({"a": rng.normal(size=(2, 60)), "b": rng.normal(size=(2, 60))}, scale=1.0)
    a, b = Values("a", 1, 4), Values("b", 1, 4)
    left, right = a.values(view)[1, 0], b.values(view)[1, 0]
    contrast = Contrast(a, b)
    assert contrast.values(view)[1, 0] == pytest.approx((left - left.mean()) - (right - right.mean()))
    assert contrast.values(view).sum(axis=2) == pytest.approx(0.0)
    assert {(f.first, f.last, f.variables) for f in contrast.features()} == {(1, 4, ("a", "b"))}


def test_a_product_counts_for_its_factors_in_equal_parts():
    blocks = (Values("y", 0, 0), Product(Values("a", 1, 1), Values("b", 1, 1)))
    made = Dictionary("y", 1, 1, 1, Scale(1, 1), (), blocks).share_importance(np.array([1.0, 1.0]))
    assert made == pytest.approx({"y": 50.0, "a": 25.0, "b": 25.0})


def test_the_dictionary_holds_the_products_of_predictors_known_ahead():
    names = {feature.name for feature in chosen("h", make_panel("h"))[0].features}
    assert "known[+5] * weekday:sunday" in names
    assert "known[+1..+24] * known[+1..+24]" in names
    assert "y[-3] * weekday:weekend" in names
    assert not any("seen" in name and " * " in name for name in names)


@pytest.mark.parametrize("frequency", sorted(SITUATIONS))
def test_the_dictionary_survives_json_and_its_names_are_unique(frequency):
    dictionary, _ = chosen(frequency, make_panel(frequency))
    assert Dictionary.from_document(json.loads(json.dumps(dictionary.to_document()))) == dictionary
    names = [feature.name for feature in dictionary.features]
    assert len(set(names)) == len(names)


def test_every_kind_of_time_has_the_calendar_that_suits_it():
    kinds = {f: [block.kind for block in chosen(f, make_panel(f))[0].blocks] for f in SITUATIONS}
    assert {"weekdays", "year", "holidays"} <= set(kinds["h"])
    assert {"weekdays", "holidays"} <= set(kinds["D"])
    assert "phases" in kinds["MS"]
    assert "weekdays" not in kinds["MS"]
    assert not {"weekdays", "year", "holidays"} & set(kinds["s"])
    assert "fourier" in kinds["s"]
    assert {kind for found in kinds.values() for kind in found} | {"weekend", "contrast"} == set(KINDS)


def test_a_weekday_is_that_of_the_first_step_ahead_and_a_phase_does_not_depend_on_the_start():
    panel = hourly_panel(30)
    situation = Situation(24, 23 * 60, 24, "US", (24, 168))
    dictionary = choose_dictionary(panel, situation, panel.last, SHORT)
    names = [feature.name for feature in dictionary.features]
    row = dictionary.values(panel, np.array([[24 * 7 - 1]]))[0][0, 0]  # a Sunday evening: the panel starts on Monday
    assert [name for name, value in zip(names, row, strict=True) if name.startswith("weekday") and value] == [
        "weekday:monday"
    ]
    whole = make_panel("MS")
    months, ends = chosen("MS", whole)
    later = whole.since(50)
    a, b = months.values(whole, ends[:, None])[0], months.values(later, ends[:, None] - 50)[0]
    phases = [number for number, feature in enumerate(months.features) if feature.name.startswith("phase")]
    assert np.array_equal(a[..., phases], b[..., phases])


def test_a_weekend_is_one_feature_or_two():
    panel = make_panel("D")
    origin = int(np.flatnonzero(panel.local == "2026-07-03")[0])  # a Friday: the first step ahead is a Saturday
    view = View({}, {}, panel.local, 0, np.array([[origin, origin + 1, origin + 2]]))
    assert Weekend().values(view)[0, :, 0].tolist() == [1.0, 1.0, 0.0]
    assert Weekend(apart=True).values(view)[0].tolist() == [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]


def test_a_christmas_ahead_or_yesterday_is_a_feature():
    situation = SITUATIONS["D"]
    panel = make_panel("D")
    dictionary = choose_dictionary(panel, situation, np.full(2, 200), SHORT)
    names = [feature.name for feature in dictionary.features]
    panel = panel.since(0)
    day = int(np.flatnonzero(panel.local == "2026-07-04")[0])
    row = dictionary.values(panel, np.array([[day - 2], [day - 2]]))[0][0, 0]
    assert row[names.index("holiday:day+2")] == 1.0
    assert row[names.index("holiday:day+5")] == 0.0


def test_a_gap_takes_the_season_before_but_not_from_further_than_said():
    values = np.array([[1.0, 2.0, np.nan, np.nan, np.nan, np.nan, np.nan, 8.0]])
    assert close_gaps(values, 2, 4)[0].tolist()[:6] == [1.0, 2.0, 1.0, 2.0, 1.0, 2.0]
    assert np.isnan(close_gaps(values, 2, 4)[0, 6])


def test_many_predictors_are_averaged_so_that_the_dictionary_stays_small():
    names = [f"p{k}" for k in range(40)]
    blocks = list(predictor_blocks(dict.fromkeys(names, 24), dict.fromkeys(["m", "n"], -1), 24, 168))
    assert sum(len(block.features()) for block in blocks) < 900


def test_predictors_are_looked_at_as_far_as_they_are_known_and_no_further():
    panel = make_panel("h")
    situation = replace(SITUATIONS["h"], predictor_ends=(("known", 5), ("seen", -3)))
    dictionary = choose_dictionary(panel, situation, panel.last, SHORT)
    reach = {offset.variable: offset.last for offset in dictionary.offsets()}
    assert reach == {"y": 0, "known": 5, "seen": -3}
    assert dictionary.leads == (("seen", -3),)


def test_rows_are_learned_once_when_all_their_targets_are_due():
    panel = make_panel("D")
    situation = SITUATIONS["D"]
    dictionary = choose_dictionary(panel, situation, np.full(2, 199), SHORT)
    ends, later = np.full(2, 199), np.full(2, 203)
    past = past_rows(panel, situation, later, dictionary, limit=50)
    before = past_rows(panel, situation, ends, dictionary, limit=46)
    new = new_rows(panel, situation, dictionary, later, ends)
    assert new.features.shape[1] == 4
    for name in ("features", "targets", "scale"):
        joined = np.concatenate([getattr(before, name), getattr(new, name)], axis=1)
        np.testing.assert_allclose(joined, getattr(past, name), atol=1e-9)
    none = new_rows(panel, situation, dictionary, later, later)
    assert none.features.shape[1] == 0
    assert not none.usable.any()
    uneven = new_rows(panel, situation, dictionary, later, np.array([203, 199]))
    assert uneven.usable.sum(axis=1).tolist() == [0, 4]


def test_targets_of_a_row_are_on_its_own_scale():
    panel = make_panel("D")
    situation = SITUATIONS["D"]
    dictionary = choose_dictionary(panel, situation, np.full(2, 199), SHORT)
    rows = past_rows(panel, situation, np.full(2, 199), dictionary, limit=5)
    origin = 199 - 7
    window = panel.y[0, origin + 1 - dictionary.scale.level : origin + 1]
    wide = panel.y[0, origin + 1 - dictionary.scale.spread : origin + 1]
    spread = 1.4826 * np.median(np.abs(wide - np.median(wide)))
    expected = np.arcsinh((panel.y[0, origin + 1 : 200] - np.median(window)) / spread)
    assert rows.targets[0, -1] == pytest.approx(expected)
    assert seasonal_periods("D") == (7,)
