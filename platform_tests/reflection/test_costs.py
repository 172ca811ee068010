"""What actions are expected to cost and bring, and what a person is told to do."""

from loopcast.reflection.concept_drift import DriftSign
from loopcast.reflection.costs import BuildCost, estimate_costs
from loopcast.reflection.deterioration import BinJudgement, Judgement
from loopcast.reflection.evidence import Evidence
from loopcast.reflection.hints import Signal, give_hints

BINS = (
    BinJudgement("all", 9, 2.0, 1.0, is_worse=True),
    BinJudgement("S+1:S+24", 5, 1.1, 1.0, is_worse=False),
    BinJudgement("S+25:S+48", 4, 3.0, 1.0, is_worse=True),
)
SIGNS = (DriftSign("bias", 5.0, 3.0, 2.0, "v00000004"), DriftSign("spread", 1.0, 3.0, 9.0, "v00000002"))
WORSE = Evidence(has_zoo=True, judgement=Judgement(True, "v00000003", 9, 2.0, 1.0, bins=BINS, signs=SIGNS))
SIGNALS = (Signal("rain", "one value for too many steps", "2024-02-01 00:00"), Signal("count", "a step", "2024-02-02"))


def test_builds_cost_what_the_last_ones_did_and_bring_what_they_brought() -> None:
    builds = [
        BuildCost("usual", 4.0, -2.0),
        BuildCost("usual", 8.0, 6.0),
        BuildCost("usual", None),
        BuildCost("wide", 60.0),
    ]
    keep, retrain, rebuild, experiment = estimate_costs(builds, retrain_s=0.5, judgement=Judgement())
    assert (keep.cpu_s, retrain.cpu_s, retrain.gain_pct) == (0.0, 0.5, None)
    assert (rebuild.cpu_s, rebuild.gain_pct) == (6.0, 2.0)
    assert rebuild.basis == "cost: median of 2 builds; gain: median of 2 comparisons with the champion"
    assert (experiment.cpu_s, experiment.gain_pct) == (60.0, None)


def test_while_errors_are_worse_a_build_may_bring_the_promise_back() -> None:
    found = estimate_costs([], retrain_s=None, judgement=WORSE.judgement)
    assert [(cost.action, cost.cpu_s, cost.gain_pct) for cost in found] == [
        ("keep", 0.0, 0.0), ("retrain", None, None), ("rebuild", None, 50.0), ("experiment", None, 50.0),
    ]  # fmt: skip
    assert "none was made yet" in found[1].basis


def test_hints_name_the_dead_predictor_the_bin_and_what_data_would_help() -> None:
    hints = give_hints(WORSE, signals=SIGNALS, target="count", importances={"rain": 40.0, "count": 60.0})
    assert [hint.split(":")[0] for hint in hints] == [
        "`count`", "`rain`", "only some steps ahead are worse, S+25", "errors lean to one side",
    ]  # fmt: skip
    assert "send corrections" in hints[0]
    assert "40 % of what the zoo looks at. Repair its source" in hints[1]
    assert "MAE 3, promised 1" in hints[2]
    assert hints[3].endswith("(since v00000004)")


def test_while_production_is_as_promised_only_unmet_situations_are_told() -> None:
    fine = Evidence(has_zoo=True, situations_unmet=("no models at 05:00",))
    assert give_hints(fine, signals=SIGNALS, target="count", importances={}) == (
        "updates end where the zoo has no models: no models at 05:00",
    )
