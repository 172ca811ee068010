"""The warehouse as a user meets it: rebuilt in one command, queried read-only."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from loopcast.cli.main import cli
from loopcast.loop.project import find_project
from loopcast.orchestration.settings import read_settings
from made_use_case import NOW, PANEL_YAML, make_counts, make_home, make_sales, send


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


def read(*words: str) -> Any:
    result = run(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def query(sql: str) -> Any:
    return read("warehouse", "query", sql)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with two use cases that had an update each."""
    folder = make_home(tmp_path_factory.mktemp("warehouse"))
    (folder / "platform" / "use_cases" / "shops").mkdir()
    (folder / "platform" / "use_cases" / "shops" / "defs.yaml").write_text(PANEL_YAML)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOOPCAST_HOME", str(folder))
        patch.setenv("DAGSTER_HOME", str(folder))
        for name, frame in (("counts", make_counts("2024-01-01", 2)), ("shops", make_sales("2024-01-01", 2))):
            project = find_project(name, settings=read_settings())
            project.store.versions.settle(send(project, frame), now=NOW)
        yield folder


def test_all_of_it_is_rebuilt_in_one_command(home: Path) -> None:
    path = home / ".loopcast" / "warehouse.duckdb"
    result = run("warehouse", "query", "SELECT 1")
    assert (result.exit_code, "make it with `loopcast warehouse rebuild`" in str(result.exception)) == (1, True)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"damaged")
    assert [row["use_case"] for row in read("warehouse", "rebuild")] == ["counts", "shops"]
    assert query("SELECT version FROM counts.versions UNION ALL SELECT version FROM shops.versions") == [
        {"version": "v00000001"},
        {"version": "v00000001"},
    ]
    assert [row["use_case"] for row in read("warehouse", "rebuild", "shops")] == ["shops"]
    assert query("SELECT count(DISTINCT shop) AS shops FROM shops.dataset") == [{"shops": 2}]
    assert query("SELECT count(*) AS n, sum(count) AS total FROM counts.dataset") == [
        {"n": 48, "total": pytest.approx(make_counts("2024-01-01", 2)["count"].sum())}
    ]


@pytest.mark.parametrize("name", ["rebuild", "query"])
def test_every_command_has_help_with_an_example(name: str) -> None:
    assert f"Example: loopcast warehouse {name}" in " ".join(run("warehouse", name, "--help").output.split())
