"""What all assets of one use case share: names, owners, tags, the resource, and how an error is shown.

The assets themselves are in `loopcast.orchestration.assets`, one file per stage.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pandas as pd

from loopcast.errors import LoopcastError, StoreError
from loopcast.loop.project import Project
from loopcast.orchestration.automation import MADE
from loopcast.orchestration.names import Names
from loopcast.orchestration.resources import ProjectResource
from loopcast.use_case.model import UseCase


@dataclass(frozen=True)
class Stage:
    """One use case as the assets see it.

    Args:
        use_case: the use case.
    """

    use_case: UseCase

    @property
    def names(self) -> Names:
        """Names of the use case's assets, partition spaces and jobs."""
        return Names(self.use_case.name)

    @property
    def resource_key(self) -> str:
        """Key of the use case's `ProjectResource`."""
        return f"{self.use_case.name}_project"

    @property
    def warehouse_key(self) -> str:
        """Key of the use case's `WarehouseResource`."""
        return f"{self.use_case.name}_warehouse"

    @property
    def freshness(self) -> dg.FreshnessPolicy:
        """Overdue when no update arrived within the contract's cadence and grace; a warning after the cadence."""
        contract = self.use_case.contract
        cadence, grace = (pd.Timedelta(text).to_pytimedelta() for text in (contract.cadence, contract.grace))
        return dg.FreshnessPolicy.time_window(fail_window=cadence + grace, warn_window=cadence)

    def project(self, context: Any) -> Project:
        """Return the project from an asset's or sensor's context."""
        resource: ProjectResource = getattr(context.resources, self.resource_key)
        return resource.open()

    def spec(self, noun: str, *, kinds: set[str], description: str) -> dict[str, Any]:
        """Return what every asset of the use case carries: key, group, owners, tags, kinds, description, steward.

        Args:
            noun: second part of the asset key.
            kinds: shown as icons in the UI.
            description: what exists when the asset is materialized, in Markdown.
        """
        return {
            "key": self.names.asset(noun),
            "group_name": self.use_case.name,
            "owners": list(self.use_case.owners),
            "tags": {**self.use_case.tags, "steward": _to_tag(self.use_case.steward)},
            "kinds": kinds,
            "description": f"{description}\n\n**Made {MADE[noun]}**",
            "metadata": {"steward": self.use_case.steward, "contract_version": self.use_case.contract.version},
        }

    def computed(self, noun: str, *, kinds: set[str], description: str) -> dict[str, Any]:
        """Return the same for an asset that loopcast computes: with its resource."""
        return {
            **self.spec(noun, kinds=kinds, description=description),
            "required_resource_keys": {self.resource_key},
        }


def current_time() -> datetime:
    """Return the time now, aware, in UTC: the one place that reads the clock for the loop."""
    return datetime.now(UTC)


@contextmanager
def explain_failures(metadata: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Turn an error of ours into a failure that the run page shows in words.

    Errors of the store may pass by themselves, so their step may be retried; all others may not.
    """
    try:
        yield
    except LoopcastError as error:
        raise dg.Failure(
            description=str(error), metadata=metadata, allow_retries=isinstance(error, StoreError)
        ) from None


def explain_step(data: Any) -> str:
    """Return a step's failure in words: our own description, else the error at the root."""
    if data.user_failure_data and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    error = data.error
    while error and error.cause:
        error = error.cause
    return error.message.strip() if error else ""


def _to_tag(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", text.replace("@", "_at_"))[:63]
