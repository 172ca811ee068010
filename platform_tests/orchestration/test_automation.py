"""What Dagster asks for by itself, condition by condition, over one use case's first days."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from loopcast.loop.turns import Turn
from loopcast.orchestration.automation import MADE
from loopcast.orchestration.component import build_use_case_defs
from loopcast.orchestration.names import USE_CASE, Names
from loopcast.orchestration.resources import ProjectResource
from loopcast.orchestration.runs import QUIET
from loopcast.orchestration.sensors import turn_selection, turn_tags
from made_use_case import make_counts, make_project, send

Requested = dict[str, set[str | None]]


class Daemon:
    """Evaluates the conditions as the daemon does, and runs what a test asks for."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance) -> None:
        self.project, self.instance, self.names = make_project(folder), instance, Names("counts")
        resource = ProjectResource.of(self.project.use_case, settings=self.project.settings)
        self.defs = build_use_case_defs(self.project.use_case, resource=resource)
        # In a history without any event Dagster cannot tell which runs are new, so that tags do not count.
        instance.report_runless_asset_event(dg.AssetObservation(self.names.asset("source_feed")))
        self.cursor = dg.evaluate_automation_conditions(self.defs, instance).cursor

    def tick(self) -> Requested:
        """Return what is asked for, but for the warehouse, which is asked for after nearly everything."""
        return {noun: keys for noun, keys in self.tick_all().items() if noun != "warehouse"}

    def tick_all(self) -> Requested:
        result = dg.evaluate_automation_conditions(self.defs, self.instance, cursor=self.cursor)
        self.cursor = result.cursor
        keys = self.defs.resolve_asset_graph().get_all_asset_keys()
        return {key.path[-1]: set(found) for key in keys if (found := result.get_requested_partitions(key))}

    def run_turn(self, content: object, *, has_zoo: bool) -> bool:
        version = send(self.project, content)  # type: ignore[arg-type]
        self.instance.add_dynamic_partitions("counts_versions", [version])
        turn = Turn(version, "chain", has_zoo=has_zoo)
        keys, tags = turn_selection(self.names, turn), turn_tags(self.names, turn)
        return self._run(self.defs.resolve_job_def("counts_turn"), keys, version, tags)

    def materialize(self, nouns: str | list[str], key: str | None = None) -> bool:
        job = self.defs.resolve_implicit_global_asset_job_def()
        keys = [self.names.asset(noun) for noun in ([nouns] if isinstance(nouns, str) else nouns)]
        return self._run(job, keys, key, {USE_CASE: "counts"})

    def begin(self, noun: str, key: str | None) -> dg.DagsterRun:
        """Record a run that has started and does not end."""
        job = self.defs.resolve_implicit_global_asset_job_def()
        return self.instance.create_run_for_job(
            job,
            tags={USE_CASE: "counts"} | ({"dagster/partition": key} if key else {}),
            asset_selection=frozenset({self.names.asset(noun)}),
            status=dg.DagsterRunStatus.STARTED,
        )

    def _run(self, job: dg.JobDefinition, keys: list[dg.AssetKey], key: str | None, tags: dict[str, str]) -> bool:
        done = job.execute_in_process(
            asset_selection=keys,
            partition_key=key,
            tags=tags,
            instance=self.instance,
            raise_on_error=False,
            run_config=QUIET,
        )
        return done.success


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Daemon(tmp_path, instance)


def start(daemon: Daemon) -> None:
    """Take a first version to its zoo and forecast, as the daemon would."""
    daemon.run_turn(make_counts("2024-01-01", 42), has_zoo=False)
    for noun, key in (("reflection", None), ("experiment", "b0001"), ("model_zoo", "z0001"), ("forecast", "v00000001")):
        assert daemon.materialize(noun, key)
    while asked := daemon.tick_all():
        for noun in {"warehouse", "champion"} & set(asked):
            assert daemon.materialize(noun)


