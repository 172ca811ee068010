"""How long ticks take with 50 use cases of 1,000 versions each, how large the daemon gets, and how soon pages open.

Seconds of CPU of one evaluation of the conditions and one of the inbox sensor, in this process; then the real daemon
and webserver: seconds from tick to tick, and until an asset's page can be used in a browser (Chromium, where there is
one).
"""

import logging
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.automation_tick_evaluation_context import AutomationTickEvaluationContext
from dagster._core.events import StepMaterializationData
from dagster._daemon.asset_daemon import (
    AssetDaemonCursor,
    asset_daemon_cursor_from_instigator_serialized_cursor,
    asset_daemon_cursor_to_instigator_serialized_cursor,
)
from tick_home import FIRST, PER_VERSION, finish_version, make_platform, name_use_cases

from loopcast.loop.contract import settle_version
from loopcast.loop.project import Project, find_project
from loopcast.loop.turns import Turn
from loopcast.orchestration.definitions import defs as load_definitions
from loopcast.orchestration.instance import find_home, open_instance
from loopcast.orchestration.names import Names
from loopcast.orchestration.resources import ProjectResource
from loopcast.orchestration.sensors import build_inbox_sensor, turn_selection, turn_tags
from loopcast.orchestration.serve import Platform, pick_port
from loopcast.orchestration.settings import read_settings
from loopcast.orchestration.stage import Stage
from made_use_case import make_counts, to_csv

USE_CASES, VERSIONS, ROUNDS = 50, 1000, 3
SERVED_SECONDS, PAGES = 120, ("forecast", "dataset", "reflection")
CHROMIUM = shutil.which("chromium")


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        make_platform(Path(folder), use_cases=USE_CASES, versions=VERSIONS)
        measure(Path(folder))


