"""The picture of the lifecycle benchmark: error, promise, events and decisions over the versions."""

from collections.abc import Sequence

import altair as alt
import pandas as pd
import vl_convert
from lifecycle_report import Step

from loopcast.orchestration.charts import ACCENT, HEIGHT, INK, QUIET, WIDTH


def draw_lifecycle(steps: Sequence[Step], events: pd.DataFrame) -> str:
    """Return an SVG.

    Args:
        steps: what became of each update, in order.
        events: see `lifecycle_report.tabulate_events`.
    """
    rows = pd.DataFrame(
        [
            {
                "number": int(step.version[1:]),
                "mae": step.mae,
                "promise": step.promise,
                "action": step.action.split("(")[0],
            }
            for step in steps
        ]
    )
    top = float(rows["mae"].max())
    starts = pd.DataFrame({"number": events["at"].str[1:].astype(int), "event": events["event"], "top": top})
    base = alt.Chart(rows).encode(x=alt.X("number:Q", title="version", scale=alt.Scale(nice=False)))
    error = base.mark_line(color=INK, point=True).encode(y=alt.Y("mae:Q", title="mean absolute error, vehicles/h"))
    promise = base.mark_line(color=QUIET, interpolate="step-after", strokeDash=[4, 3]).encode(y="promise:Q")
    decided = rows[rows["action"] != ""]
    marks = alt.Chart(decided).mark_point(color=ACCENT, filled=True, size=90, shape="triangle-up").encode(
        x="number:Q", y=alt.datum(0)
    )  # fmt: skip
    lines = alt.Chart(starts).mark_rule(color=ACCENT, opacity=0.5).encode(x="number:Q")
    words = alt.Chart(starts).mark_text(angle=270, align="right", dy=-5, color=ACCENT).encode(
        x="number:Q", y="top:Q", text="event:N"
    )  # fmt: skip
    title = (
        "Error of each report, the promise of its zoo (dashed), what was planted, builds that were decided (triangles)"
    )
    chart = alt.layer(lines, promise, error, marks, words).properties(
        width=int(1.5 * WIDTH), height=int(1.2 * HEIGHT), title=title, background="white"
    )
    return str(vl_convert.vegalite_to_svg(chart.to_dict(validate=False)))
