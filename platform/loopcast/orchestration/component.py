"""The Dagster component: one YAML document becomes the assets, checks, job and sensors of one use case.

Its attributes are the frozen model in `loopcast.use_case.model`, which knows nothing of Dagster.
"""

from collections.abc import Callable
from typing import Self

import dagster as dg
from pydantic import BaseModel

from loopcast.orchestration.alerting import build_alert_sensor, list_watched
from loopcast.orchestration.assets.accuracy_report import build_accuracy_report
from loopcast.orchestration.assets.champion import build_champion
from loopcast.orchestration.assets.dataset import build_dataset
from loopcast.orchestration.assets.experiment import build_experiment
from loopcast.orchestration.assets.forecast import build_forecast
from loopcast.orchestration.assets.model_zoo import build_model_zoo
from loopcast.orchestration.assets.profile import build_profile
from loopcast.orchestration.assets.raw_update import build_raw_update
from loopcast.orchestration.assets.reflection import build_reflection
from loopcast.orchestration.assets.root_cause import build_root_cause
from loopcast.orchestration.assets.source_feed import build_source_feed
from loopcast.orchestration.assets.warehouse import build_warehouse
from loopcast.orchestration.jobs import build_turn
from loopcast.orchestration.polling import build_poll_sensors, build_source_checks
from loopcast.orchestration.resources import ProjectResource, WarehouseResource
from loopcast.orchestration.sensors import build_automation_sensor, build_inbox_sensor
from loopcast.orchestration.settings import read_settings
from loopcast.orchestration.stage import Stage
from loopcast.orchestration.waiting import build_waiting_sensor
from loopcast.use_case.contract import join_contract
from loopcast.use_case.model import UseCase

COMPUTED: tuple[Callable[[Stage], dg.AssetsDefinition], ...] = (
    build_raw_update,
    build_dataset,
    build_experiment,
    build_model_zoo,
    build_champion,
    build_forecast,
    build_accuracy_report,
    build_reflection,
    build_root_cause,
    build_profile,
    build_warehouse,
)


class ForecastUseCase(dg.Component):
    """One forecasting use case: updates in, forecasts, accuracy reports and decisions out, by themselves."""

    def __init__(self, use_case: UseCase) -> None:
        """Keep the use case."""
        self.use_case = use_case

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """Return the model of what may stand under `attributes`."""
        return UseCase

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        """Return the component for validated attributes, with the contract beside its file."""
        folder = context.path if context.path.is_dir() else context.path.parent
        return cls(join_contract(UseCase.model_validate(attributes), folder=folder))

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:  # noqa: ARG002
        """Return the definitions of the use case."""
        return build_use_case_defs(self.use_case)


def build_use_case_defs(use_case: UseCase, *, resource: ProjectResource | None = None) -> dg.Definitions:
    """Return the assets, checks, job, sensors and resources of one use case.

    Args:
        use_case: the use case.
        resource: opens its store and inbox, and names the warehouse; default: as the environment says
            (`loopcast.orchestration.settings`).
    """
    stage = Stage(use_case)
    opened = resource or ProjectResource.of(use_case, settings=read_settings())
    computed, checks = [build(stage) for build in COMPUTED], build_source_checks(stage)
    alerts = build_alert_sensor(stage, list_watched([*computed, *checks]))
    sensors = [build_inbox_sensor(stage), build_automation_sensor(stage), build_waiting_sensor(stage), alerts]
    return dg.Definitions(
        assets=[build_source_feed(stage), *computed],
        asset_checks=checks,
        jobs=[build_turn(stage.names)],
        sensors=[*sensors, *build_poll_sensors(stage)],
        resources={stage.resource_key: opened, stage.warehouse_key: WarehouseResource(path=opened.warehouse)},
    )
