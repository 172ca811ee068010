"""The check that errors are as promised, as Dagster shows it."""

import dagster as dg
import pandas as pd

from loopcast.orchestration.assets.accuracy_report import show_judgement
from loopcast.reflection.concept_drift import DriftSign
from loopcast.reflection.deterioration import BinJudgement, Judgement

BINS = (BinJudgement("all", 96, 3.0, 2.0, True, 4.1, "v00000031"),)
SIGNS = (DriftSign("bias", 4.4, 3.8, 1.5, "v00000030"), DriftSign("spread", 1.0, 3.8, 10.0, "v00000002"))
WORSE = Judgement(True, "v00000031", 4, 3.0, 2.0, 4.1, 3.1, BINS, SIGNS, ("temp",))


def test_worse_errors_are_a_warning_that_says_since_when_and_what_else_has_changed() -> None:
    scores = pd.DataFrame({"version": ["v00000033", "v00000034"], "score": [2.0, 4.1], "limit": [3.1, 3.1]})
    result = show_judgement(WORSE, scores)
    assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert result.description.startswith(
        "worse than promised since v00000031: MAE 3 over 4 versions, promised 2 (+50 %)"
    )
    assert result.description.endswith("errors moved by +1.5 since v00000030; data drift in temp")
    numbers = {name: value.value for name, value in result.metadata.items() if isinstance(value, dg.FloatMetadataValue)}
    assert numbers == {
        "score": 4.1, "limit": 3.1, "excess_pct": 50.0, "production_mae": 3.0, "promised_mae": 2.0,
        "bias_score": 4.4, "spread_score": 1.0,
    }  # fmt: skip
    assert "data:image/svg+xml" in result.metadata["chart"].value


def test_nothing_judged_yet_passes_and_draws_nothing() -> None:
    result = show_judgement(Judgement(), pd.DataFrame(columns=["version", "score", "limit"]))
    assert result.passed
    assert result.description == "nothing to judge: no forecast of the zoo in force has met its actuals yet"
    assert set(result.metadata) == {"bins", "signs"}
