"""The pipeline's own characteristics over a history long enough for limits, refused updates among it."""

from loopcast.loop.pipeline import judge_pipeline
from loopcast.loop.project import Project
from made_use_case import NOW, make_counts, send


def test_after_many_versions_the_refused_share_is_judged_beside_the_rest(empty: Project) -> None:
    counts = make_counts("2024-01-01", 1)
    for number in range(22):
        content = b"at,count\n2024-01-01 00:00,x%d\n" % number if number in (3, 20) else counts.iloc[: number + 1]
        version = send(empty, content)
        empty.store.versions.settle(version, now=NOW)
    made = judge_pipeline(empty, version, durations={}, now=NOW)
    judged = made.table.set_index("characteristic")["in_control"]
    assert judged.to_dict() == {"rows": True, "gap_cadences": True, "refused_pct": True}
