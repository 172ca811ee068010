"""What the platform did over the lifecycle benchmark, read from its store and its instance: notices, errors, runs.

Nothing here asks the platform to do anything.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg
import pandas as pd
from lifecycle_plan import Delivery

from loopcast.errors import NotFoundError
from loopcast.loop.judging.accuracy import CELLS
from loopcast.loop.judging.decisions import list_decisions
from loopcast.loop.project import Project
from loopcast.loop.zoos.forces import FORECASTS, list_builds, list_zoos, read_promise
from loopcast.loop.zoos.verdicts import Verdict, list_verdicts
from loopcast.orchestration.names import TURN

CHAIN_START, LIMIT = "raw_update", 100_000
SOURCES = {"dataset", "forecast", "accuracy_report", "model_zoo", "reflection"}
WITHIN, IN_A_ROW = 1.25, 3


@dataclass(frozen=True)
class Step:
    """What became of one update.

    Args:
        version: its version.
        delivery: the update.
        notices: what was noticed at it, in the words of `Event.by`.
        mae: error of its report; None: nothing was scored.
        promise: what the zoo that forecast it had promised.
        zoo: that zoo.
        action: what was decided after it, where that was not to keep.
    """

    version: str
    delivery: Delivery
    notices: tuple[str, ...]
    mae: float | None
    promise: float | None
    zoo: str | None
    action: str


@dataclass(frozen=True)
class RunCount:
    """Runs of one kind.

    Args:
        kind: what they make.
        requested: all there were.
        needed: as the store's state justifies.
        why: what justifies them.
    """

    kind: str
    requested: int
    needed: int
    why: str


def read_steps(
    project: Project, instance: dg.DagsterInstance, deliveries: dict[str, Delivery], seen: dict[str, list[str]]
) -> list[Step]:
    """Return what became of each update, in the versions' order.

    Args:
        project: the use case.
        instance: its Dagster instance.
        deliveries: by version.
        seen: what was noticed outside the store while it ran, by version.
    """
    failed, decided = _list_failed_checks(instance), _list_actions(project)
    steps = []
    for version in sorted(deliveries):
        record = project.store.versions.record(version)
        notices = [*seen.get(version, ()), *(f"check {name}" for name in sorted(failed.get(version, ())))]
        notices += ["refused"] * (record.status == "refused") + ["corrected"] * (record.corrected > 0)
        action = decided.get(version, "")
        notices += [f"decision {action.partition('(')[2].rstrip(')')}"] * bool(action)
        report = project.store.outputs.manifest(CELLS, version)
        zoo, promise = _read_promised(project, version)
        mae = report.facts.get("mae") if report else None
        steps.append(Step(version, deliveries[version], tuple(notices), mae, promise, zoo, action))
    return steps


def tabulate_events(steps: Sequence[Step]) -> pd.DataFrame:
    """Return one row per event: when it was, what noticed it after how many versions, what was done, when it was over.

    An event ends where the next one begins. Recovered: from that version on, three reports in a row are within the
    promise and a quarter; 0: none of its reports was beyond that.
    """
    firsts = [
        n
        for n, s in enumerate(steps)
        if s.delivery.event and (n == 0 or steps[n - 1].delivery.event != s.delivery.event)
    ]
    rows = []
    for number, first in enumerate(firsts):
        end = firsts[number + 1] if number + 1 < len(firsts) else len(steps)
        rows.append(_describe_event(steps[first:end], steps[:first]))
    return pd.DataFrame(rows)


def _describe_event(steps: Sequence[Step], before: Sequence[Step]) -> dict[str, object]:
    event = steps[0].delivery.event
    assert event is not None
    usual = {notice for step in before[-3:] for notice in step.notices}
    news = ((after, notice) for after, step in enumerate(steps) for notice in step.notices if notice not in usual)
    noticed = next(((after, notice) for after, notice in news if notice.startswith(event.by)), None)
    actions = [f"{step.action} at {step.version[-3:]}" for step in steps if step.action]
    return {
        "event": event.name,
        "at": steps[0].version,
        "noticed_by": noticed[1] if noticed else "nothing",
        "after_versions": noticed[0] if noticed else None,
        "done": "; ".join(actions) or "nothing",
        "recovered_after": find_recovery(steps),
    }


def find_recovery(steps: Sequence[Step]) -> int | None:
    """Return after how many versions the error is back within the promise for good; None: it was not."""
    beyond = [
        after
        for after, step in enumerate(steps)
        if step.mae is not None and step.promise is not None and step.mae > WITHIN * step.promise
    ]
    if not beyond:
        return 0
    for after in range(beyond[0] + 1, len(steps) - IN_A_ROW + 1):
        if not any(later in beyond for later in range(after, after + IN_A_ROW)):
            return after
    return None


def count_runs(project: Project, instance: dg.DagsterInstance, *, killed: int) -> tuple[list[RunCount], list[str]]:
    """Return requested and needed runs by kind, and each run too many with its reason.

    Args:
        project: the use case.
        instance: its Dagster instance.
        killed: how many runs were killed: each needs one more.
    """
    records = sorted(instance.get_run_records(limit=LIMIT), key=lambda record: record.create_timestamp)
    kinds = [(kind_of(record.dagster_run), record) for record in records]
    found = Counter(kind for kind, _ in kinds)
    versions, builds, zoos = len(project.store.versions.records()), list_builds(project), list_zoos(project)
    first_zoo = zoos[0].version if zoos else None
    waited = sum(
        1 for key in project.store.versions.claims() if first_zoo and key <= first_zoo and _is_forecast(project, key)
    )
    needed = {
        "turn": (versions + killed, f"one for each of {versions} versions, one more for each of {killed} killed"),
        "forecast": (waited, "versions that came before there was a zoo"),
        "experiment": (len(builds), "one for each build asked for"),
        "model_zoo": (len(zoos), "one for each zoo that passed its gate"),
        "reflection": (waited, "turns without a zoo cannot reflect themselves"),
        "champion": (len(zoos), "one for each zoo that was released"),
        "warehouse": _count_justified(kinds, "warehouse"),
        "overview": _count_justified(kinds, "overview"),
    }
    counts = [
        RunCount(kind, found.get(kind, 0), *needed.get(kind, (0, "not expected"))) for kind in {**needed, **found}
    ]
    return counts, [told for count in counts for told in _list_surplus(count, kinds)]


def _count_justified(kinds: Sequence[tuple[str, dg.RunRecord]], kind: str) -> tuple[int, str]:
    """Return how many runs of a kind had news: something else ended since the one before was asked for."""
    last, justified = 0.0, 0
    for own, record in kinds:
        if own != kind:
            continue
        asked = record.create_timestamp.timestamp()
        justified += any(
            last < (one.end_time or 0.0) <= asked for other, one in kinds if other not in (kind, "overview")
        )
        last = asked
    return justified, "those that had news since the one before"


def _list_surplus(count: RunCount, kinds: Sequence[tuple[str, dg.RunRecord]]) -> list[str]:
    """Return the newest runs of a kind with too many, each with what it was for and how it ended."""
    surplus = max(0, count.requested - count.needed)
    runs = [record.dagster_run for kind, record in kinds if kind == count.kind]
    per_key = Counter(run.tags.get("dagster/partition") for run in runs)
    suspects = [run for run in runs if per_key[run.tags.get("dagster/partition")] > 1] or runs
    return (
        [
            f"{count.kind} {run.tags.get('dagster/partition', '')} {run.status.value}, asked for by "
            f"{run.tags.get('dagster/sensor_name') or run.tags.get('dagster/auto_retry_run_id') or 'somebody'}"
            for run in suspects[-surplus:]
        ]
        if surplus
        else []
    )


def kind_of(run: dg.DagsterRun) -> str:
    """Return what a run makes: `turn` for the whole chain, else the first of its assets along it."""
    nouns = {key.path[-1] for key in run.asset_selection or ()}
    if CHAIN_START in nouns:
        return "turn"
    if TURN in run.tags and "forecast" in nouns:
        return "forecast"
    if "reflection" in nouns:  # Dagster makes one run of what has no partitions: a delivery goes along
        return "reflection"
    return ", ".join(sorted(nouns)) or run.job_name


def _list_failed_checks(instance: dg.DagsterInstance) -> dict[str, set[str]]:
    """Return by version the assets and names of the checks that did not pass."""
    failed: dict[str, set[str]] = {}
    for run in instance.get_runs(limit=LIMIT):
        for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
            data = entry.get_dagster_event().asset_check_evaluation_data
            if not data.passed and data.partition:
                failed.setdefault(data.partition, set()).add(f"{data.asset_key.path[-1]} {data.check_name}")
    return failed


def _list_actions(project: Project) -> dict[str, str]:
    """Return by version what was decided, where that was not to keep, and what became of the build."""
    verdicts = {verdict.build: _tell_verdict(verdict) for verdict in list_verdicts(project)}
    rows = list_decisions(project).to_dict("records")
    return {
        row["version"]: f"{row['action']} {row['build']} {verdicts.get(row['build'], '')} ({row['rule']})".replace(
            "  ", " "
        )
        for row in rows
        if row["action"] != "keep"
    }


def _tell_verdict(verdict: Verdict) -> str:
    """Return what became of a build, with the figures where it met a champion."""
    if verdict.p_value is None or verdict.champion_mae is None or verdict.challenger_mae is None:
        return verdict.outcome
    return f"{verdict.outcome}: {verdict.champion_mae:.0f}, new {verdict.challenger_mae:.0f}, p {verdict.p_value:.2f}"


def _read_promised(project: Project, version: str) -> tuple[str | None, float | None]:
    """Return the zoo that forecast a version and the error it promised over all bins."""
    made = project.store.outputs.manifest(FORECASTS, version)
    if made is None:
        return None, None
    promise, _ = read_promise(project, str(made.pins["zoo_digest"]))
    return str(made.pins["zoo"]), next((row.mae for row in promise if row.bin == "all"), None)


def _is_forecast(project: Project, version: str) -> bool:
    try:
        return project.store.outputs.manifest_at(FORECASTS, version, 1) is not None
    except NotFoundError:
        return False
