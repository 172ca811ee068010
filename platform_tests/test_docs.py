"""What the pages in docs/ say is there: their YAML, their commands, their options, the rules on updates."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest
import yaml

from bad_inputs import list_bad_inputs
from loopcast.cli.main import cli
from loopcast.dataops.table import TableSpec, Variable
from loopcast.loop.judging import unscored
from loopcast.loop.judging.accuracy import LOOK_BACK, By
from loopcast.loop.past.comparison import NAMES, REFERENCE, compare_policies
from loopcast.loop.past.simulation import SimulatedTurn
from loopcast.loop.zoos import champion
from loopcast.loop.zoos.verdicts import Verdict
from loopcast.orchestration.assets.reflection import ReflectionConfig
from loopcast.orchestration.settings import read_settings
from loopcast.reflection import deterioration
from loopcast.reflection.change import CLIP, FEWEST, find_limit
from loopcast.reflection.concept_drift import USUAL
from loopcast.reflection.duel import Ruling
from loopcast.reflection.evidence import Action
from loopcast.reflection.rules import RULES, WAITS
from loopcast.reflection.sharpest import MOST_DETERIORATED
from loopcast.schemas import accuracy_schema
from loopcast.use_case.model import UseCase
from loopcast.use_case.policies import Budget, Policies, Rebuild
from loopcast.web.app import build_app
from loopcast.web.decisions import OrderBody
from loopcast.zoo.members.registry import KINDS

ROOT = Path(__file__).resolve().parents[1]
PAGES = {page.stem: page.read_text("utf-8") for page in sorted((ROOT / "docs").glob("*.md"))}
TABLE = TableSpec("at", "h", "y", (Variable("y"),))
EXAMPLE = re.search(r"^```yaml\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)[1]


def fragments_of(page: str) -> list[dict]:
    return [
        yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", PAGES[page], re.DOTALL | re.MULTILINE)
    ]


def test_the_page_on_replaying_names_every_policy_and_every_column() -> None:
    page = PAGES["replay"]
    named = re.findall(r"^\| `([a-z_]+)` \|", page.split("## The table")[0], re.MULTILINE)
    assert tuple(named) == NAMES
    columns = {
        name
        for row in re.findall(r"^\| (`.*)$", page.split("## The table")[1], re.MULTILINE)
        for name in re.findall(r"`([a-z_]+)`", row)
    }
    rows = compare_policies([SimulatedTurn(REFERENCE, "v00000001", datetime(2024, 1, 1, tzinfo=UTC))], TABLE)
    assert columns - {REFERENCE} == set(rows[0]) - {"policy"}
    for fragment in fragments_of("replay"):
        Policies.model_validate(fragment)


@pytest.mark.parametrize("page", ["sources", "updates"])
def test_the_fields_shown_are_those_of_a_use_case(page: str) -> None:
    attributes = yaml.safe_load(EXAMPLE)["attributes"]
    attributes["predictors"].append({"name": "rain"})
    attributes["series_keys"] = ["region"]
    for fragment in fragments_of(page):
        UseCase.model_validate({**attributes, **fragment})


@pytest.mark.parametrize("page", sorted(PAGES))
def test_commands_and_options_named_exist(page: str) -> None:
    for line in re.findall(r"(?:`|^    )loopcast ([^`\n]+)", PAGES[page], re.MULTILINE):
        words = line.split("#")[0].split()
        command = cli.commands[words[0]]
        command = getattr(command, "commands", {}).get(words[1] if words[1:] else "", command)
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word.strip("[]") for word in words if word.strip("[").startswith("--")} <= known


@pytest.mark.parametrize("page", sorted(PAGES))
def test_links_lead_somewhere(page: str) -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", PAGES[page]) if "://" not in link]
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []


def test_every_rule_that_refuses_a_file_is_explained() -> None:
    explained = set(re.findall(r"`([a-z_]+)`", PAGES["updates"]))
    assert {case.rule for case in list_bad_inputs()} - explained == set()


def test_every_benchmark_named_exists() -> None:
    named = {name for page in PAGES.values() for name in re.findall(r"BENCH=(\w+)", page)}
    assert named
    assert [name for name in named if not (ROOT / f"platform_tests/benchmarks/bench_{name}.py").is_file()] == []


def test_the_page_on_the_zoo_names_every_kind_of_member() -> None:
    named = re.findall(r"^\| `([a-z_]+)` \|", PAGES["zoo"].split("## What it is made of")[1], re.MULTILINE)
    assert named == sorted(set(named), key=named.index)
    assert set(named) == set(KINDS)


def test_the_page_on_decisions_has_the_rules_as_they_are() -> None:
    page = PAGES["decisions"]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (?:`(\w+)`|what was asked for) \|$", page, re.MULTILINE)
    assert [(name, condition, action or None) for name, condition, action in rows] == [
        (rule.name, rule.condition, rule.action) for rule in RULES
    ]
    for wait in WAITS:
        assert f"| `{wait.name}` | {wait.condition} |" in page
    actions = re.findall(r"^\| `(\w+)` \|", page.split("## The rules")[0], re.MULTILINE)
    assert actions == list(get_args(Action)), "every action is explained"


def test_the_page_on_decisions_shows_fields_orders_and_routes_that_are_there() -> None:
    page = PAGES["decisions"]
    policies, config = fragments_of("decisions")
    given = policies["policies"]["rebuild"]
    assert Policies.model_validate(policies["policies"]).rebuild.model_dump(exclude_unset=True) == given
    assert set(given) == set(Rebuild.model_fields)
    assert set(given["budget"]) == set(Budget.model_fields)
    order = ReflectionConfig(**config["ops"]["USE_CASE__reflection"]["config"]).to_order()
    assert (order.kind, order.action, order.decision) == ("overrule", "keep", "d00000007")
    table = page.split("field of an order")[1]
    names = re.findall(r"^\| (`\w+`(?:, `\w+`)?) \|", table, re.MULTILINE)
    fields = set(re.findall(r"`(\w+)`", " ".join(names)))
    assert fields == set(OrderBody.model_fields)
    OrderBody.model_validate_json(re.search(r"decisions\s+(\{.*\})$", page, re.MULTILINE)[1])
    shown = set(re.findall(r"^    (GET|POST)\s+/api(/\S+?)(?:\?|\s|$)", page, re.MULTILINE))
    api = build_app(read_settings({"LOOPCAST_HOME": str(ROOT)})).routes[0].app
    there = {(method, route.path) for route in api.routes for method in route.methods if method != "HEAD"}
    assert {(m, path.replace("USE_CASE", "{name}").replace("d00000007", "{decision}")) for m, path in shown} <= there


def test_the_page_on_accuracy_names_every_measure_and_every_reason() -> None:
    measures = set(re.findall(r"`([a-z_0-9]+)`", PAGES["accuracy"].split("## What is never scored")[0]))
    assert set(accuracy_schema().columns) - {"bin"} <= measures
    assert set(get_args(By)) <= measures
    named = re.findall(r"^\| `([a-z ]+)` \|", PAGES["accuracy"].split("## What cannot be evaluated")[1], re.MULTILINE)
    assert set(named) == {*unscored.REASONS, unscored.REFUSED, unscored.NONE, unscored.OTHER}


def test_the_page_on_deterioration_has_the_constants_of_the_code() -> None:
    page = PAGES["deterioration"].replace("\n", " ")
    assert f"limit, {find_limit(1.0 / 365.0):g} where one false alarm" in page
    assert f"- {deterioration.NAIVE_SHARE:g} log(" in page
    assert (deterioration.HARDER, CLIP, FEWEST, MOST_DETERIORATED) == (3.0, 2.0, 5, 3)  # in words there
    assert f"newest {LOOK_BACK} versions" in page
    assert all(f"`{name}` (" in page for name in USUAL)
    (fragment,) = fragments_of("deterioration")
    assert Policies.model_validate(fragment["policies"]) == Policies()


def test_the_page_on_the_champion_names_every_rule_and_its_fields_are_real() -> None:
    page = PAGES["champion"]
    named = set(re.findall(r"`([a-z_]+)`", " ".join(re.findall(r"^\| (`.*?) \|", page, re.MULTILINE))))
    assert named == {*get_args(Ruling), "unopposed", "shadow", "gate", "pinned", "replaced", "silent", "promoted"}
    assert named <= set(re.findall(r"`([a-z_]+)`", Verdict.__doc__ or ""))
    attributes = yaml.safe_load(EXAMPLE)["attributes"]
    (fragment,) = fragments_of("champion")
    UseCase.model_validate({**attributes, **fragment})
    assert {action.name for action in champion.Action} - {"none"} <= set(re.findall(r"[a-z]+", page))