def test_from_the_first_update_to_the_zoo_each_step_asks_for_the_next_and_once(daemon: Daemon) -> None:
    assert daemon.tick() == {}
    assert daemon.run_turn(make_counts("2024-01-01", 42), has_zoo=False)
    assert daemon.tick() == {"reflection": {None}}
    assert daemon.tick() == {}
    assert daemon.materialize("reflection")
    assert daemon.tick() == {"experiment": {"b0001"}}
    assert daemon.tick() == {}
    assert daemon.materialize("experiment", "b0001")
    assert daemon.tick() == {"model_zoo": {"z0001"}}
    assert daemon.tick() == {}
    assert daemon.materialize("model_zoo", "z0001")
    assert daemon.tick() == {"champion": {None}}
    assert daemon.tick() == {}


def test_a_turn_s_own_update_asks_for_nothing(daemon: Daemon) -> None:
    start(daemon)
    assert daemon.run_turn(make_counts("2024-02-12", 1), has_zoo=True)
    assert daemon.tick() == {}


def settle_down(daemon: Daemon) -> list[Requested]:
    """Materialize whatever is asked for until nothing is, as the daemon does; return what each tick asked for."""
    ticks = []
    while asked := daemon.tick_all():
        ticks.append(asked)
        assert len(ticks) < 10, "it never ends"
        for noun, keys in asked.items():
            for key in sorted(keys, key=str):
                assert daemon.materialize(noun, key)
    return ticks


def test_an_old_dataset_made_again_has_what_depends_on_it_made_again_and_only_that_once(daemon: Daemon) -> None:
    start(daemon)
    daemon.run_turn(make_counts("2024-02-12", 1), has_zoo=True)
    daemon.run_turn(make_counts("2024-02-13", 1), has_zoo=True)
    settle_down(daemon)
    assert daemon.materialize("dataset", "v00000002")
    old = {"v00000002"}
    ticks = settle_down(daemon)
    assert [tick.pop("warehouse", None) for tick in ticks][-1] == {None}, "all of it is delivered"
    assert [tick for tick in ticks if tick] == [
        dict.fromkeys(("forecast", "accuracy_report", "profile"), old),
        {"root_cause": old, "reflection": {None}},
    ]


@pytest.mark.parametrize(
    ("nouns", "asked"),
    [
        (["dataset", "forecast", "accuracy_report", "root_cause", "profile"], [{"reflection": {None}}]),
        (["dataset", "forecast"], [{"accuracy_report", "profile", "root_cause"}, {"reflection"}]),
    ],
)
def test_a_backfill_of_several_assets_and_versions_asks_only_for_what_it_left_out(
    daemon: Daemon, nouns: list[str], asked: list[set[str]]
) -> None:
    start(daemon)
    for day in (12, 13, 14):
        daemon.run_turn(make_counts(f"2024-02-{day}", 1), has_zoo=True)
    settle_down(daemon)
    versions = {"v00000002", "v00000003"}
    for version in sorted(versions):
        assert daemon.materialize(nouns, version)
    ticks = [{noun: keys for noun, keys in tick.items() if noun != "warehouse"} for tick in settle_down(daemon)]
    assert [set(tick) for tick in ticks if tick] == [set(one) for one in asked]
    assert all(keys in ({None}, versions) for tick in ticks for keys in tick.values())


def test_a_forecast_made_again_asks_for_its_root_causes_and_a_zoo_for_nothing(daemon: Daemon) -> None:
    start(daemon)
    daemon.run_turn(make_counts("2024-02-12", 1), has_zoo=True)
    daemon.tick()
    assert daemon.materialize("forecast", "v00000001")
    assert daemon.materialize("model_zoo", "z0001")
    assert daemon.tick() == {"root_cause": {"v00000001"}, "champion": {None}}
    assert daemon.tick() == {}


def test_a_report_made_alone_is_reflected_on(daemon: Daemon) -> None:
    start(daemon)
    daemon.run_turn(make_counts("2024-02-12", 1), has_zoo=True)
    assert daemon.tick() == {}
    assert daemon.materialize("accuracy_report", "v00000002")
    assert daemon.tick() == {"reflection": {None}}


def test_a_refused_update_asks_for_nothing_and_stops_nothing(daemon: Daemon) -> None:
    start(daemon)
    assert not daemon.run_turn(b"at,count\n2024-02-12 00:00,many\n", has_zoo=True)
    assert daemon.tick() == {}
    assert daemon.run_turn(make_counts("2024-02-12", 1), has_zoo=True)
    assert daemon.tick() == {}
    assert daemon.materialize("dataset", "v00000003")
    assert daemon.tick()["forecast"] == {"v00000003"}


