"""What a zoo is, for people: its models one by one, members with their reasons, terms with coefficients, difficulty.

Values and tables from a zoo alone; the document itself is in `loopcast.zoo.document`.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from loopcast.zoo.members.registry import make_member
from loopcast.zoo.zoo import Block, Zoo

Json = dict[str, Any]


def summarize(zoo: Zoo) -> Json:
    """Return the readable part of a zoo's document: one entry per model, of the first series of each block.

    Each tells where the model stands (`model_index`, `time_of_day`, `samples_ahead`), the ends of its interval relative
    to the forecast, the last target it saw, which variables it looks at and how far, and its terms: by member, with
    their coefficient where they have one, and their importance in percent of the model.
    """
    models = describe_models(zoo)
    terms = dict(iter(describe_terms(zoo).drop(columns="variable").groupby("model_index")))
    offsets = [describe_offsets(block) for block in zoo.blocks]
    entries = [
        {
            **row,
            "offsets": offsets[number],
            "terms": to_rows(terms[row["model_index"]].drop(columns="model_index")),
        }
        for row, number in zip(to_rows(models.drop(columns="block")), models["block"], strict=True)
    ]
    return {"members": to_rows(describe_members(zoo)), "models": entries}


def to_rows(table: pd.DataFrame) -> list[Json]:
    """Return a table's rows as JSON values, without cells that are missing."""
    return [
        {str(name): value for name, value in row.items() if not (isinstance(value, float) and np.isnan(value))}
        for row in table.to_dict("records")
    ]


def describe_models(zoo: Zoo, *, series: int = 0) -> pd.DataFrame:
    """Return one row per model: where it stands, its interval, the last target it saw, and its block.

    Args:
        zoo: the zoo.
        series: which of each block's series; `lower` and `upper` are relative to the forecast.
    """
    rows = []
    for number, block in enumerate(zoo.blocks):
        row = min(series, len(block.series) - 1)
        nothing = np.zeros((len(block.series), 1, block.situation.steps))
        lower, upper = (ends[row, 0] for ends in block.intervals.around(nothing, level=zoo.spec.level))
        moment = f"{block.situation.time_of_day // 60:02d}:{block.situation.time_of_day % 60:02d}"
        last = str(block.until[row]).split(".")[0]
        rows += [
            {
                "model_index": block.first_index + step,
                "time_of_day": moment,
                "samples_ahead": step + 1,
                "lower": float(lower[step]),
                "upper": float(upper[step]),
                "last_target": last,
                "block": number,
            }
            for step in range(block.situation.steps)
        ]
    return pd.DataFrame(rows)


def describe_members(zoo: Zoo) -> pd.DataFrame:
    """Return which members take part and which do not: `member`, `takes_part`, `weight_pct`, `reason`."""
    weights: dict[str, list[float]] = {}
    for block in zoo.blocks:
        for number, member in enumerate(block.members):
            weights.setdefault(member.name, []).append(100.0 * float(block.weights[..., number].mean()))
    failed = {failure.member: failure.error for failure in zoo.failures}
    rows: dict[str, Json] = {}
    for choice in (choice for block in zoo.blocks for choice in block.choices):
        name = make_member(choice.spec).name
        reason = f"failed: {failed[name]}" if name in failed else choice.reason
        share = float(np.mean(weights[name])) if name in weights else None
        rows.setdefault(name, {"member": name, "takes_part": name in weights, "weight_pct": share, "reason": reason})
    for name in (name for name in weights if name not in rows):
        rows[name] = {"member": name, "takes_part": True, "weight_pct": float(np.mean(weights[name])), "reason": ""}
    ordered = sorted(rows.values(), key=lambda row: -(row["weight_pct"] if row["weight_pct"] is not None else -1.0))
    return pd.DataFrame(ordered, columns=["member", "takes_part", "weight_pct", "reason"])


def describe_offsets(block: Block) -> list[Json]:
    """Return how far the models of a block look, per variable: `variable`, `from`, `to` in steps from the origin."""
    found: dict[str, tuple[int, int]] = {}
    for offset in (offset for member in block.members for offset in member.offsets()):
        first, last = found.get(offset.variable, (offset.first, offset.last))
        found[offset.variable] = (min(first, offset.first), max(last, offset.last))
    return [{"variable": name, "from": first, "to": last} for name, (first, last) in found.items()]


def describe_terms(zoo: Zoo, *, series: int = 0, model_index: int | None = None) -> pd.DataFrame:
    """Return the terms of the models: `model_index`, `member`, `term`, `variable`, `coefficient`, `importance_pct`.

    Importances of a model sum to 100: each member's own, times its weight. A member that has no coefficients, such as
    trees, has one row per variable.

    Args:
        zoo: the zoo.
        series: which of each block's series.
        model_index: one model alone; None: all.
    """
    parts = [part for block in zoo.blocks for part in _list_terms(block, min(series, len(block.series) - 1))]
    table = pd.concat(parts, ignore_index=True)
    chosen = table if model_index is None else table[table["model_index"] == model_index]
    return chosen.sort_values(["model_index", "importance_pct"], ascending=[True, False], ignore_index=True)


def _list_terms(block: Block, row: int) -> Iterator[pd.DataFrame]:
    steps = block.situation.steps
    for number, member in enumerate(block.members):
        terms, shares = member.term_importances()
        share = np.broadcast_to(block.weights[row], (steps, len(block.members)))[:, number]
        count, found = len(terms), member.term_coefficients(row)
        yield pd.DataFrame(
            {
                "model_index": np.repeat(block.first_index + np.arange(steps), count),
                "member": member.name,
                "term": [term.name for term in terms] * steps,
                "variable": [term.variable for term in terms] * steps,
                "coefficient": np.full(steps * count, np.nan) if found is None else found.ravel(),
                "importance_pct": (np.broadcast_to(shares, (steps, count)) * share[:, None]).ravel(),
            }
        )
