"""What assets show of champion and challenger: the verdict in words and numbers, and where the one overtook the other.

The comparison is made in `loopcast.loop.zoos.challenge`.
"""

from typing import Any

import dagster as dg
import pandas as pd

from loopcast.loop.zoos.shadow import ShadowTurn
from loopcast.loop.zoos.verdicts import Verdict
from loopcast.orchestration.charts import draw_duel, to_markdown_image
from loopcast.orchestration.describe import describe_numbers


def describe_verdict(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as metadata; figures that there are not are left out."""
    figures = {
        "champion_mae": verdict.champion_mae,
        "challenger_mae": verdict.challenger_mae,
        "p_value": verdict.p_value,
        "forecasts_compared": verdict.n,
    }
    return {
        "verdict": verdict.outcome.replace("_", " "),
        "verdict_rule": verdict.rule.replace("_", " "),
        "verdict_reason": verdict.reason,
        "champion_zoo": verdict.champion or "none",
        **describe_numbers({name: value for name, value in figures.items() if value is not None}),
    }


def describe_shadow(turn: ShadowTurn | None) -> dict[str, Any]:
    """Return what became of the challenger in a turn as metadata; nothing where there is none."""
    if turn is None:
        return {}
    told: dict[str, Any] = {"challenger": turn.challenger.zoo}
    if turn.forecast is not None:
        number, versions = turn.forecast.facts["number"], turn.challenger.versions
        told |= {"shadow_forecast": f"{number} of {versions}", "shadow_digest": turn.forecast.digest}
    return {**told, **(describe_verdict(turn.verdict) if turn.verdict else {})}


def describe_losses(losses: pd.DataFrame, *, title: str, unit: str) -> dict[str, dg.MarkdownMetadataValue]:
    """Return the chart of the cumulative loss difference as metadata; nothing where nothing was compared."""
    if losses.empty:
        return {}
    return {"duel": dg.MetadataValue.md(to_markdown_image(draw_duel(losses, title=title, unit=unit), text=title))}
