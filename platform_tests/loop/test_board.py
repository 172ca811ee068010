"""All use cases at a glance, the broken ones among them; what has not changed is not read again."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from loopcast.errors import CallerError
from loopcast.loop.board import Board
from loopcast.loop.project import Project
from made_use_case import NOW, make_counts, take_turn


def test_a_broken_use_case_hides_no_other(project: Project) -> None:
    folder = project.settings.use_cases
    for name, text in {"wrong": "attributes: [", "mistaken": "x"}.items():
        (folder / name).mkdir()
        (folder / name / "defs.yaml").write_text(text)
    yaml = (folder / "counts" / "defs.yaml").read_text()
    (folder / "mistaken" / "defs.yaml").write_text(yaml.replace("frequency: h", "frequency: often"))
    found = Board(project.settings).describe(now=NOW)
    assert [(one.use_case, one.status, one.is_unreadable) for one in found] == [
        ("counts", "fine", False),
        ("mistaken", "failing", True),
        ("wrong", "failing", True),
    ]
    assert "frequency" in found[1].why


def test_damage_in_one_store_is_told_as_failing(project: Project) -> None:
    record = next((project.settings.inbox.parent / ".loopcast/lake/counts/versions").glob("v00000003*"))
    record.write_text("{}")
    (told,) = Board(project.settings).describe(now=NOW)
    assert (told.status, "damaged" in told.why) == ("failing", True)


def test_what_is_new_in_the_store_or_in_the_yaml_is_seen(project: Project) -> None:
    board = Board(project.settings)
    assert board.describe(now=NOW)[0].version == "v00000003"
    take_turn(project, make_counts("2024-02-28", 1), now=NOW + timedelta(hours=1))
    assert board.describe(now=NOW)[0].version == "v00000004"
    yaml = project.settings.use_cases / "counts" / "defs.yaml"
    yaml.write_text(yaml.read_text().replace("cadence: 1D", "cadence: 12h"))
    assert board.describe(now=NOW)[0].cadence == timedelta(hours=12)
    yaml.unlink()
    assert board.describe(now=NOW) == []


def test_a_lake_that_comes_back_is_seen(project: Project, tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("no folder")
    board = Board(replace(project.settings, lake=str(tmp_path / "lake")))
    (told,) = board.describe(now=NOW)
    assert (told.use_case, told.is_unreadable) == ("counts", True)
    (tmp_path / "lake").unlink()
    assert board.describe(now=NOW)[0].status == "waiting"


def test_a_missing_folder_is_told_in_words(project: Project, tmp_path: Path) -> None:
    with pytest.raises(CallerError, match="found no folder"):
        Board(replace(project.settings, use_cases=tmp_path / "gone")).describe(now=NOW)
