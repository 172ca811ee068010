"""The code location: every use case below the use-case folder, the overview of all, and the executor.

`loopcast.orchestration.component` says what a use case consists of.
"""

from pathlib import Path
from types import ModuleType

import dagster as dg

from loopcast.orchestration.assets.overview import build_overview
from loopcast.orchestration.sensors import build_overview_sensor
from loopcast.orchestration.settings import read_settings
from loopcast.use_case.loader import load_use_cases


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions of all use cases.

    Raises:
        UseCaseError: a use case's YAML is wrong; the message names file, line, field, found and expected.
    """
    settings = read_settings()
    names = list(load_use_cases(settings.use_cases))
    of_all = dg.Definitions(
        assets=[build_overview(names, settings=settings)],
        sensors=[build_overview_sensor()],
        executor=dg.in_process_executor,
    )
    return dg.Definitions.merge(load_components(settings.use_cases), of_all)


def load_components(folder: Path) -> dg.Definitions:
    """Return the definitions of all components below a folder, which need be neither a package nor importable."""
    module = ModuleType(f"loopcast_use_cases_{folder.name}")
    module.__file__, module.__path__ = None, [str(folder)]
    return dg.ComponentTree.from_module(defs_module=module, project_root=folder.parent).build_defs()