def measure(home: Path) -> None:
    """Print the figures of a platform that is there."""
    print(f"{USE_CASES} use cases of {VERSIONS} versions each")
    started = time.process_time()
    defs = load_definitions()
    defs.resolve_asset_graph()
    print(f"definitions loaded: {time.process_time() - started:.1f} s of CPU")
    with open_instance(find_home()) as instance:
        instance.report_runless_asset_event(dg.AssetObservation(Names(FIRST).asset("source_feed")))
        _measure_conditions(defs, instance)
        _measure_inbox(instance)
    print(f"memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    _measure_platform(home)


def _measure_conditions(defs: dg.Definitions, instance: dg.DagsterInstance) -> None:
    """Print the seconds of evaluating all conditions of a use case: first, steady, with a new version."""
    graph, cursors = defs.resolve_asset_graph(), dict[str, str]()

    def tick(name: str) -> None:
        """Do what the daemon does in a tick: read the cursor, evaluate, write the cursor."""
        kept = cursors.get(name)
        cursor = asset_daemon_cursor_from_instigator_serialized_cursor(kept, graph) if kept else None
        _, after, _ = AutomationTickEvaluationContext(
            evaluation_id=1,
            asset_graph=graph,
            asset_selection=dg.AssetSelection.groups(name),
            asset_job_keys=set(),
            instance=instance,
            cursor=cursor or AssetDaemonCursor.empty(),
            materialize_run_tags={},
            observe_run_tags={},
            emit_backfills=True,
            auto_observe_asset_keys=set(),
            logger=logging.getLogger(__name__),
        ).evaluate()
        cursors[name] = asset_daemon_cursor_to_instigator_serialized_cursor(after)

    names = name_use_cases(USE_CASES)
    _tell("conditions, first tick", [_time(lambda name=name: tick(name)) for name in names])
    for number in range(ROUNDS):
        _tell(f"conditions, steady tick {number + 1}", [_time(lambda name=name: tick(name)) for name in names])
    for name in names:
        _add_version(instance, Names(name))
    _tell("conditions, with one new version", [_time(lambda name=name: tick(name)) for name in names])
    _tell("conditions, the tick after it", [_time(lambda name=name: tick(name)) for name in names])


def _add_version(instance: dg.DagsterInstance, names: Names) -> None:
    """Record a turn of one more version, as the daemon's run would."""
    version = f"v{VERSIONS + 1:08d}"
    instance.add_dynamic_partitions(str(names.versions.name), [version])
    turn = Turn(version, "chain", has_zoo=True)
    run = dg.DagsterRun(
        job_name=names.turn, tags={**turn_tags(names, turn), "dagster/partition": version},
        status=dg.DagsterRunStatus.STARTED, asset_selection=frozenset(turn_selection(names, turn)),
    )  # fmt: skip
    instance.add_run(run)
    for noun in (*PER_VERSION, "reflection"):
        made = dg.AssetMaterialization(names.asset(noun), partition=None if noun == "reflection" else version)
        event = dg.DagsterEvent(
            event_type_value=dg.DagsterEventType.ASSET_MATERIALIZATION.value,
            job_name=names.turn,
            event_specific_data=StepMaterializationData(made),
        )
        instance.report_dagster_event(event, run_id=run.run_id)
    instance.report_run_canceled(run)


def _measure_inbox(instance: dg.DagsterInstance) -> None:
    """Print the seconds of an inbox sensor's tick: idle, with a file, and while its version is under way."""
    projects = [find_project(name, settings=read_settings()) for name in name_use_cases(USE_CASES)]

    def tick(project: Project) -> Any:
        opened = ProjectResource.of(project.use_case, settings=project.settings)
        sensor = build_inbox_sensor(Stage(project.use_case))
        with dg.build_sensor_context(instance=instance, resources={f"{project.name}_project": opened}) as context:
            return sensor._raw_fn(context)

    _tell("inbox, idle", [_time(lambda project=project: tick(project)) for project in projects])
    for project in projects:
        (project.inbox / "new.csv").write_bytes(to_csv(make_counts("2027-01-01", 1)))
    time.sleep(1.1)
    _tell("inbox, with one new file", [_time(lambda project=project: tick(project)) for project in projects])
    for project in projects:
        version, now = project.store.versions.unsettled()[0], datetime.now(UTC)
        settle_version(project, version, by="bench", now=now)
        finish_version(project, version, now=now)


def _measure_platform(home: Path) -> None:
    """Print what the daemon's rounds take, and how soon pages open."""
    with Platform(home=home, port=pick_port(0)) as platform:
        platform.wait_ready()
        print(f"serving; the daemon runs for {SERVED_SECONDS} s", flush=True)
        time.sleep(SERVED_SECONDS / 2)
        began = {name: _cpu_seconds(process.pid) for name, process in platform._processes.items()}
        since = time.time()
        time.sleep(SERVED_SECONDS / 2)
        for name, process in platform._processes.items():
            used = (_cpu_seconds(process.pid) - began[name]) / (time.time() - since)
            print(f"  {name:<12} {used:.2f} cores, {_memory_mb(process.pid):.0f} MB")
        with open_instance(home) as instance:
            _tell_rounds(instance, since=since)
        if CHROMIUM:
            _open_pages(platform.url)


def _tell_rounds(instance: dg.DagsterInstance, *, since: float) -> None:
    """Print how often each kind of sensor ticked, and how long a tick took from its start to its end."""
    for kind in ("inbox", "automation"):
        gaps, lengths = [], []
        for state in instance.all_instigator_state():
            if not state.instigator_name.endswith(f"_{kind}"):
                continue
            ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, after=since)
            starts = sorted(tick.timestamp for tick in ticks)
            gaps += [later - earlier for earlier, later in pairwise(starts)]
            lengths += [tick.end_timestamp - tick.timestamp for tick in ticks if tick.end_timestamp]
        if gaps:
            between = f"median {statistics.median(gaps):.1f} s, longest {max(gaps):.1f} s"
            print(f"  {kind:<12} from tick to tick: {between}; a tick: median {statistics.median(lengths):.2f} s")


def _open_pages(url: str) -> None:
    """Print the seconds until an asset's page shows its name and its events."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        for noun in ("forecast", *PAGES):  # the first one loads the UI's own files, which a browser then keeps
            for view in ("overview", "partitions", "automation"):
                started = time.perf_counter()
                page.goto(f"{url}/assets/{FIRST}/{noun}?view={view}")
                page.get_by_text(noun, exact=True).first.wait_for(timeout=60_000)
                page.wait_for_load_state("networkidle", timeout=60_000)
                print(f"  page {noun}/{view}: {time.perf_counter() - started:.1f} s", flush=True)
        browser.close()


def _time(run: Callable[[], Any]) -> float:
    started = time.process_time()
    run()
    return time.process_time() - started


def _tell(what: str, seconds: list[float]) -> None:
    told = f"median {statistics.median(seconds):.3f} s, longest {max(seconds):.3f} s"
    print(f"{what:<34} {told}; a round of {len(seconds)}: {sum(seconds):.1f} s", flush=True)


def _cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process and its children that are alive."""
    fields = [Path(f"/proc/{one}/stat").read_text("utf-8").rpartition(")")[2].split() for one in _family(pid)]
    return sum(int(field[11]) + int(field[12]) for field in fields) / 100.0


def _memory_mb(pid: int) -> float:
    pages = [int(Path(f"/proc/{one}/statm").read_text("utf-8").split()[1]) for one in _family(pid)]
    return sum(pages) * 4096 / 1e6


def _family(pid: int) -> list[int]:
    """Return a process and its descendants."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split()
    return [pid, *(one for child in children for one in _family(int(child)))]


if __name__ == "__main__":
    main()
