"""How each forecast of a zoo adds up, as a table: the weighted addends of every member. They sum to the forecast.

Comparing two forecasts (the change view) belongs to reflection.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from loopcast.zoo.arrays import FloatArray, IntArray
from loopcast.zoo.choice import find_rows, find_series
from loopcast.zoo.corrections.base import Made
from loopcast.zoo.members.base import Term
from loopcast.zoo.panel import Panel
from loopcast.zoo.predict import Rows, forecast_rows
from loopcast.zoo.steps import Asked, Steps, predict_steps
from loopcast.zoo.zoo import Block, Zoo

ROUNDING = 1e-9


def explain(zoo: Zoo, panel: Panel) -> pd.DataFrame:
    """Return the contributions to the forecasts that `predict` returns for the same arguments.

    Members share one table, each multiplied by the weight it really had. The term `bounds` is what clipping to the
    prediction bounds took away or added; a forecast that no model made is one term of the member `seasonal_naive`.

    Returns:
        See `loopcast.schemas.contribution_schema`; zero contributions are left out.
    """
    steps = predict_steps(zoo, panel)
    rows = forecast_rows(zoo, steps)
    parts = list(explain_blocks(zoo, steps, rows, find_series(zoo, steps.panel)))
    total = np.zeros(len(rows.series))
    for part in parts:
        np.add.at(total, part["row"].to_numpy(), part["contribution"].to_numpy())
    parts += list(explain_rest(steps, rows, total))
    table = pd.concat(parts, ignore_index=True).sort_values("row", kind="stable")
    return (
        rows.identify(steps, table["row"].to_numpy())
        .assign(
            **{name: table[name].to_numpy() for name in ("member", "term", "variable")},
            contribution=table["contribution"].to_numpy(),
        )
        .astype(dict.fromkeys(["member", "term", "variable"], "str"))
    )


def explain_blocks(zoo: Zoo, steps: Steps, rows: Rows, series: IntArray) -> Iterator[pd.DataFrame]:
    """Yield each member's addends for the rows its block was asked for."""
    modelled = steps.model_index[rows.series, rows.step - 1] >= 0
    for number, asked in steps.asked.items():
        block = zoo.blocks[number]
        place = find_rows(block, series)
        row = np.flatnonzero((steps.block[rows.series] == number) & modelled)
        owner = rows.series[row]
        inside = rows.step[row] - 1 - steps.lead[owner]
        for member in block.members:
            column = zoo.member_names.index(member.name)
            share = steps.weights[owner, rows.step[row] - 1, column]
            made = member.contributions(asked.panel, asked.origins)
            values = np.nan_to_num(made.addends[place[owner], 0, inside]) * share[:, None]
            yield melt(row, values, made.terms, member.name)
        yield from explain_corrections(block, asked, row, (place[owner], 0, inside))


def explain_corrections(
    block: Block, asked: Asked, row: IntArray, cells: tuple[IntArray, int, IntArray]
) -> Iterator[pd.DataFrame]:
    """Yield the addends of each correction for some rows; `cells` are where they stand in the block's arrays."""
    names = tuple(member.name for member in block.members)
    for number, correction in enumerate(block.corrections):
        before = Made(asked.panel, asked.origins, names, asked.made, asked.stages[..., number])
        found = correction.contributions(before)
        yield melt(row, np.nan_to_num(found.addends[cells]), found.terms, f"correction_{correction.kind}")


def melt(row: IntArray, values: FloatArray, terms: tuple[Term, ...], member: str) -> pd.DataFrame:
    """Return the addends that are not zero, one per line.

    Args:
        row: number of the forecast table's row, shape (R,).
        values: shape (R, K).
        terms: K terms.
        member: whose they are.
    """
    line, column = np.nonzero(values)
    names = np.array([term.name for term in terms], dtype=object)[column]
    variables = np.array([term.variable for term in terms], dtype=object)[column]
    columns = {"row": row[line], "member": member, "term": names, "variable": variables}
    return pd.DataFrame({**columns, "contribution": values[line, column]})


def explain_rest(steps: Steps, rows: Rows, total: FloatArray) -> Iterator[pd.DataFrame]:
    """Yield what no member's addends account for: clipping to the bounds, and forecasts that no model made."""
    forecast = steps.forecast[rows.series, rows.step - 1]
    rest = forecast - total
    modelled = steps.model_index[rows.series, rows.step - 1] >= 0
    target = steps.panel.spec.target
    clipped = np.flatnonzero(modelled & (np.abs(rest) > ROUNDING * np.maximum(1.0, np.abs(forecast))))
    yield melt(clipped, rest[clipped, None], (Term("bounds", ""),), "combination")
    naive = np.flatnonzero(~modelled)
    yield melt(naive, rest[naive, None], (Term(f"{target}:seasonal_naive", target),), "seasonal_naive")
