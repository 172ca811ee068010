"""The open data platform on Dagster in which the forecasting lifecycle runs by itself.

This is the public surface. Names are loaded when first used: `import loopcast` alone takes milliseconds.
"""

from importlib import import_module
from typing import Any

_PUBLIC = {
    "LoopcastError": "loopcast.errors",
    "ModelZoo": "loopcast.zoo.estimator.model_zoo",
    "Panel": "loopcast.zoo.panel",
    "Store": "loopcast.store.store",
    "TableSpec": "loopcast.dataops.table",
    "Upload": "loopcast.store.version_records",
    "UseCase": "loopcast.use_case.model",
    "Variable": "loopcast.dataops.table",
    "Zoo": "loopcast.zoo.zoo",
    "ZooSpec": "loopcast.zoo.spec",
    "build_zoo": "loopcast.zoo.build",
    "load_use_cases": "loopcast.use_case.loader",
    "open_store": "loopcast.store.store",
    "panel_from_frame": "loopcast.zoo.panel",
    "predict": "loopcast.zoo.predict",
}

__all__ = sorted(_PUBLIC)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    """Return a public name, loading its module."""
    if name not in _PUBLIC:
        raise AttributeError(f"loopcast has no {name!r}; it has {', '.join(sorted(_PUBLIC))}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(_PUBLIC)
