"""Golden data: the same three updates for ever, so that a change of code that changes the data is seen.

When the code changes, these data stay; when the data change, the checks of `loopcast.loop.stage_checks` judge them.
"""

from pathlib import Path

from loopcast.loop.production import FORECASTS
from made_use_case import make_project, take_turn


def hours(first: int, last: int) -> str:
    """Return rows of whole numbers, made by integer arithmetic alone: a daily cycle with a ripple."""
    rows = []
    for hour in range(first, last):
        day, of_day = divmod(hour, 24)
        count = 100 + 5 * min(of_day, 24 - of_day) + hour * hour % 13
        rows.append(f"2024-{1 + day // 28:02d}-{1 + day % 28:02d} {of_day:02d}:00,{count},{int(hour % 10 == 0)}")
    return "\n".join(rows)


HEADER = "at,count,promotion"
UPDATES = {
    "v00000001": f"{HEADER}\n{hours(0, 24 * 28)}\n",
    "v00000002": "count,at\n120,2024-01-28 22:00\n,2024-01-28 23:00\n",
    "v00000003": f"{HEADER},_operation\n2024-01-02 03:00,,,remove\n2024-01-29 00:00,101,1,upsert\n",
}
GOLDEN = {
    # version: rows, (added, corrected, removed, unchanged), digest of the dataset, rows and end of its forecast
    "v00000001": (
        672,
        (672, 0, 0, 0),
        "a0e7968a55906f33742a23af8bef2c4181dd97b4891a1669ba5ee826f5f2a04e",
        24,
        "2024-01-29 23:00:00",
    ),
    "v00000002": (
        672,
        (0, 1, 0, 1),
        "8d0ffbc276366bca688506c241d0e7afe20a3d44c982416930f2f79b2183982f",
        25,
        "2024-01-29 23:00:00",
    ),
    "v00000003": (
        672,
        (1, 0, 1, 0),
        "600ccc78f8dadc9dfd2a5394ed50a8bb93910d7d3042135fe1df6025646b0bda",
        47,
        "2024-01-30 23:00:00",
    ),
}


def test_the_same_updates_give_the_same_versions_and_forecasts_of_the_same_hours(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    found = {}
    for content in UPDATES.values():
        version = take_turn(project, content.encode())
        record, forecast = project.store.versions.record(version), project.store.outputs.manifest(FORECASTS, version)
        assert forecast is not None
        counts = (record.added, record.corrected, record.removed, record.unchanged)
        found[version] = (record.rows, counts, record.state_digest, forecast.rows, forecast.facts["covers_to"])
    assert found == GOLDEN
