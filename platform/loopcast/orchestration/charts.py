"""Charts of the loop's outputs as SVG: one Altair definition each, drawn without a browser or the network.

What is in the frames is decided elsewhere; here it is only drawn.
"""

import base64
import re

import altair as alt
import numpy as np
import pandas as pd
import vl_convert

WIDTH, HEIGHT = 640, 260
MOST_POINTS = WIDTH // 2
LONG_NUMBER = re.compile(r"(\d+\.\d)\d+")
MARK_LABEL = re.compile(r' (?:aria-label|aria-roledescription|role)="[^"]*"')
INK, ACCENT, QUIET = "#1f3b57", "#d1495b", "#8d99ae"


def draw_forecast(history: pd.DataFrame, forecast: pd.DataFrame, *, title: str, unit: str) -> str:
    """Return an SVG of the last actual values and the forecast with its interval.

    Args:
        history: columns `timestamp`, `value`; one series.
        forecast: columns `timestamp`, `forecast`, `lower`, `upper`; the same series.
        title: printed above the chart.
        unit: unit of the values.
    """
    axis = alt.Y("value:Q", title=unit or None, scale=alt.Scale(zero=False))
    actual = alt.Chart(history).mark_line(color=INK).encode(x=alt.X("timestamp:T", title=None), y=axis)
    band = alt.Chart(forecast).mark_area(color=ACCENT, opacity=0.2).encode(x="timestamp:T", y="lower:Q", y2="upper:Q")
    line = alt.Chart(forecast).mark_line(color=ACCENT).encode(x="timestamp:T", y="forecast:Q")
    return _render(alt.layer(band, actual, line), title=title)


def draw_history(history: pd.DataFrame, *, title: str, unit: str) -> str:
    """Return an SVG of values over time.

    Args:
        history: columns `timestamp`, `value`; one series.
        title: printed above the chart.
        unit: unit of the values.
    """
    axis = alt.Y("value:Q", title=unit or None, scale=alt.Scale(zero=False))
    chart = alt.Chart(history).mark_line(color=INK).encode(x=alt.X("timestamp:T", title=None), y=axis)
    return _render(chart, title=title)


def draw_accuracy(errors: pd.DataFrame, *, title: str, unit: str) -> str:
    """Return an SVG of the mean absolute error per version, the forecast's and the seasonal naives'.

    Args:
        errors: columns `version`, `who`, `mae`.
        title: printed above the chart.
        unit: unit of the errors.
    """
    chart = (
        alt.Chart(errors)
        .mark_line(point=True)
        .encode(
            x=alt.X("version:O", title=None, axis=alt.Axis(labelOverlap=True)),
            y=alt.Y("mae:Q", title=f"mean absolute error {unit}".strip()),
            color=alt.Color("who:N", title=None),
        )
    )
    return _render(chart, title=title)


