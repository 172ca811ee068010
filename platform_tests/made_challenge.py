"""A use case that lives with one zoo for a while, and zoos that are better or worse than it."""

import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd

from loopcast.loop.project import Project
from loopcast.loop.zoos.experiment import run_experiment
from loopcast.loop.zoos.forces import open_build
from loopcast.loop.zoos.verdicts import Verdict
from loopcast.use_case.policies import MemberChoice
from made_use_case import NOW, YAML, make_counts, make_project, take_turn

DAYS = 9
NAIVE = (MemberChoice(name="seasonal_naive", parameters={"period": 24}, label="seasonal_naive_too"),)


def make_lived(folder: Path) -> Project:
    """Return eight weeks and then nine days with one zoo, each with the next day's promotion; no builds by itself."""
    yaml = YAML.format(name="counts").replace("policies: {", "policies: {rebuild: {when: never}, ")
    project = make_project(folder, yaml=yaml)
    take_turn(project, with_promotion("2024-01-01", 56))
    for day in pd.date_range("2024-02-26", periods=DAYS):
        take_turn(project, with_promotion(str(day), 1))
    return project


def live_on(project: Project, days: int, *, after: int = 0) -> list[str]:
    """Take so many more days through the loop and return their versions."""
    first = pd.Timestamp("2024-02-26") + pd.Timedelta(days=DAYS + after)
    return [take_turn(project, with_promotion(str(day), 1)) for day in pd.date_range(first, periods=days)]


def with_promotion(start: str, days: int) -> pd.DataFrame:
    """Return the counts of some days, and the promotion of the day after them."""
    rows = make_counts(start, days + 1)
    return rows.assign(count=rows["count"].where(rows["at"] < pd.Timestamp(start) + pd.Timedelta(days=days)))


def with_policies(project: Project, **changed: object) -> Project:
    """Return the use case as if its file said otherwise."""
    policies = project.use_case.policies.model_copy(update=changed)
    return replace(project, use_case=project.use_case.model_copy(update={"policies": policies}))


def copy_of(project: Project, folder: Path) -> Project:
    """Return a copy of a use case, free to be changed."""
    shutil.copytree(project.inbox.parents[1], folder / "home")
    return make_project(folder / "home")


def build(project: Project, version: str) -> Verdict:
    """Build a zoo on a version and return what becomes of it."""
    request = open_build(project, version=version, rule="test", reason="asked for", now=NOW)
    return run_experiment(project, request.build, now=NOW).verdict
