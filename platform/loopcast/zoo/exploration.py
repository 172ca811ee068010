"""What a zoo is made of, as tables: terms by importance and by samples ahead, weights of the members per step.

All of it follows from the zoo alone. Drawing it does not belong here.
"""

import numpy as np
import pandas as pd

from loopcast.zoo.arrays import FloatArray
from loopcast.zoo.terms import share_term
from loopcast.zoo.zoo import Block, Zoo

OTHERS = "others"


def list_terms(zoo: Zoo) -> pd.DataFrame:
    """Return what each term counts for at each step, mean over series and times of day.

    A member's terms count by its weight at that step. A term that several members have is one.

    Returns:
        `samples_ahead`, `term`, `variable` (of products and of terms without one, see `loopcast.zoo.terms`, joined) and
        `importance_pct`, which sums to 100 over the terms of a step.
    """
    steps = max(block.situation.steps for block in zoo.blocks)
    total: dict[tuple[str, str], FloatArray] = {}
    reached = np.zeros(steps)
    for block in zoo.blocks:
        length, count = block.situation.steps, len(block.series)
        reached[:length] += count
        for member, weights in zip(block.members, mean_weights(block).T, strict=True):
            terms, shares = member.term_importances()
            values = count * weights[:, None] * np.broadcast_to(shares, (length, shares.shape[1]))
            for term, column in zip(terms, values.T, strict=True):
                added = total.setdefault((term.name, term.variable), np.zeros(steps))
                added[:length] += column
    names = [(name, " and ".join(share_term(name, variable))) for name, variable in total]
    table = pd.DataFrame(np.stack(list(total.values())) / reached, columns=range(1, steps + 1))
    table.insert(0, "term", pd.Series([name for name, _ in names], dtype="str"))
    table.insert(1, "variable", pd.Series([variable for _, variable in names], dtype="str"))
    long = table.melt(["term", "variable"], var_name="samples_ahead", value_name="importance_pct")
    return long.astype({"samples_ahead": "int64"})[["samples_ahead", "term", "variable", "importance_pct"]]


def rank_terms(terms: pd.DataFrame, *, n: int) -> pd.DataFrame:
    """Return the most important terms over all steps, largest first, and per variable the sum of the others.

    Args:
        terms: see `list_terms`.
        n: terms to keep.

    Returns:
        `term`, `variable`, `importance_pct`, summing to 100.
    """
    n_steps = terms["samples_ahead"].nunique()
    mean = terms.groupby(["term", "variable"], sort=False)[["importance_pct"]].sum().reset_index()
    mean = mean.assign(importance_pct=mean["importance_pct"] / n_steps)
    mean = mean.sort_values("importance_pct", ascending=False, kind="stable", ignore_index=True)
    rest = mean.iloc[n:].groupby("variable", sort=False)[["importance_pct"]].sum().reset_index().assign(term=OTHERS)
    kept = pd.concat([mean.iloc[:n], rest[rest["importance_pct"] > 0]], ignore_index=True)
    return kept[["term", "variable", "importance_pct"]].astype({"term": "str", "variable": "str"})


def share_by_step(terms: pd.DataFrame, *, n: int, most_steps: int = 48) -> pd.DataFrame:
    """Return the share of the most important terms at each step, and that of all others together.

    Args:
        terms: see `list_terms`.
        n: terms to keep.
        most_steps: steps to keep, evenly spread where there are more.

    Returns:
        `samples_ahead`, `name`, `share_pct`, in the order of the terms' importance.
    """
    names = terms.groupby("term", sort=False)["importance_pct"].sum().nlargest(n).index.tolist()
    named = terms.assign(name=terms["term"].where(terms["term"].isin(names), OTHERS))
    shares = named.groupby(["samples_ahead", "name"])["importance_pct"].sum().rename("share_pct").reset_index()
    order = {name: place for place, name in enumerate([*names, OTHERS])}
    shares = shares.assign(place=shares["name"].map(order)).sort_values(["place", "samples_ahead"], kind="stable")
    return thin_steps(shares.drop(columns="place"), most_steps=most_steps)


def weigh_members(zoo: Zoo, *, most_steps: int = 48) -> pd.DataFrame:
    """Return the weight of each member at each step, mean over series and times of day.

    Args:
        zoo: the zoo.
        most_steps: steps to keep, evenly spread where there are more.

    Returns:
        `samples_ahead`, `name`, `share_pct`, which sums to 100 over the members of a step.
    """
    parts = []
    for block in zoo.blocks:
        weights = mean_weights(block)
        steps, member = np.meshgrid(np.arange(1, len(weights) + 1), np.arange(len(block.members)), indexing="ij")
        names = np.array([member.name for member in block.members], dtype=object)[member.ravel()]
        part = pd.DataFrame({"samples_ahead": steps.ravel(), "name": names, "weight": weights.ravel()})
        parts.append(part.assign(weight=part["weight"] * len(block.series)))
    both = pd.concat(parts, ignore_index=True)
    shares = both.groupby(["name", "samples_ahead"], sort=False)["weight"].sum().rename("share_pct").reset_index()
    whole = shares.groupby("samples_ahead")["share_pct"].transform("sum")
    shares = shares.assign(share_pct=100.0 * shares["share_pct"] / whole, name=shares["name"].astype("str"))
    return thin_steps(shares[["samples_ahead", "name", "share_pct"]], most_steps=most_steps)


def mean_weights(block: Block) -> FloatArray:
    """Return the weights of a block's members per step, mean over its series, shape (H, M)."""
    weights = block.weights.mean(axis=0)
    return np.broadcast_to(weights, (block.situation.steps, weights.shape[1]))


def thin_steps(shares: pd.DataFrame, *, most_steps: int) -> pd.DataFrame:
    """Return the rows of so many steps at most, the first and the last among them."""
    steps = np.unique(shares["samples_ahead"])
    chosen = steps[np.unique(np.linspace(0, len(steps) - 1, most_steps).round().astype(np.int64))]
    return shares[shares["samples_ahead"].isin(chosen)].reset_index(drop=True)
