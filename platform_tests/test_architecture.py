"""What holds the house together: who may import whom, and what must not be where."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import loopcast

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "platform" / "loopcast"


def run_python(code: str, *, cwd: Path, path: Path | None = None) -> str:
    environment = {"PATH": "", "PYTHONPATH": str(path or ROOT / "platform"), "PYTHONSAFEPATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_imports_go_one_way() -> None:
    pytest.importorskip("importlinter")
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    told = run_python(code, cwd=ROOT)
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert len(contracts) >= 5
    assert f"{len(contracts)} kept, 0 broken" in told


def test_the_source_root_is_no_package() -> None:
    assert not (ROOT / "platform" / "__init__.py").exists()


def test_from_a_clone_the_standard_platform_module_is_still_imported() -> None:
    code = (
        "import sys, platform; assert sys.path[0] == '', sys.path; print(platform.__file__, platform.python_version())"
    )
    file, version = run_python(code, cwd=ROOT, path=ROOT).split()
    assert not Path(file).is_relative_to(ROOT)
    assert version == ".".join(map(str, sys.version_info[:3]))


def test_all_init_files_but_the_root_one_are_empty() -> None:
    found = sorted(PACKAGE.rglob("__init__.py"))
    assert len(found) > 8
    assert [file for file in found if file.read_text().strip()] == [PACKAGE / "__init__.py"]


def test_every_folder_of_code_is_a_package_and_no_test_folder_is() -> None:
    folders = {file.parent for file in PACKAGE.rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []
    assert list((ROOT / "platform_tests").rglob("__init__.py")) == []


def test_every_public_name_is_there() -> None:
    assert len(loopcast.__all__) > 10
    assert all(getattr(loopcast, name) is not None for name in loopcast.__all__)
    assert dir(loopcast) == list(loopcast.__all__)
    with pytest.raises(AttributeError, match=r"it has .*UseCase"):
        loopcast.Nothing  # noqa: B018


def test_importing_the_package_alone_loads_nothing_heavy(tmp_path: Path) -> None:
    heavy = ("dagster", "sktime", "sklearn", "pandas", "duckdb", "altair")
    code = f"import sys, loopcast; print([name for name in {heavy!r} if name in sys.modules])"
    assert run_python(code, cwd=tmp_path) == "[]"


def test_the_domain_loads_without_dagster_duckdb_and_sktime(tmp_path: Path) -> None:
    code = (
        "import sys, loopcast.zoo.build, loopcast.zoo.predict, loopcast.experimentation.backtest, "
        "loopcast.reflection.accuracy; print([n for n in ('dagster', 'duckdb', 'sktime', 'yaml') if n in sys.modules])"
    )
    assert run_python(code, cwd=tmp_path) == "[]"


def test_every_module_opens_by_saying_what_belongs_there() -> None:
    files = [file for file in PACKAGE.rglob("*.py") if file.name != "__init__.py"]
    assert len(files) > 60
    assert [file for file in files if not file.read_text().startswith('"""')] == []


def test_no_file_of_code_has_outgrown_its_place() -> None:
    long = {file: lines for file in PACKAGE.rglob("*.py") if (lines := file.read_text().count("\n")) > 500}
    assert long == {}
