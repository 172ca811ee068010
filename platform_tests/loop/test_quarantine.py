"""Refused versions: listed with what became of them, shown, repaired and sent again, once."""

from dataclasses import replace

import pytest

from loopcast.dataops.repair import Changes
from loopcast.errors import DataError, NotFoundError
from loopcast.loop.project import Project
from loopcast.loop.quarantine import list_refused, make_resubmission, read_refused, repair_version
from loopcast.store.version_records import Upload
from made_use_case import NOW, YAML, make_counts, make_project, send, to_csv

BAD = b"at,count\n2024-01-02 00:00,1\n2024-01-02 01:00,-2\n"


@pytest.fixture
def refused(empty: Project) -> Project:
    """A use case with a day, a refused update, and a day."""
    for content in (make_counts("2024-01-01", 1), BAD, make_counts("2024-01-03", 1)):
        empty.store.versions.settle(send(empty, content), now=NOW)
    return empty


def send_as(project: Project, upload: Upload) -> str:
    return project.store.versions.claim(upload, now=NOW).version


def resubmit(project: Project, version: str, content: bytes | None = None) -> str:
    file = None if content is None else ("repaired.csv", content)
    made = send_as(project, make_resubmission(project, version, file=file, actor="ben", now=NOW))
    project.store.versions.settle(made, now=NOW)
    return made


def test_refused_versions_are_listed_with_whence_who_and_which_rules(refused: Project) -> None:
    (row,) = list_refused(refused)
    assert row == {
        "version": "v00000002",
        "file": "update.csv",
        "source": "test",
        "actor": "ana",
        "refused_at": NOW,
        "violations": 1,
        "rules": ["below_minimum"],
        "resubmitted_as": None,
        "state": "open",
    }
    assert read_refused(refused, "v00000002")["count"].tolist() == ["-2"]


def test_a_repaired_file_becomes_a_version_that_names_what_it_repairs(refused: Project) -> None:
    made = repair_version(refused, "v00000002", output="x.csv", changes=Changes(drop_rows=True))
    assert resubmit(refused, "v00000002", made.content) == "v00000004"
    record = refused.store.versions.record("v00000004")
    assert (record.status, record.added, record.actor) == ("accepted", 1, "ben")
    assert record.reason == "repair of v00000002: sent again with a repaired file"
    assert record.idempotency_key.startswith("resubmit:v00000002:")
    (row,) = list_refused(refused)
    assert (row["resubmitted_as"], row["state"]) == ("v00000004", "resolved")
    assert resubmit(refused, "v00000002", made.content) == "v00000004"
    assert len(refused.store.versions.claims()) == 4


def test_what_would_be_refused_again_is_not_sent(refused: Project) -> None:
    with pytest.raises(DataError, match=r"would be refused again.*below_minimum.*resubmit v00000002 then"):
        make_resubmission(refused, "v00000002", file=None, actor="ben", now=NOW)
    assert len(refused.store.versions.claims()) == 3


def test_after_the_use_case_was_corrected_the_file_is_sent_as_it_was(refused: Project) -> None:
    home = refused.inbox.parents[1]
    document = home / "platform" / "use_cases" / "counts" / "defs.yaml"
    document.write_text(YAML.format(name="counts").replace("minimum: 0", "minimum: -5"))
    changed = make_project(home)
    assert resubmit(changed, "v00000002") == "v00000004"
    assert changed.store.versions.record("v00000004").reason.endswith("sent again as it was")
    assert list_refused(changed)[0]["state"] == "resolved"


def test_a_repair_that_is_refused_itself_is_repaired_in_its_turn(refused: Project) -> None:
    good = make_resubmission(
        refused, "v00000002", file=("a.csv", to_csv(make_counts("2024-01-02", 1))), actor="ben", now=NOW
    )
    again = send_as(refused, replace(good, content=BAD))  # taken by rules that were wider, refused by these
    assert (list_refused(refused)[0]["resubmitted_as"], list_refused(refused)[0]["state"]) == (again, "waiting")
    refused.store.versions.settle(again, now=NOW)
    assert [row["state"] for row in list_refused(refused)] == ["open", "open"]
    last = resubmit(refused, again, good.content)
    assert [(row["resubmitted_as"], row["state"]) for row in list_refused(refused)] == [(last, "resolved")] * 2


def test_versions_that_are_not_refused_have_nothing_to_repair(refused: Project) -> None:
    for act in (
        lambda: read_refused(refused, "v00000001"),
        lambda: repair_version(refused, "v00000001", output="x.csv", changes=Changes()),
        lambda: make_resubmission(
            refused, "v00000009", file=("x.csv", to_csv(make_counts("2024-01-01", 1))), actor="", now=NOW
        ),
    ):
        with pytest.raises(NotFoundError):
            act()
