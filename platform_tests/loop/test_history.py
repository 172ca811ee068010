"""Versions with what became of them, one row each."""

import pytest

from loopcast.errors import NotFoundError
from loopcast.loop.history import describe_version, list_history, newest_version
from loopcast.loop.project import Project
from made_use_case import make_counts, send, take_turn


def test_each_version_has_a_row_oldest_first(played: Project) -> None:
    rows = list_history(played)
    assert [row["version"] for row in rows] == ["v00000001", "v00000002", "v00000003"]
    assert [row["rows"] for row in rows] == [1344, 1368, 1392]
    assert [row["added"] for row in rows] == [1344, 24, 24]
    assert [row["zoo"] for row in rows] == ["z0001"] * 3
    assert [row["action"] for row in rows] == ["build_first b0001 (no_zoo)", "keep (too_soon)", "keep (too_soon)"]
    assert list_history(played, last=1) == rows[-1:]


def test_errors_stand_beside_the_best_naive(played: Project) -> None:
    first, second, _ = list_history(played)
    assert first["forecast_error"] is None
    manifest = played.store.outputs.manifest("accuracy_cells", "v00000002")
    assert manifest is not None
    naives = [value for name, value in manifest.facts.items() if name.startswith("mae_seasonal_naive")]
    assert (second["forecast_error"], second["naive_error"]) == (manifest.facts["mae"], min(naives))
    assert len(naives) == 2


def test_waiting_and_refused_versions_are_told(project: Project) -> None:
    take_turn(project, b"at,count\n2024-02-28 00:00,many\n")
    send(project, make_counts("2024-02-28", 1))
    refused, waiting = list_history(project)[-2:]
    assert (refused["status"], refused["added"], refused["rows"], refused["zoo"]) == ("refused", 0, 1392, None)
    assert (waiting["version"], waiting["status"], waiting["until"]) == ("v00000005", "waiting", None)
    assert list(waiting) == list(refused)
    assert newest_version(project) == "v00000003"


def test_what_an_update_did_is_counted(project: Project) -> None:
    day = make_counts("2024-02-27", 1)
    rows = day.assign(_operation="upsert")
    rows.loc[0, "_operation"], rows.loc[1, "count"] = "remove", 1.0
    told = describe_version(project, take_turn(project, rows))
    assert (told["added"], told["corrected"], told["removed"]) == (0, 1, 1)


def test_without_a_version_there_is_no_history_and_no_newest(empty: Project) -> None:
    assert list_history(empty) == []
    with pytest.raises(NotFoundError, match="loopcast update counts FILE"):
        newest_version(empty)