def draw_trends(errors: pd.DataFrame, *, title: str) -> str:
    """Return an SVG of the mean absolute error per version, one small chart per use case, each on its own scale.

    Args:
        errors: columns `use_case`, `version`, `mae`.
        title: printed above the charts.
    """
    chart = (
        alt.Chart(errors)
        .mark_line(color=INK, point=True)
        .encode(
            x=alt.X("version:O", title=None, axis=alt.Axis(labels=False, ticks=False)),
            y=alt.Y("mae:Q", title=None, axis=alt.Axis(tickCount=3)),
        )
        .properties(width=WIDTH // 3, height=HEIGHT // 4)
        .facet(facet=alt.Facet("use_case:N", title=None), columns=2, title=title)
        .resolve_scale(x="independent", y="independent")
        .configure(background="white")
    )
    return _shorten(str(vl_convert.vegalite_to_svg(chart.to_dict(validate=False))))


def draw_duel(losses: pd.DataFrame, *, title: str, unit: str) -> str:
    """Return an SVG of how far a challenger is ahead of the champion: their loss difference, summed up over origins.

    Where the line rises the challenger was better, where it falls the champion.

    Args:
        losses: columns `cutoff`, `champion`, `challenger`, see `loopcast.reflection.duel`; oldest first.
        title: printed above the chart.
        unit: unit of the errors.
    """
    ahead = losses.assign(ahead=(losses["champion"] - losses["challenger"]).cumsum())
    base = alt.Chart(ahead).encode(x=alt.X("cutoff:T", title=None))
    axis = alt.Y("ahead:Q", title=f"challenger ahead, sum of errors {unit}".strip())
    zero = alt.Chart(pd.DataFrame({"level": [0.0]})).mark_rule(color=QUIET, strokeDash=[4, 3]).encode(y="level:Q")
    return _render(alt.layer(zero, base.mark_line(color=INK, point=True).encode(y=axis)), title=title)


def draw_steps(table: pd.DataFrame, *, title: str, unit: str) -> str:
    """Return an SVG of the mean absolute error and the bias by samples ahead.

    Args:
        table: columns `samples_ahead`, `mae`, `bias`.
        title: printed above the chart.
        unit: unit of the errors.
    """
    long = table.melt("samples_ahead", ["mae", "bias"], var_name="measure", value_name="error")
    chart = (
        alt.Chart(long)
        .mark_line(point=True)
        .encode(
            x=alt.X("samples_ahead:Q", title="samples ahead", axis=alt.Axis(tickMinStep=1)),
            y=alt.Y("error:Q", title=unit or None),
            color=alt.Color("measure:N", title=None),
        )
    )
    return _render(chart, title=title)


def draw_score(scores: pd.DataFrame, *, title: str) -> str:
    """Return an SVG of a score per version and of what it must not exceed.

    Args:
        scores: columns `version`, `score`, `limit`.
        title: printed above the chart.
    """
    x = alt.X("version:O", title=None, axis=alt.Axis(labelOverlap=True))
    base = alt.Chart(scores).encode(x=x)
    line = base.mark_line(color=INK, point=True).encode(y=alt.Y("score:Q", title="standard deviations"))
    limit = base.mark_line(color=QUIET, strokeDash=[4, 3]).encode(y="limit:Q")
    beyond = alt.Chart(scores[scores["score"] > scores["limit"]])
    marks = beyond.mark_point(color=ACCENT, filled=True, size=60).encode(x=x, y="score:Q")
    return _render(alt.layer(limit, line, marks), title=title)


def draw_control(points: pd.DataFrame, *, title: str, unit: str) -> str:
    """Return an SVG of a control chart: the newest values, the limits, and the values beyond them.

    Args:
        points: columns `timestamp`, `value`, `lower`, `upper`; time order.
        title: printed above the chart.
        unit: unit of the values.
    """
    points = points.tail(MOST_POINTS)
    base = alt.Chart(points).encode(x=alt.X("timestamp:T", title=None))
    line = base.mark_line(color=INK, strokeWidth=1).encode(y=alt.Y("value:Q", title=unit))
    limits = [base.mark_line(color=QUIET, strokeDash=[4, 3]).encode(y=f"{side}:Q") for side in ("lower", "upper")]
    beyond = alt.Chart(points[(points["value"] > points["upper"]) | (points["value"] < points["lower"])])
    marks = beyond.mark_point(color=ACCENT, filled=True).encode(x="timestamp:T", y="value:Q")
    return _render(alt.layer(*limits, line, marks), title=title)


def draw_bars(frame: pd.DataFrame, *, label: str, value: str, title: str, unit: str) -> str:
    """Return an SVG of labelled bars, in the order of the rows.

    Args:
        frame: columns `label` and `value`.
        label: the column that names the bars.
        value: the column that gives their length.
        title: printed above the chart.
        unit: unit of the values.
    """
    chart = (
        alt.Chart(frame)
        .mark_bar(color=INK)
        .encode(
            x=alt.X(f"{value}:Q", title=unit),
            y=alt.Y(f"{label}:N", title=None, sort=None),
        )
    )
    return _render(chart, title=title)


def draw_waterfall(steps: pd.DataFrame, *, title: str, unit: str) -> str:
    """Return an SVG of the steps from one value to another, downwards in the order of the rows.

    Args:
        steps: see `loopcast.reflection.root_cause.stack_steps`.
        title: printed above the chart.
        unit: unit of the values.
    """
    amount = steps["after"] - steps["before"]
    numbers = [
        f"{value:.5g}" if change == 0 else f"{change:+.4g}"
        for change, value in zip(amount, steps["after"], strict=True)
    ]
    shown = steps.assign(label=steps["label"] + "  " + numbers, colour=np.where(amount < 0, ACCENT, INK))
    chart = (
        alt.Chart(shown)
        .mark_bar(stroke=INK, strokeWidth=1)  # so that a value, a bar without length, is a line
        .encode(
            x=alt.X("before:Q", title=unit or None, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=5)),
            x2="after:Q",
            y=alt.Y("label:N", title=None, sort=None, axis=alt.Axis(labelLimit=300)),
            color=alt.Color("colour:N", scale=None),
        )
    )
    return _render(chart, title=title)


def draw_shares(shares: pd.DataFrame, *, title: str) -> str:
    """Return an SVG of shares over samples ahead, stacked to 100 percent, in the order of the rows.

    Args:
        shares: columns `samples_ahead`, `name`, `share_pct`.
        title: printed above the chart.
    """
    names = list(dict.fromkeys(shares["name"]))
    place = shares["name"].map({name: number for number, name in enumerate(names)})
    chart = (
        alt.Chart(shares.assign(place=place))
        .mark_area()
        .encode(
            x=alt.X("samples_ahead:Q", title="samples ahead", scale=alt.Scale(nice=False), axis=alt.Axis(grid=False)),
            y=alt.Y("share_pct:Q", title="percent", stack="zero", scale=alt.Scale(domain=[0, 100])),
            color=alt.Color("name:N", title=None, sort=names, scale=alt.Scale(scheme="tableau20")),
            order=alt.Order("place:Q"),
        )
    )
    return _render(chart, title=title)


