"""All use cases at a glance, as one asset of the code location: the page to open in the morning.

What is told of each is in `loopcast.loop.overview`.
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg
import pandas as pd

from loopcast.loop.board import Board
from loopcast.loop.overview import Overview, to_row
from loopcast.loop.project import Settings
from loopcast.orchestration.automation import overview_condition
from loopcast.orchestration.charts import draw_trends, to_markdown_image
from loopcast.orchestration.describe import describe_table
from loopcast.orchestration.names import OVERVIEW, Names
from loopcast.orchestration.run_health import RunHealth
from loopcast.orchestration.stage import current_time, explain_failures

MOST_TRENDS = 12
DESCRIPTION = """\
Every use case at a glance: its status in one word and why, its newest version, accuracy now and as promised, the zoo in
force, the last decision, what comes next, and what needs a person.

Made anew when a use case has reflected, at most every five minutes;
`loopcast overview` and `/metrics` tell the moment."""


def build_overview(use_cases: Sequence[str], *, settings: Settings) -> dg.AssetsDefinition:
    """Return `overview`, which runs after the use cases' reflections.

    Args:
        use_cases: their names.
        settings: where they and their lake are.
    """

    @dg.asset(
        key=OVERVIEW,
        group_name="platform",
        kinds={"python"},
        description=DESCRIPTION,
        deps=[Names(name).asset("reflection") for name in use_cases],
        automation_condition=overview_condition(),
    )
    def overview(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        now = current_time()
        with explain_failures():
            found = Board(settings).describe(now=now, failed=RunHealth(context.instance).list_failed(now=now))
        return _describe_overview(found)

    return overview


def _describe_overview(found: Sequence[Overview]) -> dg.MaterializeResult[None]:
    rows = [to_row(one) for one in found]
    needs = [f"- **{one.use_case}**: {one.why}: {one.needs}" for one in found if one.needs]
    trends = pd.DataFrame(
        [(one.use_case, version, mae) for one in found for version, mae in one.recent.trend],
        columns=["use_case", "version", "mae"],
    )
    metadata: dict[str, Any] = {
        "use_cases": describe_table(pd.DataFrame(rows), limit=len(rows)),
        "needs_a_person": dg.MetadataValue.md("\n".join(needs) or "Nothing."),
        "count_use_cases": len(found),
        "count_not_fine": sum(one.status != "fine" for one in found),
        "count_needs_a_person": len(needs),
    }
    if len(trends):
        shown = trends[trends["use_case"].isin(list(dict.fromkeys(trends["use_case"]))[:MOST_TRENDS])]
        title = "Error of the newest reports"
        metadata["chart"] = dg.MetadataValue.md(to_markdown_image(draw_trends(shown, title=title), text=title))
    return dg.MaterializeResult(metadata=metadata)
