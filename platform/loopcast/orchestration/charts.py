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


def draw_control(points: pd.DataFrame, *, title: str, unit: str) -> str:
    """Return an SVG of a control chart: the values, the limits, and the values beyond them.

    Args:
        points: columns `timestamp`, `value`, `lower`, `upper`; time order.
        title: printed above the chart.
        unit: unit of the values.
    """
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


def to_markdown_image(svg: str, *, text: str) -> str:
    """Return Markdown that holds the picture itself, so that it needs no file beside it."""
    return f"![{text}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"


def _render(chart: alt.Chart | alt.LayerChart, *, title: str) -> str:
    sized = chart.properties(width=WIDTH, height=HEIGHT, title=title, background="white")
    # Kept with every materialization: a PNG is eight times as large, a tenth of a pixel is enough.
    svg = str(vl_convert.vegalite_to_svg(sized.to_json()))
    return LONG_NUMBER.sub(r"\1", MARK_LABEL.sub("", svg))
