"""Two months of the demo with planted events through a real daemon and webserver: what it did, nobody clicking.

Data time runs faster than time: a day of the data is as long as the platform takes for it. So a daemon that is stopped
while three updates arrive stands for three days of standstill, and whether an update is overdue is asked at the time
that the data would have, a week later.

LIFECYCLE_QUIET=0 leaves out the ordinary days between the events, LIFECYCLE_FIRST=8 ends after so many updates.
"""

import json
import os
import shutil
import signal
import tempfile
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import yaml
from demo_home import NAME, ROOT
from history import keep
from lifecycle_chart import draw_lifecycle
from lifecycle_plan import Delivery, plan_deliveries
from lifecycle_report import Step, count_runs, kind_of, read_steps, tabulate_events

from loopcast.loop.judging.accuracy import CELLS
from loopcast.loop.judging.decisions import DECISIONS
from loopcast.loop.overview import describe_use_case
from loopcast.loop.project import Project, find_project
from loopcast.loop.zoos.experiment import LEADERBOARDS
from loopcast.loop.zoos.forces import FORECASTS, list_in_force
from loopcast.orchestration.instance import open_instance
from loopcast.orchestration.sensors import UNDER_WAY
from loopcast.orchestration.serve import Platform, pick_port
from loopcast.orchestration.settings import read_settings
from loopcast.store.version_records import version_key

PICTURE = ROOT / "docs" / "lifecycle.svg"
POLICIES = {
    "level": 90,
    "holidays": "US",
    "n_windows": 28,
    "rebuild": {"max_age": None, "tolerance_pct": 25, "window": 7, "rest": 5},
}
GIVEN_UP_S, SETTLED_S = 600.0, 1.0


