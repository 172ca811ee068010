"""The API for the champion: it is told, what is asked for is done at once and once, nonsense is refused in words."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from made_api import Api
from made_use_case import make_counts, make_project, put_another_in_force, take_turn

CHAMPION = "/api/use_cases/counts/champion"
ROLLBACK = {"action": "rollback", "actor": "ana", "reason": "too high"}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """A use case with a second zoo in force from the next version on."""
    project = make_project(tmp_path)
    put_another_in_force(project, take_turn(project, make_counts("2024-01-01", 35)))
    with Api(tmp_path) as running:
        yield running


def test_a_rollback_is_done_at_once_and_once_per_key(api: Api) -> None:
    told = api.ask(CHAMPION).json()
    assert (told["champion"], told["previous"], told["kind"], told["actor"]) == ("z0002", "z0001", "promote", "ana")
    for _ in range(2):
        answer = api.ask(CHAMPION, "POST", json=ROLLBACK, headers={"idempotency-key": "one"})
        assert answer.status_code == 200
        assert answer.json()["done"] == "z0001 is in force from v00000002 on"
    told = answer.json()
    assert (told["champion"], told["previous"], told["reason"]) == ("z0001", None, "too high")
    assert [row["zoo"] for row in told["history"]] == ["z0001", "z0002", "z0001"]
    assert [row["rule"] for row in told["verdicts"]] == ["promoted", "not_better", "unopposed"]
    trail = api.ask("/api/use_cases/counts/audit").json()
    assert ("in force", "ana", "too high") in {(row["what"], row["actor"], row["reason"]) for row in trail}


def test_a_zoo_is_pinned_and_unpinned(api: Api) -> None:
    assert api.ask(CHAMPION, "POST", json={"action": "pin", "actor": "ana"}).json()["pinned"] == "z0002"
    refused = api.ask(CHAMPION, "POST", json=ROLLBACK)
    assert refused.status_code == 400
    assert "z0002 is pinned by ana; unpin it first" in refused.json()["error"]
    assert api.ask(CHAMPION, "POST", json={"action": "unpin", "actor": "ben"}).json()["pinned"] is None


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"action": "rollback"}, 400, "actor: Field required"),
        ({"action": "stop", "actor": "ana"}, 400, "action: Input should be 'none', 'rollback'"),
        ({"action": "promote", "actor": "ana", "zoo": "z0009"}, 404, "found no zoo 'z0009'"),
        ({"action": "promote", "actor": "ana", "zoo": "z0002"}, 400, "z0002 is in force already"),
    ],
)
def test_what_makes_no_sense_is_refused(api: Api, body: dict[str, str], status: int, said: str) -> None:
    answer = api.ask(CHAMPION, "POST", json=body)
    assert answer.status_code == status
    assert said in answer.json()["error"]


def test_pages_of_other_sites_are_kept_out(api: Api) -> None:
    answer = api.ask(CHAMPION, "POST", json=ROLLBACK, headers={"origin": "https://elsewhere.example"})
    assert answer.status_code == 403
