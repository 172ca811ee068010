"""Reflection as an asset: orders from the launchpad, what the catalog shows, and the sensor that finds what waits."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from loopcast.loop.judging.decisions import read_newest
from loopcast.loop.judging.orders import Order, give_order
from loopcast.orchestration import waiting
from loopcast.orchestration.assets import reflection
from loopcast.orchestration.component import build_use_case_defs
from loopcast.orchestration.names import DUE, Names
from loopcast.orchestration.resources import ProjectResource
from loopcast.orchestration.runs import QUIET
from loopcast.orchestration.stage import Stage
from made_use_case import NOW, YAML, make_counts, make_project, take_turn

KEY = Names("counts").asset("reflection")


class Launchpad:
    """A use case with an instance; reflection is run as from the UI."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance, rebuild: str) -> None:
        yaml = YAML.format(name="counts").replace("n_windows: 7", f"n_windows: 7, rebuild: {rebuild}")
        self.project, self.instance = make_project(folder, yaml=yaml), instance
        self.resource = ProjectResource.of(self.project.use_case, settings=self.project.settings)
        self.defs = build_use_case_defs(self.project.use_case, resource=self.resource)
        take_turn(self.project, make_counts("2024-01-01", 35))

    def run(self, tags: dict[str, str] | None = None, **config: str) -> dg.ExecuteInProcessResult:
        job = self.defs.resolve_implicit_global_asset_job_def()
        return job.execute_in_process(
            asset_selection=[KEY], instance=self.instance, raise_on_error=False, tags=tags,
            run_config={**QUIET, "ops": {"counts__reflection": {"config": config}}},
        )  # fmt: skip

    def tick(self) -> Any:
        with dg.build_sensor_context(instance=self.instance, resources={"counts_project": self.resource}) as context:
            return waiting.build_waiting_sensor(Stage(self.project.use_case))._raw_fn(context)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def test_a_decision_is_approved_from_the_launchpad(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pad = Launchpad(tmp_path, instance, "{approval: all}")
    result = pad.run(order="approve", actor="ana", reason="go")
    assert result.success
    (made,) = result.asset_materializations_for_node("counts__reflection")
    told = {name: value.value for name, value in made.metadata.items()}
    assert (told["decision"], told["action"], told["build"], told["asked_by"]) == (
        "d00000002", "build_first", "b0001", "ana",
    )  # fmt: skip
    assert instance.get_dynamic_partitions("counts_builds") == ["b0001"], "the new key materializes `experiment`"
    trail = [record.data["what"] for record in made.metadata["audit"].records]  # type: ignore[union-attr, attr-defined]
    assert trail == ["decision", "build", "order", "decision"]
    again = pad.run(order="approve", actor="ana")
    assert not again.success
    (failed,) = [event for event in again.all_events if event.is_step_failure]
    assert "d00000002 has opened b0001 already" in failed.step_failure_data.user_failure_data.description
    assert pad.run().success, "without an order it is as always"


def test_the_launchpad_refuses_what_is_no_order(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pad = Launchpad(tmp_path, instance, "{approval: all}")
    with pytest.raises(dg.DagsterInvalidConfigError, match="not in enum type Kind got stop"):
        pad.run(order="stop")
    assert not pad.run(order="approve").success, "an order needs a name"


def test_the_sensor_asks_for_one_run_per_order(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    pad = Launchpad(tmp_path, instance, "{approval: all}")
    assert isinstance(pad.tick(), dg.SkipReason)
    give_order(pad.project, Order("approve", actor="ana"), now=NOW)
    asked = pad.tick()
    assert (asked.run_key, asked.tags[DUE]) == ("order-1/0", "order-1")
    assert pad.run(tags=asked.tags).success
    assert read_newest(pad.project).build == "b0001"  # type: ignore[union-attr]
    assert isinstance(pad.tick(), dg.SkipReason)


def test_the_sensor_asks_for_a_waiting_build_when_its_hour_comes(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reflection, "current_time", lambda: NOW)
    monkeypatch.setattr(waiting, "current_time", lambda: NOW)
    pad = Launchpad(tmp_path, instance, '{budget: {hours: "22:00-06:00"}}')
    assert isinstance(pad.tick(), dg.SkipReason)
    monkeypatch.setattr(waiting, "current_time", lambda: NOW + timedelta(hours=11))
    asked = pad.tick()
    assert asked.run_key == "d00000001/0"
    for _ in range(3):
        pad.run(tags=asked.tags)
    assert "has had 3 runs" in pad.tick().skip_message
