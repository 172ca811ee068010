"""Why a forecast is what it is, from its contributions: by term, built up, by predictor, and next to an earlier one.

Pure arithmetic on contribution tables. Making these is `loopcast.zoo.explain`'s part; which versions and zoos are
compared, and which points are looked at, is decided elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from loopcast.zoo.terms import share_term

NOT_REPRODUCED, OTHERS = "not reproduced", "others"
CORRECTED_DATA, NEW_DATA = "corrected data", "new data"
OTHER_PREPROCESSING, RETRAINED_MODEL, OTHER_MODEL = "other preprocessing", "retrained model", "other model"
ROUNDING, NOTHING = 1e-9, 1e-12


@dataclass(frozen=True, eq=False)
class Stage:
    """Forecasts on the way from an earlier one to a later one.

    Args:
        part: what this stage has that the one before it has not, for instance `new data`.
        contributions: how the forecasts add up there; None where they could not be made.
    """

    part: str
    contributions: pd.DataFrame | None


def view_terms(contributions: pd.DataFrame, *, by: Sequence[str] = ()) -> pd.DataFrame:
    """Return the terms of each forecast, largest first; they sum to the forecast.

    Args:
        contributions: see `loopcast.schemas.contribution_schema`.
        by: columns that tell forecasts apart; none where there is only one.

    Returns:
        `by`, `term`, `variable`, and the `contribution` of all members that have the term together.
    """
    table = contributions.groupby([*by, "term", "variable"], sort=False)[["contribution"]].sum().reset_index()
    return sort_largest(table, by=by)


def name_members(terms: pd.DataFrame, contributions: pd.DataFrame) -> pd.DataFrame:
    """Return the term view of one forecast with the `members` of the zoo that have each term."""
    names = contributions.groupby(["term", "variable"], sort=False)["member"].agg(
        lambda found: ", ".join(dict.fromkeys(found))
    )
    return terms.merge(names.rename("members").reset_index(), on=["term", "variable"], how="left")


def view_build_up(terms: pd.DataFrame) -> pd.DataFrame:
    """Return one forecast's terms in their order, with the `value` after the first `i` of them."""
    built = terms.assign(i=np.arange(1, len(terms) + 1), value=terms["contribution"].cumsum())
    return built[["i", *terms.columns, "value"]]


def view_predictors(contributions: pd.DataFrame, *, by: Sequence[str] = ()) -> pd.DataFrame:
    """Return the contributions of each forecast summed by variable, largest first; they sum to the forecast.

    How products are shared, and what terms without a variable count for, is said by `loopcast.zoo.terms`.

    Args:
        contributions: any table with `term`, `variable` and `contribution`.
        by: columns that tell forecasts apart; none where there is only one.
    """
    pairs = list(zip(contributions["term"], contributions["variable"], strict=True))
    shares = {pair: share_term(*pair) for pair in set(pairs)}
    row = np.repeat(np.arange(len(pairs)), [len(shares[pair]) for pair in pairs])
    shared = contributions.iloc[row][list(by)].assign(
        variable=np.array([source for pair in pairs for source in shares[pair]], dtype=object),
        contribution=contributions["contribution"].to_numpy()[row]
        * [n for pair in pairs for n in shares[pair].values()],
    )
    table = shared.groupby([*by, "variable"], sort=False)[["contribution"]].sum().reset_index()
    return sort_largest(table.astype({"variable": "str"}), by=by)


def compare_stages(stages: Sequence[Stage], *, by: Sequence[str] = ()) -> pd.DataFrame:
    """Return why the forecasts of the last stage are not those of the first, largest first.

    Args:
        stages: the earlier forecasts first; each of the others changes one thing more. A stage that could not be made
            is passed over, and what it changes counts together with the next one, `new data + other model`. The last
            one must be there; without the first one nothing is said.
        by: columns that tell forecasts apart; none where there is only one.

    Returns:
        `by`, `part`, `term`, `variable`, `contribution`; they sum to the last forecast minus the first, exactly,
        because each part is the difference of two forecasts and each of these the sum of its contributions.
    """
    columns, pieces = [*by, "term", "variable", "contribution"], []
    known = _join_missing(stages) if stages[0].contributions is not None else []
    for (_, before), (part, after) in pairwise(known):
        minus = before[columns].assign(contribution=-before["contribution"])
        pieces.append(pd.concat([after[columns], minus], ignore_index=True).assign(part=part))
    if not pieces:
        nothing = pd.concat([stage.contributions for stage in stages if stage.contributions is not None]).iloc[:0]
        return nothing[columns].assign(part=pd.Series(dtype="str"))
    groups = pd.concat(pieces, ignore_index=True).groupby([*by, "part", "term", "variable"], sort=False)
    table = groups[["contribution"]].sum().reset_index().astype({"part": "str"})
    return sort_largest(table[table["contribution"].abs() > NOTHING], by=by)


def _join_missing(stages: Sequence[Stage]) -> list[tuple[str, pd.DataFrame]]:
    """Return the parts and contributions of the stages that are there, with the parts of those that are not."""
    found, waiting = [], list[str]()
    for stage in stages:
        waiting.append(stage.part)
        if stage.contributions is not None:
            found.append((" + ".join(waiting), stage.contributions))
            waiting = []
    return found


