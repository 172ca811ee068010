"""Any Dagster project that installs the package declares a use case among its own definitions."""

import importlib.metadata
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster.components.core.component_tree import ComponentTreeException
from dagster.components.core.package_entry import DG_PLUGIN_ENTRY_POINT_GROUP, discover_entry_point_package_objects

from loopcast.orchestration.component import ForecastUseCase
from loopcast.use_case.loader import COMPONENT
from loopcast.use_case.model import UseCase
from made_use_case import YAML

PACKAGE = "harbour_of_tests"
OWN = """
import dagster as dg

@dg.asset
def tide_table() -> None:
    "An asset of the project's own."

@dg.asset(deps=[dg.AssetKey(["counts", "forecast"])])
def staffing_plan() -> None:
    "What the project makes of our forecast."
"""
PYPROJECT = f"""
[tool.dg]
directory_type = "project"
[tool.dg.project]
root_module = "{PACKAGE}"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    defs = tmp_path / PACKAGE / "defs"
    (defs / "traffic").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    for folder in (defs.parent, defs):
        (folder / "__init__.py").touch()
    (defs / "own.py").write_text(OWN)
    (defs / "traffic" / "defs.yaml").write_text(YAML.format(name="counts"))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("LOOPCAST_HOME", str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
        del sys.modules[name]


@pytest.mark.parametrize("how", ["load_from_defs_folder", "component_tree"])
def test_a_use_case_stands_among_the_project_s_own_assets(project: Path, how: str) -> None:
    if how == "component_tree":
        loaded = dg.ComponentTree.for_project(project).build_defs()
    else:
        loaded = dg.load_from_defs_folder(path_within_project=project)

    @dg.asset
    def another() -> None: ...

    merged = dg.Definitions.merge(loaded, dg.Definitions(assets=[another]))
    dg.Definitions.validate_loadable(merged)
    graph = merged.resolve_asset_graph()
    keys = {key.to_user_string() for key in graph.get_all_asset_keys()}
    assert {"tide_table", "staffing_plan", "another", "counts/dataset", "counts/forecast"} <= keys
    assert graph.get(dg.AssetKey("staffing_plan")).parent_keys == {dg.AssetKey(["counts", "forecast"])}
    with dg.DagsterInstance.ephemeral() as instance:
        job = merged.resolve_implicit_global_asset_job_def()
        assert job.execute_in_process(asset_selection=[dg.AssetKey("tide_table")], instance=instance).success


def test_a_wrong_field_is_refused_by_dagster_too(project: Path) -> None:
    file = project / PACKAGE / "defs" / "traffic" / "defs.yaml"
    file.write_text(file.read_text().replace("horizon: 1D", "horizon: 1Y"))
    with pytest.raises(ComponentTreeException) as refused:
        dg.load_from_defs_folder(path_within_project=project)
    told = "".join(traceback.format_exception(refused.value))
    assert "attributes.horizon" in told
    assert "1D, 1W, 1M" in told


def test_the_installed_distribution_names_our_module_in_the_entry_point_group() -> None:
    entries = importlib.metadata.distribution("loopcast").entry_points.select(group=DG_PLUGIN_ENTRY_POINT_GROUP)
    assert [entry.value for entry in entries] == [ForecastUseCase.__module__]
    found = {f"{key.namespace}.{key.name}": value for key, value in discover_entry_point_package_objects().items()}
    assert found[COMPONENT] is ForecastUseCase
    assert ForecastUseCase.get_model_cls() is UseCase
