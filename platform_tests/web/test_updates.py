"""The API: an update in, its version back, what became of it; and whatever is wrong told in words as JSON."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loopcast.loop.turns import list_turns
from made_api import DAY, UPDATES, Api


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with Api(tmp_path) as running:
        yield running


def test_an_update_gets_its_version_at_once_and_waits_for_its_run(api: Api) -> None:
    answer = api.send()
    assert answer.status_code == 202
    told = answer.json()
    assert (told["use_case"], told["version"], told["status"]) == ("counts", "v00000001", "waiting")
    assert (told["file"], told["bytes"], told["source"], told["reason"]) == ("monday.csv", len(DAY), "api", "recount")
    assert not told["duplicate"]
    assert told["url"] == answer.headers["location"] == "/api/use_cases/counts/versions/v00000001"
    assert [turn.version for turn in list_turns(api.project)] == ["v00000001"], "what the daemon's sensor looks at"
    assert api.project.store.versions.upload_of("v00000001") == DAY


def test_what_became_of_a_version_is_told(api: Api) -> None:
    url = api.send().json()["url"]
    assert api.ask(url).json()["status"] == "waiting"
    api.settle("v00000001")
    told = api.ask(url).json()
    assert (told["status"], told["rows"], told["added"]) == ("accepted", 24, 24)
    assert "refusal" not in told


def test_a_refused_version_is_told_with_its_violations(api: Api) -> None:
    url = api.send(b"at,count\n2024-01-01 00:00,many\n").json()["url"]
    api.settle("v00000001")
    told = api.ask(url).json()
    assert told["status"] == "refused"
    assert "not_a_number" in told["refused_because"]
    assert [v["row"] for v in told["refusal"]["violations"]] == [2]


def test_the_same_again_is_the_same_version(api: Api) -> None:
    first, again = api.send(Idempotency_Key="k1"), api.send(Idempotency_Key="k1")
    assert (again.status_code, again.json()["version"]) == (202, first.json()["version"])
    assert again.json()["duplicate"]
    assert api.send().json()["version"] == "v00000002", "without the key: name and content"
    assert api.send().json()["duplicate"]
    assert len(api.project.store.versions.claims()) == 2


def test_a_key_that_was_used_for_another_content_is_a_conflict(api: Api) -> None:
    api.send(Idempotency_Key="k1")
    answer = api.send(b"at,count\n2024-01-01 00:00,9\n", Idempotency_Key="k1")
    assert answer.status_code == 409
    assert "was used for v00000001, whose file has another content" in answer.json()["error"]


@pytest.mark.parametrize("name", ["", "../a.csv", "a\\b.csv", ".a.csv", "a\n.csv", f"{'a' * 300}.csv"])
def test_a_file_name_that_is_none_is_refused(api: Api, name: str) -> None:
    answer = api.send(file=name)
    assert (answer.status_code, "expected one such as ?file=monday.csv" in answer.json()["error"]) == (400, True)
    assert api.project.store.versions.claims() == []


WRONG: dict[str, tuple[dict[str, Any], int, str]] = {
    "an empty body": ({"data": b""}, 400, "found an empty body"),
    "a body that is too long": ({"data": b"x" * 10_001}, 413, "found more than 10000 bytes"),
    "a body that is too long and does not say so": ({"data": iter([b"x" * 6_000] * 2)}, 413, "more than 10000"),
    "a form": ({"files": {"file": DAY}}, 400, "found a form"),
    "a key of no length": ({"data": DAY, "headers": {"idempotency-key": ""}}, 400, "Idempotency-Key of 0"),
    "a page of another site": ({"data": DAY, "headers": {"origin": "http://evil.example"}}, 403, "evil.example"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_request_is_refused_in_words_and_nothing_is_kept(api: Api, name: str) -> None:
    request, status, told = WRONG[name]
    answer = api.ask(UPDATES, "POST", params={"file": "a.csv"}, **request)
    assert (answer.status_code, told in answer.json()["error"]) == (status, True)
    assert api.project.store.versions.claims() == []


@pytest.mark.parametrize(
    ("method", "path", "status", "told"),
    [
        ("POST", "/api/use_cases/sales/updates?file=a.csv", 404, "there is no use case 'sales'; found: counts"),
        ("GET", "/api/use_cases/counts/versions/v00000009", 404, "v00000009"),
        ("GET", "/api/use_cases/counts/versions/monday", 400, "found the version 'monday'"),
        ("GET", "/api/use_cases/counts/updates", 405, "sends an update"),
        ("GET", "/api/nothing", 404, "GET /api/nothing is nothing here"),
    ],
)
def test_what_is_not_there_is_told_as_json(api: Api, method: str, path: str, status: int, told: str) -> None:
    answer = api.ask(path, method, data=DAY if method == "POST" else None)
    assert (answer.status_code, told in answer.json()["error"]) == (status, True)


def test_a_use_case_that_cannot_be_loaded_is_told_and_no_stack_trace(api: Api) -> None:
    file = api.project.settings.use_cases / "counts" / "defs.yaml"
    file.write_text(file.read_text().replace("frequency: h", "frequency: hourly"))
    answer = api.send()
    assert (answer.status_code, "found 'hourly'" in answer.json()["error"]) == (503, True)


def test_all_other_paths_are_the_ui_s(api: Api) -> None:
    assert [api.ask(path).text for path in ("/", "/runs", "/apiary")] == ["the UI"] * 3
