"""What cannot be evaluated: every reason, planted."""

import numpy as np
import pandas as pd

from loopcast.loop.judging.actuals import find_production
from loopcast.loop.judging.unscored import list_unscored
from loopcast.loop.production import forecast_version
from loopcast.loop.project import Project
from loopcast.loop.zoos.forces import FORECASTS, ZooChoice
from made_use_case import NOW, make_counts, put_another_in_force, send, take_turn


def reasons(project: Project, **reach: object) -> list[tuple[str, str, int]]:
    newest = project.store.versions.newest()
    assert newest is not None
    rows = list_unscored(project, **{"until": newest.version, **reach})  # type: ignore[arg-type]
    return [(row["version"], row["reason"], row["timestamps"]) for row in rows]


def test_what_is_ahead_is_not_there_yet(played: Project, empty: Project) -> None:
    assert reasons(played) == [("v00000003", "not there yet", 24)]
    assert reasons(played, until="v00000002") == [("v00000002", "not there yet", 24)]
    assert list_unscored(empty, until="") == []


def test_missing_and_removed_actuals_and_refused_versions_are_told_apart(project: Project) -> None:
    day = make_counts("2024-02-28", 1)[["at", "count"]]
    day.loc[3, "count"] = np.nan
    take_turn(project, day)
    take_turn(project, b"at,count\nno time,many\n")
    take_turn(project, day.iloc[[5, 6]].assign(_operation="remove"))
    assert reasons(project, first="v00000003") == [
        ("v00000003", "actual missing", 1),
        ("v00000003", "actual removed", 2),
        ("v00000004", "not there yet", 24),
        ("v00000005", "version refused", 0),
        ("v00000006", "not there yet", 24),
    ]
    assert [row[0] for row in reasons(project, last_n=2)] == ["v00000005", "v00000006"]
    take_turn(project, day.iloc[[5, 6]])
    assert reasons(project, first="v00000003")[0] == ("v00000003", "actual missing", 1)


def test_actuals_that_were_known_before_and_those_that_no_report_told_of_are_named(project: Project) -> None:
    day = make_counts("2024-02-27", 1)[["at", "count"]]
    removal = take_turn(project, day.iloc[12:].assign(_operation="remove"))
    version = send(project, pd.concat([day.iloc[12:], make_counts("2024-02-28", 1)[["at", "count"]]]))
    project.store.versions.settle(version, now=NOW)
    told = reasons(project, first="v00000002")
    assert told == [
        ("v00000002", "not reported", 12),  # the twelve hours had been scored, and were taken away
        ("v00000003", "not reported", 24),
        (removal, "actual known before", 12),
        (removal, "not reported", 24),
        (version, "no forecast was made", 0),
    ]


def test_a_forecast_by_a_later_zoo_alone_is_named(project: Project) -> None:
    version = send(project, make_counts("2024-02-28", 1))
    project.store.versions.settle(version, now=NOW)
    take_turn(project, make_counts("2024-02-29", 1))
    put_another_in_force(project, "v00000005")
    forecast_version(project, version, now=NOW, choice=ZooChoice.current)
    assert find_production(project, FORECASTS, version) is None
    assert (version, "made by a later zoo", 0) in reasons(project)
