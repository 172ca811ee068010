"""What README says is there: its YAML, its commands, its targets, its variables, its map."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from loopcast.cli.main import cli
from loopcast.orchestration.settings import read_settings
from loopcast.use_case.loader import COMPONENT, load_use_cases
from loopcast.use_case.model import UseCase

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
MADE_BY_RUNNING = (".venv", ".dagster", ".loopcast", "inbox")


def blocks_of(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def paths_of_map() -> Iterator[str]:
    """Yield the paths that the map of the tree names: its indented lines, before the gap to their explanation."""
    section = README.split("## Where things are", 1)[1].split("\n## ", 1)[0]
    parents: list[tuple[int, str]] = []
    for line in section.splitlines():
        if not line.startswith("    "):
            continue
        indent = len(line) - len(line.lstrip())
        names = re.split(r"\s{3,}", line.strip())[0].split()
        parents = [(depth, name) for depth, name in parents if depth < indent]
        for name in names:
            yield "".join(parent for _, parent in parents) + name
        if names[-1].endswith("/"):
            parents.append((indent, names[-1]))


def test_the_use_case_in_readme_loads(tmp_path: Path) -> None:
    blocks = blocks_of("yaml")
    assert blocks
    for number, block in enumerate(blocks):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "defs.yaml").write_text(block, "utf-8")
    assert len(load_use_cases(tmp_path)) == len(blocks)


def test_what_readme_calls_a_default_is_one() -> None:
    attributes = yaml.safe_load(blocks_of("yaml")[0])["attributes"]
    del attributes["policies"], attributes["alerts"]
    assert UseCase.model_validate(attributes).policies.level == 90


def test_every_make_target_named_is_in_the_makefile_and_the_two_commands_are_named() -> None:
    named = set(re.findall(r"(?:`|^    )make ([a-z]+)", README, re.MULTILINE))
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"run", "test"} <= named <= targets


def test_every_command_named_exists_and_every_command_is_named() -> None:
    named = set(re.findall(r"`loopcast ([a-z-]+)", README))
    assert named == set(cli.commands)


def test_options_named_with_a_command_exist() -> None:
    lines = re.findall(r"`loopcast ([a-z-]+)([^`]*)`", README)
    wrong = [
        (name, option)
        for name, rest in lines
        for option in re.findall(r"--[a-z]+", rest)
        if not any(option in parameter.opts for parameter in cli.commands[name].params)
    ]
    assert wrong == []


def test_the_component_named_is_the_one_that_loads() -> None:
    assert {name.rstrip(".") for name in re.findall(r"type: ([\w.]+)", README)} == {COMPONENT}


def test_the_variables_named_are_those_that_count() -> None:
    rows = re.findall(r"^\| `(LOOPCAST_[A-Z_]+)` \|[^|]*\| ([^|]+) \|", README, re.MULTILINE)
    assert len(rows) == 5
    defaults = {name: default.strip("` ") for name, default in rows}
    settings = read_settings({"LOOPCAST_HOME": "/h"})
    assert f"/h/{defaults['LOOPCAST_LAKE']}" == settings.lake
    assert Path(f"/h/{defaults['LOOPCAST_USE_CASES']}") == settings.use_cases
    assert Path(f"/h/{defaults['LOOPCAST_INBOX']}") == settings.inbox
    assert Path(f"/h/{defaults['LOOPCAST_WAREHOUSE']}") == settings.warehouse


@pytest.mark.parametrize("path", sorted(set(paths_of_map())))
def test_the_map_names_only_what_is_there(path: str) -> None:
    found = ROOT / path
    assert found.is_dir() if path.endswith("/") else found.is_file()


def test_the_map_names_every_part_of_the_package() -> None:
    package = ROOT / "platform" / "loopcast"
    parts = {f"platform/loopcast/{folder.name}/" for folder in package.iterdir() if (folder / "__init__.py").is_file()}
    assert parts <= set(paths_of_map())


def test_every_file_that_readme_links_to_or_names_is_there() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    named = re.findall(r"`((?:platform|platform_tests|docs)/[\w./-]+)`", README)
    missing = [name for name in {*links, *named} if not (ROOT / name).exists()]
    assert missing == []
    assert not any(Path(name).is_absolute() for name in links)


def test_what_running_leaves_behind_is_not_kept_in_git() -> None:
    ignored = (ROOT / ".gitignore").read_text().split()
    assert [name for name in MADE_BY_RUNNING if f"{name}/" not in ignored] == []
