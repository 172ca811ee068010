"""Policies side by side through the simulated loop: error, CPU seconds, builds, alarms; and false alarms without drift.

Data: the demo, EPF markets (`epf/NP.csv.gz` ... in the folder LOOPCAST_BENCH_DATA), and years made without drift. All
policies have two linear members beside the seasonal naives: with the default ones, daily rebuilding takes hours.
"""

import argparse
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from bench_data import find_data
from demo_home import NAME, ROOT
from history import keep

from loopcast.loop.past.comparison import DECISION, NAMES, compare_policies, list_alarms, name_policies
from loopcast.loop.past.replay import Delivery, plan_replay, shift_period
from loopcast.loop.past.simulation import SimulatedTurn, Simulation
from loopcast.loop.project import Settings, open_project
from loopcast.store.version_records import Upload
from loopcast.use_case.loader import load_use_cases
from loopcast.use_case.model import UseCase

LINEAR = {"name": "linear"}
MEMBERS = [LINEAR, {"name": "linear", "label": "linear_recent", "parameters": {"half_life_origins": 60}}]
SHOWN = {"n": 0, "mae": 3, "skill_pct": 1, "coverage_pct": 1, "cpu_s": 1, "forecast_s": 1, "judge_s": 1, "build_s": 1,
         "builds": 0, "released": 0, "rejected": 0, "alarms": 0, "failed": 0, "error_vs_daily_pct": 2,
         "cost_vs_daily_pct": 1}  # fmt: skip
DAY = pd.Timedelta("1D")
HISTORY_DAYS = 364  # what a year without drift begins with
PHI = 0.9  # autocorrelation of its noise from one step to the next


@dataclass(frozen=True)
class Case:
    """What is played.

    Args:
        use_case: the use case.
        deliveries: its updates.
    """

    use_case: UseCase
    deliveries: Iterable[Delivery]


def main(arguments: list[str] | None = None) -> None:
    """Print the table of each data set, and the false alarms of the years without drift."""
    options = parse(arguments)
    for name in options.data:
        case = take_demo(options) if name == "demo" else take_market(name, options)
        if case is not None:
            compare(f"policies_{name}" + ("_default_members" if options.default else ""), case, options.policies)
    if options.years:
        count_false_alarms(range(options.first_year, options.first_year + options.years), days=options.year_days)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__, epilog="Example: bench_policies.py --data NP --days 91")
    parser.add_argument("--data", nargs="*", default=["demo", "NP", "DE"], help="demo, or names of files in epf/")
    parser.add_argument("--days", type=int, default=182, help="days that are played, the last there are")
    parser.add_argument("--skip", type=int, default=0, help="leave out so many days at the end")
    parser.add_argument("--policies", nargs="+", default=list(NAMES), choices=NAMES)
    parser.add_argument("--default", action="store_true", help="the default members: hours of daily rebuilding")
    parser.add_argument("--years", type=int, default=20, help="how many years without drift")
    parser.add_argument("--first-year", type=int, default=0, help="seed of the first of them")
    parser.add_argument("--year-days", type=int, default=365, help="days of each")
    return parser.parse_args(arguments or [])


def take_demo(options: argparse.Namespace) -> Case:
    """Return the last days of the demo's recorded history, corrections included."""
    folder = ROOT / "platform" / "use_cases"
    declared = load_use_cases(folder)[NAME]
    document = declared.model_dump(exclude_unset=True)
    document["policies"]["members"] = [] if options.default else MEMBERS
    end = date(2018, 10, 1) - timedelta(days=options.skip)
    use_case = shift_period(UseCase.model_validate(document), start=end - timedelta(days=options.days), end=end)
    planned = plan_replay(use_case, folder=folder / NAME)
    return Case(use_case, (item.delivery for item in planned))


def take_market(name: str, options: argparse.Namespace) -> Case | None:
    """Return the last days of an EPF market: prices up to today, predictors up to tomorrow."""
    folder = find_data("epf")
    if folder is None:
        return None
    frame = pd.read_csv(folder / f"{name}.csv.gz").set_axis(["at", "y", "x1", "x2"], axis=1)
    frame = frame.iloc[: len(frame) - 24 * options.skip]
    use_case = make_use_case(name.lower(), "h", [] if options.default else MEMBERS, ["x1", "x2"])
    return Case(use_case, deliver(frame, options.days, ["x1", "x2"]))


def make_use_case(name: str, frequency: str, members: list[dict], ahead: list[str]) -> UseCase:
    """Return a use case with the target `y` and predictors known ahead."""
    attributes = {
        "name": name,
        "description": "Benchmark.",
        "timestamp": "at",
        "frequency": frequency,
        "target": {"name": "y"},
        "predictors": [{"name": column, "known_ahead": True} for column in ahead],
        "horizon": "1D",
        "owners": ["bench@example.org"],
        "steward": "bench@example.org",
        "policies": {"members": members},
    }
    return UseCase.model_validate(attributes)