class Drive:
    """One platform that is being delivered to and watched; it asks the platform to do nothing."""

    def __init__(self, project: Project, platform: Platform, instance: dg.DagsterInstance) -> None:
        self.project, self.platform, self.instance = project, platform, instance
        self.deliveries: dict[str, Delivery] = {}
        self.seen: dict[str, list[str]] = defaultdict(list)
        self.kills, self.notes = 0, list[str]()

    def play(self, deliveries: Iterable[Delivery]) -> None:
        """Deliver one update after the other, each when the platform is done with the one before."""
        held: list[str] = []
        for delivery in deliveries:
            act = delivery.event.act if delivery.event else ""
            if held and act != "stop":
                self._start_daemon(held)
                held = []
            if act == "stop" and not held:
                self._stop_daemon()
            version = self.drop(delivery)
            if act == "stop":
                held.append(version)
                continue
            if act == "kill":
                self._kill_run(version)
            self.wait_done(version)
            print(
                f"  {time.strftime('%H:%M:%S')} {version} {delivery.event.name if delivery.event else ''}", flush=True
            )

    def drop(self, delivery: Delivery) -> str:
        """Put an update into the inbox and return the version it will be."""
        version = version_key(len(self.deliveries) + 1)
        self.deliveries[version] = delivery
        hidden = self.project.inbox / f".{delivery.name}"
        hidden.write_bytes(delivery.content)
        self._look_late(version, delivery)
        hidden.rename(self.project.inbox / delivery.name)
        return version

    def wait_done(self, version: str) -> None:
        """Return when a version and what follows from it are done and nothing is under way."""
        self._wait(lambda: self._is_scored(version), what=f"report of {version}")
        self._wait(lambda: self._is_built() and self._is_idle(), what=f"end of what follows from {version}")

    def _is_scored(self, version: str) -> bool:
        if version in self.project.store.versions.unsettled() or version not in self.project.store.versions.claims():
            return False
        if self.project.store.versions.record(version).status == "refused":
            return True
        outputs = self.project.store.outputs
        if not list_in_force(self.project):
            return self.project.store.references.current(DECISIONS) is not None
        return all(outputs.manifest(table, version) for table in (FORECASTS, CELLS))

    def _is_built(self) -> bool:
        """Return whether the build of the newest decision, if any, has ended, and a first zoo is in force."""
        last = self.project.store.references.current(DECISIONS)
        build = last.value["build"] if last else None
        if build and self.project.store.outputs.manifest(LEADERBOARDS, build) is None:
            return False
        newest = self.project.store.versions.newest()
        return bool(list_in_force(self.project) and newest and self._is_scored(newest.version))

    def _is_idle(self) -> bool:
        """Return whether no run is waiting or under way, twice in a row with a moment between; deliveries may be."""
        for _ in range(2):
            runs = self.instance.get_runs(dg.RunsFilter(statuses=UNDER_WAY))
            if any(kind_of(run) not in ("warehouse", "overview") for run in runs):
                return False
            time.sleep(SETTLED_S)
        return True

    def _look_late(self, version: str, delivery: Delivery) -> None:
        """Ask for the overview as it would be a week after the last update, before the one that ends the gap comes."""
        if delivery.event is None or delivery.event.name != "missing week":
            return
        now = datetime.now(UTC)
        told = [describe_use_case(self.project, now=now + timedelta(days=days)).status for days in range(8)]
        if "overdue" in told:
            self.seen[version].append(f"overdue after {told.index('overdue')} days, in the overview")

    def _kill_run(self, version: str) -> None:
        """Kill the process of a version's run in the middle of it, as a machine that dies would."""
        run = self._wait(lambda: self._find_started(version), what=f"run of {version}")
        pid = self._wait(lambda: self._find_process(run), what="process of the run")
        os.kill(pid, signal.SIGKILL)
        self.kills, begun = self.kills + 1, time.monotonic()
        ended = lambda: self.instance.get_run_by_id(run).status == dg.DagsterRunStatus.FAILURE  # noqa: E731
        self._wait(ended, what="notice of the killed run")
        self.seen[version].append(f"run failed, noticed after {time.monotonic() - begun:.0f} s")

    def _find_started(self, version: str) -> str | None:
        tags, started = {"dagster/partition": version}, [dg.DagsterRunStatus.STARTED]
        runs = self.instance.get_runs(dg.RunsFilter(tags=tags, statuses=started))
        return runs[0].run_id if runs else None

    def _find_process(self, run: str) -> int | None:
        """Return the process of a run that has made its dataset already."""
        if self.project.store.versions.unsettled():
            return None
        entries = [entry.dagster_event for entry in self.instance.all_logs(run) if entry.dagster_event]
        told = (e.event_specific_data.metadata.get("pid") for e in entries if e.is_engine_event)
        return next((int(pid.value) for pid in told if pid is not None), None)

    def _stop_daemon(self) -> None:
        daemon = self.platform._processes["daemon"]
        os.killpg(daemon.pid, signal.SIGKILL)
        daemon.wait()
        self.stopped_at = time.monotonic()

    def _start_daemon(self, held: list[str]) -> None:
        reason = self._wait(self._ask_health, what="the health check to notice")
        self.seen[held[0]].append(f"health {reason}, after {time.monotonic() - self.stopped_at:.0f} s")
        workspace = self.platform.logs / "workspace.yaml"
        self.platform._spawn("daemon", ["dagster._daemon", "run", "-w", str(workspace)])
        for version in held:
            self.wait_done(version)
        print(f"  {time.strftime('%H:%M:%S')} {held} after the daemon stood still", flush=True)

    def _ask_health(self) -> str | None:
        """Return what `/health` answers once it says that the daemon is gone."""
        try:
            urllib.request.urlopen(f"{self.platform.url}/health", timeout=30).close()
        except urllib.error.HTTPError as error:
            reasons = json.load(error)["reasons"]
            return next((f"{error.code}: {reason}" for reason in reasons if "daemon" in reason), None)
        return None

    def _wait(self, find: Callable[[], Any], *, what: str) -> Any:
        deadline = time.monotonic() + GIVEN_UP_S
        while not (found := find()):
            if time.monotonic() > deadline:
                raise SystemExit(f"no {what} within {GIVEN_UP_S:.0f} s; see {self.platform.logs}")
            time.sleep(0.2)
        return found


