"""What a person could do where production is worse than promised: hints, in words, from the evidence.

Here belongs what each sign may mean. Not here: what the platform does by itself (`loopcast.reflection.rules`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from loopcast.reflection.deterioration import Judgement
from loopcast.reflection.evidence import Evidence

SIGNS = {
    "bias": "errors lean to one side: is something missing that moved the target, such as a price, a new customer, a "
    "changed meter? A predictor for it would help",
    "spread": "errors are larger or smaller about their mean: the target has become harder or easier; longer history "
    "of such times would help",
    "autocorrelation": "an error follows the one before it otherwise than it did: something slow is not among the "
    "predictors",
}


@dataclass(frozen=True)
class Signal:
    """A variable that is not as it used to be.

    Args:
        variable: its name.
        said: what was found, in words.
        since: from when on.
    """

    variable: str
    said: str
    since: str


def give_hints(
    evidence: Evidence, *, signals: tuple[Signal, ...], target: str, importances: Mapping[str, float]
) -> tuple[str, ...]:
    """Return what a person could do, the likeliest first; nothing while production is as promised.

    Args:
        evidence: of the decision.
        signals: variables that are not as they used to be.
        target: name of the target.
        importances: share of each variable in the zoo in force, percent.
    """
    unmet = [f"updates end where the zoo has no models: {said}" for said in evidence.situations_unmet]
    if not evidence.judgement.is_worse:
        return tuple(unmet)
    known = sorted(signals, key=lambda signal: -importances.get(signal.variable, 0.0))
    return (
        *(_tell_signal(signal, target=target, share=importances.get(signal.variable)) for signal in known),
        *_tell_bins(evidence.judgement),
        *(f"{SIGNS[sign.name]} (since {sign.since})" for sign in evidence.judgement.signs if sign.is_beyond),
        *unmet,
    )


def _tell_signal(signal: Signal, *, target: str, share: float | None) -> str:
    said = f"`{signal.variable}`: {signal.said} since {signal.since}"
    if signal.variable == target:
        return f"{said}. It is the target: if it was measured wrongly, send corrections"
    weight = "" if share is None else f", {share:.0f} % of what the zoo looks at"
    return f"{said}{weight}. Repair its source and send corrections, or leave it out of the use case until then"


def _tell_bins(judgement: Judgement) -> Iterator[str]:
    worse = [row for row in judgement.bins if row.is_worse and row.bin != "all" and row.promised_mae > 0]
    if worse and len(worse) < sum(row.bin != "all" for row in judgement.bins):
        worst = max(worse, key=lambda row: row.production_mae / row.promised_mae)
        yield (
            f"only some steps ahead are worse, {worst.bin} most: MAE {worst.production_mae:.6g}, promised "
            f"{worst.promised_mae:.6g}. Predictors known ahead for those steps would help"
        )
