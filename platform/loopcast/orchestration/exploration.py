"""A zoo as charts: its terms by importance and by samples ahead, its variables, its members' weights, its promise.

The tables are made in `loopcast.zoo.exploration`, from the zoo alone.
"""

import dagster as dg

from loopcast.loop.zoos.experiment import describe_importances, describe_promise
from loopcast.orchestration.charts import draw_bars, draw_shares, draw_treemap, to_markdown_image
from loopcast.orchestration.describe import describe_table
from loopcast.zoo.exploration import list_terms, rank_terms, share_by_step, weigh_members
from loopcast.zoo.zoo import Zoo

IN_TREEMAP, IN_SHARES = 30, 9


def describe_exploration(zoo: Zoo, *, name: str, unit: str) -> dict[str, dg.MetadataValue]:
    """Return the charts of a zoo, and its most important terms as a table, as metadata.

    Args:
        zoo: the zoo.
        name: what it is called in titles.
        unit: unit of its target.
    """
    terms, promise = list_terms(zoo), describe_promise(zoo)
    ranked = rank_terms(terms, n=IN_TREEMAP)
    of_variables = {"label": "variable", "value": "importance_pct", "unit": "importance, percent"}
    of_bins = {"label": "bin", "value": "mae", "unit": f"promised mean absolute error {unit}".strip()}
    titles = {
        "chart_terms": f"Terms of {name} by importance",
        "chart_terms_by_horizon": f"Terms of {name} by samples ahead",
        "chart_variables": f"What the forecasts of {name} are made from",
        "chart_weights": f"Weights of the members of {name}",
        "chart_promise": f"What {name} promises",
    }
    drawn = {
        "chart_terms": draw_treemap(ranked, title=titles["chart_terms"]),
        "chart_terms_by_horizon": draw_shares(
            share_by_step(terms, n=IN_SHARES), title=titles["chart_terms_by_horizon"]
        ),
        "chart_variables": draw_bars(describe_importances(zoo), title=titles["chart_variables"], **of_variables),
        "chart_weights": draw_shares(weigh_members(zoo), title=titles["chart_weights"]),
        "chart_promise": draw_bars(promise, title=titles["chart_promise"], **of_bins),
    }
    charts = {key: dg.MetadataValue.md(to_markdown_image(svg, text=titles[key])) for key, svg in drawn.items()}
    return {**charts, "terms": describe_table(ranked)}
