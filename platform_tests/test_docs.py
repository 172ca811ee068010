"""What the pages in docs/ say is there: their YAML, their commands, their options, the rules on updates."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from bad_inputs import list_bad_inputs
from loopcast.cli.main import cli
from loopcast.dataops.table import TableSpec, Variable
from loopcast.loop.comparison import NAMES, REFERENCE, compare_policies
from loopcast.loop.simulation import SimulatedTurn
from loopcast.use_case.model import UseCase
from loopcast.use_case.policies import Policies
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
