"""The code location: every use case below the use-case folder, and the executor.

`loopcast.orchestration.component` says what a use case consists of.
"""

from pathlib import Path
from types import ModuleType

import dagster as dg

from loopcast.orchestration.settings import read_settings
from loopcast.use_case.loader import load_use_cases


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions of all use cases.

    Raises:
        UseCaseError: a use case's YAML is wrong; the message names file, line, field, found and expected.
    """
    folder = read_settings().use_cases
    load_use_cases(folder)
    return dg.Definitions.merge(load_components(folder), dg.Definitions(executor=dg.in_process_executor))


def load_components(folder: Path) -> dg.Definitions:
    """Return the definitions of all components below a folder, which need be neither a package nor importable."""
    module = ModuleType(f"loopcast_use_cases_{folder.name}")
    module.__file__, module.__path__ = None, [str(folder)]
    return dg.ComponentTree.from_module(defs_module=module, project_root=folder.parent).build_defs()
