"""The API for decisions: they are told, orders are taken once, and what makes no sense is refused in words."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from loopcast.loop.judging.orders import list_orders
from loopcast.loop.judging.reflect import find_due, reflect
from made_api import Api
from made_use_case import NOW, YAML, make_counts, make_project, take_turn

DECISIONS = "/api/use_cases/counts/decisions"
APPROVE = {"order": "approve", "actor": "ana", "reason": "go"}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """A use case whose first build waits for its approval."""
    yaml = YAML.format(name="counts").replace("n_windows: 7", "n_windows: 7, rebuild: {approval: all}")
    take_turn(make_project(tmp_path, yaml=yaml), make_counts("2024-01-01", 35))
    with Api(tmp_path) as running:
        yield running


def test_decisions_are_listed_and_shown_with_their_evidence(api: Api) -> None:
    (row,) = api.ask(DECISIONS).json()
    assert (row["decision"], row["action"], row["rule"], row["waits_for"]) == (
        "d00000001",
        "build_first",
        "no_zoo",
        "approval",
    )
    assert (row["build"], row["actor"], row["at"]) == (None, None, "2026-01-01T12:00:00+00:00")
    shown = api.ask(f"{DECISIONS}/d1").json()
    assert shown["evidence"]["has_zoo"] is False
    assert len(shown["evidence_digest"]) == 64
    assert api.ask(DECISIONS, params={"last": 5}).json() == [row]


def test_an_order_is_taken_and_carried_out_by_the_next_reflection(api: Api) -> None:
    answer = api.ask(DECISIONS, "POST", json=APPROVE)
    assert answer.status_code == 202
    told = answer.json()
    assert (told["order"], told["kind"], told["decision"]) == ("o00000001", "approve", "d00000001")
    assert find_due(api.project, now=NOW) == "order-1"
    assert api.ask(DECISIONS, "POST", json=APPROVE).status_code == 400
    assert len(list_orders(api.project)) == 1
    assert reflect(api.project, now=NOW).build is not None
    trail = api.ask("/api/use_cases/counts/audit").json()
    assert {(row["what"], row["actor"]) for row in trail} >= {("order", "ana"), ("decision", "ana")}


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"order": "approve"}, 400, "actor: Field required"),
        ({"order": "stop", "actor": "ana"}, 400, "order: Input should be 'approve', 'overrule' or 'ask'"),
        ({**APPROVE, "decision": "d9"}, 404, "found no decision d9 of counts"),
        ({**APPROVE, "decision": "nine"}, 400, "expected one such as d00000007"),
        ({"order": "ask", "actor": "ana"}, 400, "ask for retrain, rebuild or experiment"),
        ({**APPROVE, "reason": "x" * 11_000}, 413, "found more than 10000 bytes"),
        ({**APPROVE, "who": "ana"}, 400, "who: Extra inputs are not permitted"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_in_words(api: Api, body: dict, status: int, said: str) -> None:
    answer = api.ask(DECISIONS, "POST", json=body)
    assert answer.status_code == status
    assert said in answer.json()["error"]


def test_pages_of_other_sites_and_wrong_questions_are_refused(api: Api) -> None:
    assert api.ask(DECISIONS, "POST", json=APPROVE, headers={"origin": "https://elsewhere.example"}).status_code == 403
    assert list_orders(api.project) == []
    assert "from 1 to 1000" in api.ask(DECISIONS, params={"last": "0"}).json()["error"]
    assert api.ask("/api/use_cases/other/decisions").status_code == 404
    assert "expected JSON such as" in api.ask(DECISIONS, "POST", data=b"{").json()["error"]
