"""Sources as YAML: one or several, an inbox by default, and what is wrong told with its field and line."""

from pathlib import Path

import pytest

from loopcast.errors import UseCaseError
from loopcast.use_case.loader import load_use_cases
from loopcast.use_case.model import UseCase
from loopcast.use_case.sources import FilesSource, FromEnvironment, HttpSource, InboxSource, SqlSource
from made_use_case import YAML

SQL = "kind: sql, url: {env: PLANT_DB}, query: SELECT * FROM t, cursor: changed"


def load(folder: Path, source: str) -> UseCase:
    file = folder / "counts" / "defs.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(YAML.format(name="counts").lstrip().replace("  steward:", f"  source: {source}\n  steward:"))
    return load_use_cases(folder)["counts"]


def test_without_a_source_there_is_an_inbox(tmp_path: Path) -> None:
    plain = load(tmp_path, "{folder: here}")
    assert plain.source == (InboxSource(folder="here"),)
    assert (plain.inbox.folder, plain.polled) == ("here", ())
    assert load(tmp_path, "[]").inbox == InboxSource()


def test_sources_of_all_kinds_stand_side_by_side_and_the_inbox_stays(tmp_path: Path) -> None:
    http = '{kind: http, url: "https://h.example/v1?since={cursor}", cursor: at, initial: 2024-01-01}'
    found = load(tmp_path, f"[{{{SQL}, initial: 2024-01-01 06:00:00}}, {http}, {{kind: files, url: 's3://b/x'}}]")
    assert [type(source) for source in found.polled] == [SqlSource, HttpSource, FilesSource]
    assert [source.label for source in found.polled] == ["sql", "http", "files"]
    assert found.polled[0].url == FromEnvironment(env="PLANT_DB")
    assert [found.polled[0].initial, found.polled[1].initial] == ["2024-01-01 06:00:00", "2024-01-01"]
    assert found.inbox.enabled
    assert UseCase.model_validate_json(found.model_dump_json()) == found, "as the resource hands it on"


def test_an_inbox_may_be_switched_off(tmp_path: Path) -> None:
    assert not load(tmp_path, f"[{{{SQL}}}, {{enabled: false}}]").inbox.enabled


WRONG = {
    "a password in the file": ("{kind: files, url: 'https://ana:geheim@h/x'}", "source.url", "{env: NAME}"),
    "a URL without a scheme": (f"{{{SQL}}}".replace("{env: PLANT_DB}", "plant.db"), "source.url", "sqlite:///"),
    "a scheme that nobody lists": ("{kind: files, url: 'ftp://h/x'}", "source", "file, memory, s3"),
    "no query": ("{kind: sql, url: 'sqlite:///a', cursor: a}", "source.query", "required"),
    "two of one name": (f"[{{{SQL}}}, {{{SQL}}}]", "source", "sql is there twice"),
    "two inboxes": ("[{folder: a}, {folder: b}]", "source", "inbox is there twice"),
    "a field of another kind": ("{kind: files, url: 's3://b', query: x}", "source.query", "no such field"),
    "the second of a list": (f"[{{{SQL}}}, {{kind: files}}]", "source.1.url", "required"),
    "a timeout longer than a tick": (f"{{{SQL}, timeout_s: 60}}", "source.timeout_s", "less than or equal to 40"),
    "polls every second": (f"{{{SQL}, every: 1s}}", "source.every", "at least one minute"),
    "a cursor that nothing sets": (
        "{kind: http, url: 'http://h/{cursor}', initial: 1}", "source", "a cursor or a cursor_field",
    ),
    "a cursor without a start": ("{kind: http, url: 'http://h/{cursor}', cursor: a}", "source", "an initial value"),
    "records in CSV": ("{kind: http, url: 'http://h', format: csv, records: a}", "source", "the format json alone"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_source_is_refused_with_its_field(tmp_path: Path, name: str) -> None:
    source, field, expected = WRONG[name]
    with pytest.raises(UseCaseError) as refused:
        load(tmp_path, source)
    lines = YAML.format(name="counts").lstrip().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if text.startswith("  steward:"))
    assert (refused.value.field, refused.value.line) == (f"attributes.{field}", line)
    assert expected in refused.value.expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT * FROM t WHERE a > :cursor", ">= :cursor"),
        ("SELECT * FROM t WHERE a >= :cursor::date", "CAST(:cursor AS ...)"),
        ("SELECT * FROM t;", "without a semicolon"),
    ],
)
def test_a_query_that_would_lose_rows_or_cannot_run_is_refused(tmp_path: Path, query: str, expected: str) -> None:
    with pytest.raises(UseCaseError) as refused:
        load(tmp_path, f"{{kind: sql, url: 'sqlite:///a', query: '{query}', cursor: a, initial: 1}}")
    assert expected in refused.value.expected


def test_a_secret_is_in_no_message_and_no_dump(tmp_path: Path) -> None:
    with pytest.raises(UseCaseError) as refused:
        load(tmp_path, "{kind: sql, url: 'postgresql://ana:geheim@h/db', query: SELECT 1, cursor: a}")
    assert "geheim" not in str(refused.value)