def main() -> None:
    """Play, and print what the platform did."""
    begun, quiet = time.monotonic(), int(os.environ.get("LIFECYCLE_QUIET", "1"))
    first = int(os.environ["LIFECYCLE_FIRST"]) if "LIFECYCLE_FIRST" in os.environ else None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home = make_home(Path(folder))
        project = find_project(NAME, settings=read_settings({"LOOPCAST_HOME": str(home)}))
        with (
            open_instance(home) as instance,
            Platform(home=home, port=pick_port(0), environment={"LOOPCAST_HOME": str(home)}) as platform,
        ):
            platform.wait_ready()
            drive = Drive(project, platform, instance)
            try:
                drive.play(islice(plan_deliveries(read_history(), quiet=quiet), first))
            finally:
                tell(drive, wall_s=time.monotonic() - begun, is_whole=quiet > 0 and first is None)


def tell(drive: Drive, *, wall_s: float, is_whole: bool) -> None:
    """Print the timeline, the events and the runs; keep the figures and the picture where all was played."""
    steps = read_steps(drive.project, drive.instance, drive.deliveries, drive.seen)
    events = tabulate_events(steps)
    counts, surplus = count_runs(drive.project, drive.instance, killed=drive.kills)
    show_steps(steps, events)
    if is_whole:
        PICTURE.write_text(draw_lifecycle(steps, events), "utf-8")
    print(pd.DataFrame(counts).to_string(index=False))
    print("\n".join(["runs too many:", *surplus] if surplus else ["runs too many: none"]))
    figures = {
        "versions": len(steps),
        "events": len(events),
        "events_noticed": int((events["noticed_by"] != "nothing").sum()),
        "events_recovered": int(events["recovered_after"].notna().sum()),
        "runs_requested": sum(count.requested for count in counts),
        "runs_needed": sum(count.needed for count in counts),
        "clicks": 0,
        "wall_s": wall_s,
    }
    if is_whole:
        keep("lifecycle", figures, now=datetime.now(UTC), cpu_s=time.process_time())
    else:
        print(figures)


def show_steps(steps: Sequence[Step], events: pd.DataFrame) -> None:
    """Print the timeline and the events."""
    print(pd.DataFrame([_row(step) for step in steps]).to_string(index=False))
    print(events.to_string(index=False))


def make_home(folder: Path) -> Path:
    """Return a home folder with the demo, its policies made short so that two months show something."""
    source, target = ROOT / "platform" / "use_cases" / NAME, folder / "platform" / "use_cases" / NAME
    target.mkdir(parents=True)
    document = yaml.safe_load((source / "defs.yaml").read_text("utf-8"))
    attributes = document["attributes"]
    attributes["policies"] = {**attributes["policies"], **POLICIES}
    del attributes["replay"]
    (target / "defs.yaml").write_text(yaml.safe_dump(document), "utf-8")
    shutil.copy(source / "contract.yaml", target)
    shutil.copy(ROOT / "dagster.yaml", folder)
    return folder


def read_history() -> pd.DataFrame:
    """Return the demo's record."""
    file = ROOT / "platform" / "use_cases" / NAME / f"{NAME}.csv.gz"
    return pd.read_csv(file, parse_dates=["datetime"])


def _row(step: Step) -> dict[str, object]:
    event = step.delivery.event
    return {
        "version": step.version,
        "file": step.delivery.name,
        "event": event.name if event else "",
        "mae": round(step.mae, 1) if step.mae is not None else None,
        "promise": round(step.promise, 1) if step.promise is not None else None,
        "zoo": step.zoo,
        "noticed": "; ".join(step.notices),
        "done": step.action,
    }