def test_an_experiment_whose_gate_is_shut_opens_no_zoo_and_is_not_asked_for_again(daemon: Daemon) -> None:
    counts = make_counts("2024-01-01", 42)
    daemon.run_turn(counts.assign(count=counts["at"].dt.hour), has_zoo=False)  # a naive is never wrong here
    daemon.materialize("reflection")
    daemon.tick()
    assert daemon.materialize("experiment", "b0001")
    assert daemon.instance.get_dynamic_partitions("counts_zoos") == []
    assert daemon.tick() == {}


WAREHOUSE = {"warehouse": {None}}


def test_a_turn_is_delivered_once_it_has_ended_and_a_delivery_asks_for_nothing(daemon: Daemon) -> None:
    start(daemon)
    assert daemon.run_turn(make_counts("2024-02-12", 1), has_zoo=True)
    assert daemon.tick_all() == WAREHOUSE
    assert daemon.tick_all() == {}
    assert daemon.materialize("warehouse")
    assert daemon.tick_all() == {}


def test_many_turns_between_two_ticks_are_delivered_at_once(daemon: Daemon) -> None:
    start(daemon)
    for day in (12, 13, 14):
        assert daemon.run_turn(make_counts(f"2024-02-{day}", 1), has_zoo=True)
    assert daemon.tick_all() == WAREHOUSE
    assert daemon.tick_all() == {}


@pytest.mark.parametrize("under_way", ["forecast", "warehouse"])
def test_news_wait_while_a_turn_or_a_delivery_is_under_way(daemon: Daemon, under_way: str) -> None:
    start(daemon)
    assert daemon.run_turn(make_counts("2024-02-12", 1), has_zoo=True)
    keys = {"forecast": "v00000002", "warehouse": None}
    run = daemon.begin(under_way, keys[under_way])
    assert [daemon.tick_all(), daemon.tick_all()] == [{}, {}]
    daemon.instance.report_run_canceled(run)
    assert daemon.tick_all() == WAREHOUSE
    assert daemon.tick_all() == {}


def test_what_happens_between_a_request_and_its_delivery_is_delivered_too(daemon: Daemon) -> None:
    daemon.run_turn(make_counts("2024-01-01", 42), has_zoo=False)
    assert daemon.tick_all() == {"reflection": {None}}, "its decision is delivered with the rest"
    daemon.materialize("reflection")
    assert daemon.tick_all() == {"experiment": {"b0001"}, **WAREHOUSE}
    daemon.materialize("warehouse")
    daemon.materialize("experiment", "b0001")
    assert daemon.tick_all() == {"model_zoo": {"z0001"}}
    daemon.materialize("warehouse")
    daemon.materialize("model_zoo", "z0001")
    assert daemon.tick_all() == {"champion": {None}, **WAREHOUSE}
    assert daemon.tick_all() == {}


def test_a_refused_update_delivers_nothing(daemon: Daemon) -> None:
    start(daemon)
    assert not daemon.run_turn(b"at,count\n2024-02-12 00:00,many\n", has_zoo=True)
    assert daemon.tick_all() == {}


def test_a_build_opened_before_anybody_looked_is_asked_for_once(daemon: Daemon) -> None:
    daemon.instance.add_dynamic_partitions("counts_builds", ["b0001"])
    daemon.cursor = None
    assert daemon.tick()["experiment"] == {"b0001"}
    assert "experiment" not in daemon.tick()


def test_every_asset_says_when_it_is_made_and_every_condition_and_its_terms_say_what_they_mean(daemon: Daemon) -> None:
    graph = daemon.defs.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert f"**Made {MADE[key.path[-1]]}**" in (node.description or "")
        if node.automation_condition is not None:
            assert node.automation_condition.get_label()
            assert len(list_labels(node.automation_condition)) >= 3
    assert all(getattr(sensor, "description", None) for sensor in daemon.defs.sensors or [])


def list_labels(condition: dg.AutomationCondition) -> list[str]:
    own = [condition.get_label()] if condition.get_label() else []
    return [*own, *(label for child in condition.children for label in list_labels(child))]
