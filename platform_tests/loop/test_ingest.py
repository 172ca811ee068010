"""From the inbox to a version: each file once, in order, and none that may not be finished."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from loopcast.errors import CallerError
from loopcast.loop.ingest import claim_for_key, list_inbox, preview_upload, take_inbox, take_item
from loopcast.loop.project import Project, find_project
from loopcast.orchestration.settings import read_settings
from made_use_case import NOW, YAML, make_counts, make_project, send, to_csv

DAY = to_csv(make_counts("2024-01-01", 1))


def drop(project: Project, name: str, content: bytes = DAY, *, age_s: float = 60.0) -> Path:
    path = project.inbox / name
    path.write_bytes(content)
    changed = NOW.timestamp() - age_s
    os.utime(path, (changed, changed))
    return path


def names_of(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("name", [".hidden.csv", "a.csv.part", "a.tmp", "a.crdownload", ".a.csv.swp", "a.csv~"])
def test_hidden_and_unfinished_files_are_left_alone(empty: Project, name: str) -> None:
    drop(empty, name)
    assert take_inbox(empty, now=NOW) == []
    assert names_of(empty.inbox) == [name]


def test_a_file_that_was_changed_just_now_is_taken_a_second_later(empty: Project) -> None:
    drop(empty, "a.csv", age_s=0.5)
    assert list_inbox(empty, now=NOW) == []
    assert [claim.name for claim in take_inbox(empty, now=NOW + timedelta(seconds=1))] == ["a.csv"]


def test_folders_and_files_beside_the_pattern_are_left_alone(tmp_path: Path) -> None:
    source = "  source: {pattern: 'day-*.csv'}\n  steward:"
    project = make_project(tmp_path, yaml=YAML.format(name="counts").replace("  steward:", source))
    (project.inbox / "day-folder.csv").mkdir()
    drop(project, "day-1.csv")
    drop(project, "notes.txt")
    assert [claim.name for claim in take_inbox(project, now=NOW)] == ["day-1.csv"]
    assert names_of(project.inbox) == ["day-folder.csv", "notes.txt", "taken"]


def test_a_taken_file_is_moved_and_kept_byte_for_byte(empty: Project) -> None:
    drop(empty, "a.csv")
    claim = take_inbox(empty, now=NOW)[0]
    assert (claim.version, claim.duplicate, claim.source) == ("v00000001", False, "inbox:counts")
    assert (empty.inbox / "taken" / "v00000001-a.csv").read_bytes() == DAY
    assert names_of(empty.inbox) == ["taken"]
    assert empty.store.versions.upload_of("v00000001") == DAY


def test_the_same_file_twice_is_one_version(empty: Project) -> None:
    drop(empty, "a.csv")
    take_inbox(empty, now=NOW)
    drop(empty, "a.csv")
    again = take_inbox(empty, now=NOW)[0]
    assert (again.version, again.duplicate) == ("v00000001", True)
    assert empty.store.versions.claims() == ["v00000001"]
    assert names_of(empty.inbox / "taken") == ["v00000001-a.csv", "v00000001-again-a.csv"]


def test_after_a_crash_between_claim_and_move_the_file_gets_the_same_version(empty: Project) -> None:
    path = drop(empty, "a.csv")
    item = list_inbox(empty, now=NOW)[0]
    take_item(empty, item, now=NOW)
    drop(empty, path.name)  # as if it had never been moved
    drop(empty, "b.csv", age_s=30)
    assert [(c.name, c.version) for c in take_inbox(empty, now=NOW)] == [("a.csv", "v00000001"), ("b.csv", "v00000002")]


def test_files_are_taken_oldest_first_and_by_name_where_they_are_of_one_age(empty: Project) -> None:
    for name, age_s in (("z.csv", 90), ("c.csv", 30), ("b.csv", 30), ("a.csv", 10)):
        drop(empty, name, to_csv(make_counts("2024-01-01", 1)), age_s=age_s)
    assert [claim.name for claim in take_inbox(empty, now=NOW)] == ["z.csv", "b.csv", "c.csv", "a.csv"]


def test_a_key_added_by_hand_takes_the_oldest_file_even_a_young_one(empty: Project) -> None:
    drop(empty, "young.csv", age_s=0.1)
    drop(empty, "old.csv", age_s=5)
    assert claim_for_key(empty, "v00000001", now=NOW).name == "old.csv"
    assert claim_for_key(empty, "v00000002", now=NOW).name == "young.csv"


def test_a_key_that_has_its_claim_takes_nothing_from_the_inbox(empty: Project) -> None:
    send(empty, DAY, name="sent.csv")
    drop(empty, "waiting.csv")
    assert claim_for_key(empty, "v00000001", now=NOW).name == "sent.csv"
    assert names_of(empty.inbox) == ["waiting.csv"]


@pytest.mark.parametrize("key", ["v00000002", "v00000000", "monday", "v1"])
def test_a_key_that_is_not_the_next_one_is_refused_and_the_file_stays(empty: Project, key: str) -> None:
    drop(empty, "a.csv")
    with pytest.raises(CallerError, match="expected v00000001, the next one"):
        claim_for_key(empty, key, now=NOW)
    assert names_of(empty.inbox) == ["a.csv"]
    assert empty.store.versions.claims() == []


def test_with_an_empty_inbox_a_key_has_nothing_to_ingest(empty: Project) -> None:
    drop(empty, ".hidden.csv")
    with pytest.raises(CallerError, match=r"nothing to ingest for v00000001.*Put an update there"):
        claim_for_key(empty, "v00000001", now=NOW)


def test_an_inbox_may_be_anywhere(tmp_path: Path) -> None:
    source = f"  source: {{folder: {tmp_path / 'drop' / 'here'}}}\n  steward:"
    project = make_project(tmp_path / "home", yaml=YAML.format(name="counts").replace("  steward:", source))
    assert project.inbox == tmp_path / "drop" / "here"
    drop(project, "a.csv")
    assert len(take_inbox(project, now=datetime.now(UTC))) == 1


def test_an_unknown_use_case_is_named_with_those_there_are(tmp_path: Path) -> None:
    make_project(tmp_path)
    with pytest.raises(CallerError, match=r"no use case 'sales'.*found: counts.*sales/defs\.yaml"):
        find_project("sales", settings=read_settings({"LOOPCAST_HOME": str(tmp_path)}))


def test_what_is_no_text_is_previewed_by_its_size() -> None:
    assert preview_upload(bytes(range(256))) == "256 bytes that are not plain text"
    assert preview_upload(("é" * 3000).encode()).startswith("éé")


def test_names_that_are_too_long_or_not_utf_8_are_taken_once_like_any_other(empty: Project) -> None:
    drop(empty, f"{'l' * 250}.csv")
    drop(empty, os.fsdecode(b"bad\xff.csv"))
    assert [claim.duplicate for claim in take_inbox(empty, now=NOW)] == [False, False]
    assert take_inbox(empty, now=NOW) == []
    assert len(names_of(empty.inbox / "taken")) == 2