def sum_parts(changes: pd.DataFrame, *, by: Sequence[str] = ()) -> pd.DataFrame:
    """Return the parts of each change, largest first, with the variables that moved it most.

    Args:
        changes: see `compare_stages`.
        by: columns that tell forecasts apart; none where there is only one.

    Returns:
        `by`, `part`, `contribution`, `most`: the variables in words.
    """
    groups = [*by, "part"]
    words = tell_largest(view_predictors(changes, by=groups), by=groups)
    sums = changes.groupby(groups, sort=False)[["contribution"]].sum().reset_index()
    return sort_largest(sums.merge(words.rename(columns={"words": "most"}), on=groups), by=by)


def account_for(
    table: pd.DataFrame, totals: pd.DataFrame, *, by: Sequence[str], term: str = NOT_REPRODUCED
) -> pd.DataFrame:
    """Return contributions that sum to what was stored, with what they lack of it as rows of their own.

    Args:
        table: contributions of some forecasts, or of their changes.
        totals: `by` and `total`, what they ought to sum to, one row per forecast.
        by: columns that tell forecasts apart, at least one.
        term: name of the rows; they are there only where the difference is more than rounding.
    """
    sums = table.groupby(list(by), sort=False)["contribution"].sum().rename("sum").reset_index()
    found = totals[[*by, "total"]].merge(sums, on=list(by), how="left").fillna({"sum": 0.0})
    rest = found["total"] - found["sum"]
    lacking = rest.abs() > ROUNDING * found["total"].abs().clip(lower=1.0)
    if not lacking.any():
        return table
    named = {name: term if name in {"term", "part"} else "" for name in ("member", "part", "term", "variable")}
    texts = {name: text for name, text in named.items() if name in table.columns}
    rows = found.loc[lacking, list(by)].assign(**texts, contribution=rest[lacking])
    return pd.concat([table, rows.astype(dict.fromkeys(texts, "str"))], ignore_index=True)


def keep_largest(table: pd.DataFrame, n: int) -> pd.DataFrame:
    """Return the first rows of a view, and the sum of the others as one row more; the sum stays the same.

    Args:
        table: any view of one forecast or change, largest first.
        n: rows to keep, at least 1.
    """
    if len(table) <= n + 1:
        return table
    label = next(name for name in ("term", "variable", "part") if name in table.columns)
    rest = table.iloc[n:]
    row: dict[str, object] = dict.fromkeys(map(str, table.select_dtypes("str").columns), "")
    row |= {label: f"({len(rest)} {OTHERS})", "contribution": rest["contribution"].sum()}
    last = {name: rest[name].iloc[-1] for name in ("i", "value") if name in table.columns}
    return pd.concat([table.iloc[:n], pd.DataFrame([row | last])], ignore_index=True)


def stack_steps(causes: pd.DataFrame, *, start: tuple[str, float] | None, end: str, n: int) -> pd.DataFrame:
    """Return the steps of a waterfall to a value: `label`, `before`, `after`.

    What it begins with and what it comes to are rows as well, with `before` equal to `after`.

    Args:
        causes: `term` and `contribution`, at least one, largest first.
        start: name and value of what it begins with; None: at zero, without a row for it.
        end: name of what it comes to.
        n: steps to keep between them; the others become one.

    Examples:
        >>> causes = pd.DataFrame({"term": ["wind"], "contribution": [2.0]})
        >>> stack_steps(causes, start=("before", 5.0), end="now", n=9)["after"].tolist()
        [5.0, 7.0, 7.0]
    """
    kept, first = keep_largest(causes, n), start[1] if start else 0.0
    values = [first, *(first + kept["contribution"].cumsum())]
    steps = {"label": [start[0] if start else "", *kept["term"], end], "before": [first, *values]}
    table = pd.DataFrame({**steps, "after": [*values, values[-1]]})
    return table if start else table.iloc[1:].reset_index(drop=True)


def sort_largest(table: pd.DataFrame, *, by: Sequence[str] = ()) -> pd.DataFrame:
    """Return the rows of each forecast by the size of their contribution, largest first."""
    order = table.assign(size=-table["contribution"].abs()).sort_values([*by, "size"], kind="stable").index
    return table.loc[order].reset_index(drop=True)


def tell_largest(view: pd.DataFrame, *, by: Sequence[str] = (), n: int = 3) -> pd.DataFrame:
    """Return the largest contributions of each forecast in `words`.

    Args:
        view: the predictor view, or any with `variable` and `contribution`, largest first.
        by: columns that tell forecasts apart; none where there is only one.
        n: how many.

    Examples:
        >>> view = pd.DataFrame({"day": [1, 1], "variable": ["load", "(holiday)"], "contribution": [4800.2, -2639.0]})
        >>> tell_largest(view, by=["day"])["words"].tolist()
        ['load +4800, (holiday) -2639']
    """
    names = view["variable"].where(view["variable"] != "", NOT_REPRODUCED)
    words = [f"{name} {amount:+.4g}" for name, amount in zip(names, view["contribution"], strict=True)]
    told = view[list(by)].assign(words=pd.Series(words, index=view.index, dtype="str"))
    return (
        told.groupby(list(by), sort=False).head(n).groupby(list(by), sort=False)["words"].agg(", ".join).reset_index()
    )
