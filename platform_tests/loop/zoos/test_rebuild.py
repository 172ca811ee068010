"""Builds of some situations: what has no models gets them, everything else stays."""

from pathlib import Path

import pandas as pd

from loopcast.loop.zoos.experiment import LEADERBOARDS
from loopcast.loop.zoos.forces import FORECASTS, list_builds, list_in_force, list_zoos, read_zoo
from made_use_case import YAML, make_counts, make_project, take_turn


def test_an_end_at_noon_gets_models_of_its_own_and_midnight_keeps_those_it_had(tmp_path: Path) -> None:
    yaml = YAML.format(name="counts").replace("policies: {", "policies: {rebuild: {rest: 2}, ")
    project = make_project(tmp_path, yaml=yaml)
    rows = make_counts("2024-01-01", 62)
    ends = [pd.Timestamp("2024-02-26"), *(pd.Timestamp(f"2024-02-{day} 12:00") for day in range(26, 30))]
    for start, end in zip([pd.Timestamp("2024-01-01"), *ends[:-1]], ends, strict=True):
        take_turn(project, rows[(rows["at"] >= start) & (rows["at"] < end)])
    first, second = list_builds(project)
    assert (first.rule, first.scope) == ("no_zoo", "all")
    assert (second.rule, second.scope) == ("situation_unmet", "new_situations")
    assert "no models for origins at 11:00" in second.reason
    manifest = project.store.outputs.manifest(LEADERBOARDS, second.build)
    assert manifest is not None
    assert manifest.pins["scope"] == "new_situations"
    assert [request.build for request in list_zoos(project)] == ["b0001", "b0002"]
    zoo = read_zoo(project, list_in_force(project)[-1].digest)
    assert [block.situation.time_of_day for block in zoo.blocks] == [23 * 60, 11 * 60]
    take_turn(project, rows[(rows["at"] >= ends[-1]) & (rows["at"] < ends[-1] + pd.Timedelta(hours=12))])
    made = project.store.outputs.manifest(FORECASTS, "v00000006")
    assert made is not None
    assert made.facts["situations_unmet"] == []