def deliver(frame: pd.DataFrame, days: int, ahead: list[str]) -> Iterator[Delivery]:
    """Yield what came before the last days, then one update a day: its targets, and the predictors of the day after.

    Args:
        frame: `at`, `y` and predictors, whole days.
        days: how many updates after the first upload.
        ahead: the predictors.
    """
    frame = frame.assign(at=pd.to_datetime(frame["at"]))
    end = frame["at"].iloc[-1].normalize() + (pd.Timedelta(0) if ahead else DAY)  # the day after must be known
    since = frame["at"].iloc[0]
    for midnight in pd.date_range(end - days * DAY, end, freq=DAY):
        rows = frame[(frame["at"] >= since) & (frame["at"] < (midnight + DAY if ahead else midnight))]
        rows = rows.assign(y=rows["y"].where(rows["at"] < midnight))
        upload = Upload(f"{midnight:%Y-%m-%d}.csv", rows.to_csv(index=False).encode(), source="bench", actor="bench")
        yield Delivery(upload, midnight.to_pydatetime().replace(tzinfo=UTC))
        since = midnight


def make_year(seed: int, days: int) -> pd.DataFrame:
    """Return a year without drift, after another one: a daily and a weekly cycle, and noise that follows itself."""
    times = pd.date_range("2024-01-01", periods=8 * (HISTORY_DAYS + days), freq="3h")
    shocks = np.random.default_rng(seed).normal(0, 5, len(times))
    noise = np.zeros(len(times))
    for step in range(1, len(times)):
        noise[step] = PHI * noise[step - 1] + shocks[step]
    cycle = 200 + 50 * np.sin(2 * np.pi * times.hour / 24) - 30 * (times.dayofweek >= 5)
    return pd.DataFrame({"at": times, "y": np.round(cycle + noise, 2)})


def play(case: Case, names: Iterable[str]) -> list[SimulatedTurn]:
    """Return what came of a case under some policies."""
    named = name_policies(case.use_case.policies)
    with tempfile.TemporaryDirectory() as folder:
        places = Settings(Path(folder), "memory://", Path(folder) / "inbox", Path(folder) / "warehouse.duckdb")
        project = open_project(case.use_case, settings=places)
        simulation = Simulation(project, [named[name] for name in names], clock=time.process_time)
        turns: list[SimulatedTurn] = []
        with suppress(KeyboardInterrupt):  # what was played until then counts
            for delivery in case.deliveries:
                turns += simulation.play(delivery)
        return turns


def compare(name: str, case: Case, names: Iterable[str]) -> None:
    """Print the table of a data set, and keep its figures."""
    begun = time.process_time()
    turns = play(case, names)
    rows = compare_policies(turns, case.use_case.table)
    if not rows:
        print(f"{name}: interrupted before the first version had a zoo")
        return
    print(f"{name}: {turns[0].version} to {turns[-1].version}, {describe_members(case.use_case)}")
    print("  ".join(["policy".ljust(14), *SHOWN]))
    for row in rows:
        shown = [f"{row[key]:.{places}f}".rjust(len(key)) for key, places in SHOWN.items() if row.get(key) is not None]
        print("  ".join([row["policy"].ljust(14), *shown]), flush=True)
    for failure in {turn.failure for turn in turns if turn.failure}:
        print(f"  failed: {failure}")
    kept = ("mae", "cpu_s", "build_s", "builds", "alarms")
    figures = {f"{row['policy']}_{key}": row[key] for row in rows for key in kept if row[key] is not None}
    figures["days"] = len({turn.version for turn in turns}) - 1
    keep(name, figures, now=datetime.now(UTC), cpu_s=time.process_time() - begun)


def describe_members(use_case: UseCase) -> str:
    """Return which members a use case declares."""
    chosen = [choice.label or choice.name for choice in use_case.policies.members]
    return f"members {', '.join(chosen)}" if chosen else "the default members"


def count_false_alarms(seeds: Iterable[int], *, days: int) -> None:
    """Print how often the decision called years without drift worse than promised."""
    begun, alarms, builds, versions = time.process_time(), 0, 0, 0
    for seed in seeds:
        frame = make_year(seed, days)
        turns = play(Case(make_use_case("still", "3h", [LINEAR], []), deliver(frame, days, [])), [DECISION])
        found = len(list_alarms(turns))
        alarms, versions = alarms + found, versions + len(turns)
        builds += sum(turn.rule in ("worse_than_promised", "rebuild_did_not_help") for turn in turns)
        print(f"year {seed}: {found} alarms in {len(turns)} days, {time.process_time() - begun:.0f} CPU s", flush=True)
        if len(turns) < days:  # interrupted
            break
    years = versions / 365
    print(f"{alarms} false alarms in {years:.1f} years: {alarms / years:.2f} a year; {builds} builds for them")
    figures = {"years": years, "false_alarms_a_year": alarms / years, "decisions_a_year": builds / years}
    keep(f"policies_without_drift_{min(seeds)}", figures, now=datetime.now(UTC), cpu_s=time.process_time() - begun)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
