"""The judgement after each version: written once, read again, at work in root cause."""

from pathlib import Path

import numpy as np
import pytest

from loopcast.loop.explaining.root_cause import trace_version
from loopcast.loop.judging.judgement import JUDGEMENTS, judge_version, make_limits, read_judgement, trace_judgements
from loopcast.loop.production import forecast_version
from loopcast.loop.project import Project
from loopcast.loop.zoos.forces import newest_in_force
from loopcast.reflection.deterioration import Judgement
from made_use_case import NOW, YAML, make_counts, make_project, take_turn

DAYS = 5


@pytest.fixture(scope="module")
def worse(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A zoo that is as promised for five days and then faces counts that nobody can foretell. Not to be changed."""
    yaml = YAML.format(name="counts").replace("n_windows: 7", "n_windows: 7, rebuild: {when: never}")
    project = make_project(tmp_path_factory.mktemp("worse"), yaml=yaml)
    take_turn(project, make_counts("2024-01-01", 42))
    for day in range(2 * DAYS):
        counts = make_counts(f"2024-02-{12 + day}", 1)
        wrong = np.random.default_rng(day).uniform(0.0, 300.0, 24) if day >= DAYS else 0.0
        take_turn(project, counts.assign(count=counts["count"] + wrong))
    return project


def test_each_version_s_judgement_is_kept_with_its_pins(worse: Project) -> None:
    newest = worse.store.versions.newest().version
    kept = read_judgement(worse, newest)
    manifest = worse.store.outputs.manifest(JUDGEMENTS, newest)
    assert kept.is_worse
    assert kept.since in ("v00000006", "v00000007")
    assert kept.explain().startswith(f"worse than promised since {kept.since}: MAE ")
    assert (manifest.pins["zoo"], manifest.number, manifest.rows) == ("z0001", 1, len(kept.bins))
    assert worse.store.outputs.read(JUDGEMENTS, newest)["bin"].tolist() == ["all"]
    assert not read_judgement(worse, "v00000006").is_worse
    assert read_judgement(worse, "v00000099") is None


def test_judged_again_it_is_read_not_made(worse: Project) -> None:
    newest = worse.store.versions.newest().version
    assert judge_version(worse, newest, now=NOW) == read_judgement(worse, newest)
    assert worse.store.outputs.manifest(JUDGEMENTS, newest).number == 1


def test_a_zoo_that_is_in_force_only_later_is_not_judged_yet(worse: Project) -> None:
    entry = newest_in_force(worse)
    later = type(entry)(entry.zoo, entry.digest, "v00000050")
    assert judge_version(worse, "v00000011", now=NOW, entry=later) == Judgement()


def test_the_score_is_traced_over_versions(worse: Project) -> None:
    trace = trace_judgements(worse, until="v00000011")
    assert trace["version"].tolist() == [f"v{number:08d}" for number in range(2, 12)]
    assert (trace["score"] > trace["limit"]).tolist() == [read_judgement(worse, v).is_worse for v in trace["version"]]
    assert trace_judgements(worse, until="v00000004")["version"].max() == "v00000004"


def test_the_sharpest_points_since_then_go_to_root_cause(worse: Project) -> None:
    newest = worse.store.versions.newest().version
    forecast_version(worse, newest, now=NOW)
    points = trace_version(worse, newest, now=NOW).points
    found = points[points["reason"].str.contains("deterioration")]
    assert 1 <= len(found) <= 3
    assert (found["forecast_version"] >= read_judgement(worse, newest).since).all()
    assert (found["forecast_version"] < newest).all()


def test_limits_are_the_use_case_s_own(tmp_path: Path) -> None:
    rebuild = "rebuild: {tolerance_pct: 12, window: 3, false_alarms_per_year: 2}"
    yaml = YAML.format(name="counts").replace("cadence: 1D", "cadence: 12h").replace("n_windows: 7", rebuild)
    limits = make_limits(make_project(tmp_path, yaml=yaml))
    assert (limits.tolerance_pct, limits.window) == (12.0, 3)
    assert (limits.false_alarms_per_year, limits.versions_per_year) == (2.0, 730.0)