def draw_treemap(shares: pd.DataFrame, *, title: str) -> str:
    """Return an SVG of nested rectangles: their area is the importance, their colour the variable.

    Args:
        shares: columns `term`, `variable`, `importance_pct`.
        title: printed above the chart.
    """
    variables = list(dict.fromkeys(shares["variable"]))
    rows = [{"id": "all"}, *({"id": variable, "parent": "all"} for variable in variables)]
    for number, row in enumerate(shares.to_dict("records")):
        size, name = float(row["importance_pct"]), f"{row['term']} {row['importance_pct']:.1f} %"
        rows.append({"id": f"#{number}", "parent": row["variable"], "name": name, "size": size})
    layout = {"type": "treemap", "field": "size", "sort": {"field": "value", "order": "descending"}, "round": True,
              "paddingInner": 1, "size": [{"signal": "width"}, {"signal": "height"}]}  # fmt: skip
    transform = [{"type": "stratify", "key": "id", "parentKey": "parent"}, layout]
    corners = {"x": {"field": "x0"}, "x2": {"field": "x1"}, "y": {"field": "y0"}, "y2": {"field": "y1"}}
    words = {"text": {"field": "name"}, "x": {"field": "x0", "offset": 4}, "y": {"field": "y0", "offset": 12},
             "limit": {"signal": "datum.x1 - datum.x0 - 6"}, "fill": {"value": "white"},
             "fontSize": {"value": 10}}  # fmt: skip
    leaves = {"type": "filter", "expr": "datum.size > 0"}
    spec = {
        "$schema": "https://vega.github.io/schema/vega/v6.json",
        "width": WIDTH,
        "height": HEIGHT,
        "background": "white",
        "title": {"text": title},
        "data": [
            {"name": "tree", "values": rows, "transform": transform},
            {"name": "leaves", "source": "tree", "transform": [leaves]},
            {
                "name": "readable",
                "source": "leaves",
                "transform": [{"type": "filter", "expr": "datum.x1 - datum.x0 > 40 && datum.y1 - datum.y0 > 14"}],
            },
        ],
        "scales": [{"name": "colour", "type": "ordinal", "domain": variables, "range": {"scheme": "category10"}}],
        "legends": [{"fill": "colour"}],
        "marks": [
            {
                "type": "rect",
                "from": {"data": "leaves"},
                "encode": {"update": {**corners, "fill": {"scale": "colour", "field": "parent"}}},
            },
            {"type": "text", "from": {"data": "readable"}, "encode": {"update": words}},
        ],
    }
    return _shorten(str(vl_convert.vega_to_svg(spec)))


def draw_policies(policies: pd.DataFrame, *, title: str, unit: str) -> str:
    """Return an SVG of policies side by side: error, CPU seconds by stage, builds and alarms.

    Args:
        policies: one row each: see `loopcast.loop.past.comparison.compare_policies`.
        title: printed above the chart.
        unit: unit of the errors.
    """
    stages = ["forecast_s", "judge_s", "build_s"]
    spent = policies.melt("policy", stages, var_name="stage", value_name="seconds")
    counts = policies.melt("policy", ["builds", "alarms"], var_name="what", value_name="times")
    rows = alt.Y("policy:N", title=None, sort=None)
    error = alt.X("mae:Q", title=f"mean absolute error {unit}".strip())
    panels = [
        alt.Chart(policies).mark_bar(color=INK).encode(x=error, y=rows),
        alt.Chart(spent)
        .mark_bar()
        .encode(
            x=alt.X("seconds:Q", title="CPU seconds"),
            y=rows,
            color=alt.Color("stage:N", title=None, sort=stages, scale=alt.Scale(range=[ACCENT, QUIET, INK])),
        ),
        alt.Chart(counts)
        .mark_bar()
        .encode(
            x=alt.X("times:Q", title="builds, alarms"),
            y=rows,
            yOffset="what:N",
            color=alt.Color("what:N", title=None, sort=None, scale=alt.Scale(range=[INK, ACCENT])),
        ),
    ]
    joined = alt.vconcat(*(panel.properties(width=WIDTH, height=HEIGHT // 2) for panel in panels))
    shown = joined.resolve_scale(color="independent").properties(title=title, background="white")
    return _shorten(str(vl_convert.vegalite_to_svg(shown.to_dict(validate=False))))


def to_png(svg: str) -> bytes:
    """Return a picture as PNG, at twice its size."""
    return bytes(vl_convert.svg_to_png(svg, scale=2))


def to_markdown_image(svg: str, *, text: str) -> str:
    """Return Markdown that holds the picture itself, so that it needs no file beside it."""
    return f"![{text}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"


def _render(chart: alt.Chart | alt.LayerChart, *, title: str) -> str:
    sized = chart.properties(width=WIDTH, height=HEIGHT, title=title, background="white")
    # Checking it against the schema would take longer than drawing it.
    return _shorten(str(vl_convert.vegalite_to_svg(sized.to_dict(validate=False))))


def _shorten(svg: str) -> str:
    # Kept with every materialization: a PNG is eight times as large, a tenth of a pixel is enough.
    return LONG_NUMBER.sub(r"\1", MARK_LABEL.sub("", svg))
