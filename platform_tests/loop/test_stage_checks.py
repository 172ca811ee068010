"""Every rule on what a stage reads and writes holds on a played use case, and is broken by what it is there for."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from loopcast.dataops.frequency import Horizon
from loopcast.dataops.table import TableSpec, Variable
from loopcast.errors import TableError
from loopcast.loop.judging.accuracy import CELLS
from loopcast.loop.project import Project
from loopcast.loop.stage_checks import (
    RuleOutcome,
    StageCheck,
    check_accuracy,
    check_dataset,
    check_experiment,
    check_forecast,
    check_horizon,
    check_raw_update,
    check_zoo,
    inspect,
    patch_schema,
)
from loopcast.loop.zoos.experiment import LEADERBOARDS, Experiment, release_zoo, run_experiment
from loopcast.loop.zoos.forces import FORECASTS, list_builds, list_zoos
from loopcast.schemas import accuracy_schema, check_table, forecast_schema, list_rules
from loopcast.store.outputs import OutputManifest
from made_use_case import NOW

LAST = "v00000003"
BERLIN = TableSpec("at", "h", "load", (Variable("load"),), time_zone="Europe/Berlin")


def broken(rules: tuple[RuleOutcome, ...]) -> list[str]:
    return [rule.rule for rule in rules if rule.broken]


def manifest_of(project: Project, table: str, partition: str = LAST) -> OutputManifest:
    manifest = project.store.outputs.manifest(table, partition)
    assert manifest is not None
    return manifest


def repin(manifest: OutputManifest, **pins: Any) -> OutputManifest:
    return replace(manifest, pins={**manifest.pins, **pins})


def flip(project: Project, name: str) -> None:
    """Change one byte of a stored file."""
    file = project.store.lake.local_path(f"{project.name}/{name}")
    assert file is not None
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))


STAGES: dict[str, Callable[[Project], StageCheck]] = {
    "raw_update": lambda project: check_raw_update(project, project.store.versions.claim_of(LAST)),
    "dataset": lambda project: check_dataset(project, project.store.versions.record(LAST)),
    "forecast": lambda project: check_forecast(project, manifest_of(project, FORECASTS)),
    "accuracy_report": lambda project: check_accuracy(project, manifest_of(project, CELLS)),
    "model_zoo": lambda project: check_zoo(project, release_zoo(project, list_zoos(project)[0].zoo, now=NOW)),
}


@pytest.mark.parametrize("stage", STAGES)
def test_all_rules_hold_where_nothing_is_wrong(played: Project, stage: str) -> None:
    checked = STAGES[stage](played)
    assert checked.inputs
    assert checked.outputs
    assert broken(checked.inputs + checked.outputs) == []


def test_a_changed_upload_and_another_update_are_seen(project: Project) -> None:
    record = project.store.versions.record(LAST)
    other = replace(record, upload_digest="0" * 64, contract_digest="1" * 64, rows=1)
    checked = check_dataset(project, other)
    assert broken(checked.inputs) == [
        "the update is the one that was claimed",
        "the contract it was settled under was in force",
    ]
    assert broken(checked.outputs) == ["rows = those before + added - removed"]
    flip(project, f"uploads/{record.upload_digest}")
    rule = "the stored file has the digest that was acknowledged"
    assert broken(STAGES["raw_update"](project).outputs) == broken(check_dataset(project, record).inputs) == [rule]


def test_a_refused_version_has_written_nothing_to_check(project: Project) -> None:
    version = project.store.versions.record(LAST)
    assert check_dataset(project, replace(version, status="refused")).outputs == ()


def test_a_forecast_from_other_data_or_a_zoo_that_nobody_released_is_seen(project: Project) -> None:
    manifest = repin(manifest_of(project, FORECASTS), dataset="other", zoo_digest="other")
    checked = check_forecast(project, manifest)
    assert broken(checked.inputs) == ["the dataset read is the one that its record pins", "the zoo was put in force"]
    assert broken(checked.outputs) == []
    flip(project, manifest.file.removeprefix(f"{project.name}/"))
    (rule,) = check_forecast(project, manifest).outputs
    assert (rule.rule, rule.broken) == ("the stored forecast table can be read", 1)
    assert "is damaged" in rule.found


def test_a_report_on_later_or_changed_forecasts_is_seen(project: Project) -> None:
    manifest = manifest_of(project, CELLS)
    found = repin(manifest, forecasts={**manifest.pins["forecasts"], "v00000009": "x", "v00000001": "x"})
    checked = check_accuracy(project, found)
    assert [(rule.rule, rule.broken) for rule in checked.inputs if rule.broken] == [
        ("only forecasts of earlier versions are scored", 1),
        ("the forecasts scored are as they were made", 2),
    ]
    miscounted = replace(manifest, facts={**manifest.facts, "n": 5})
    assert broken(check_accuracy(project, miscounted).outputs) == ["n is the number of forecasts scored"]


def test_a_zoo_that_is_not_its_experiment_s_is_seen(project: Project) -> None:
    released = release_zoo(project, list_zoos(project)[0].zoo, now=NOW)
    early = replace(released, in_force=replace(released.in_force, digest="f" * 64, from_version="v00000000"))
    checked = check_zoo(project, early)
    assert broken(checked.inputs) == ["the zoo is the one that its experiment has released"]
    assert len(broken(checked.outputs)) == 2


def test_an_experiment_is_checked_on_the_tables_it_wrote(project: Project) -> None:
    made: Experiment = run_experiment(project, list_builds(project)[0].build, now=NOW)
    checked = check_experiment(project, made)
    assert broken(checked.inputs + checked.outputs) == []
    assert {rule.rule.split(":")[0] for rule in checked.outputs} == {"leaderboard", "backtest"}
    flip(project, manifest_of(project, LEADERBOARDS, made.request.build).file.removeprefix(f"{project.name}/"))
    assert broken(check_experiment(project, made).outputs) == ["the stored leaderboard table can be read"]


def test_each_broken_rule_of_a_table_is_counted_and_the_table_is_refused(played: Project) -> None:
    table = played.store.outputs.read(FORECASTS, LAST)
    bad = table.assign(lower=table["upper"] + 1, extra=1).drop(columns="bin")
    bad.loc[:2, "forecast"] = float("nan")
    bad.loc[3:4, "level"] = 100.0
    bad.loc[5, "upper"] = float("inf")
    outcomes = {rule.rule: rule.broken for rule in inspect(lambda: bad, forecast_schema(()))}
    assert {rule: count for rule, count in outcomes.items() if count} == {
        "forecast: no column is missing": 1,
        "forecast: no column but those of the schema": 1,
        "forecast: lower <= forecast <= upper": len(bad),
        "forecast: forecast: not_nullable": 3,
        "forecast: level: less_than(100)": 2,
        "forecast: upper: finite": 1,
    }
    with pytest.raises(TableError, match="the forecast table is not what it must be") as refused:
        check_table(bad, forecast_schema(()))
    assert sum(refused.value.broken.values()) == len(bad) + 8


def test_keys_that_are_there_twice_and_other_types_are_counted() -> None:
    frame = pd.DataFrame({"bin": ["a", "a"], "n": [1, -1], "mae": [1.0, 2.0], "rmse": [1.0, 2.0], "bias": ["x", "y"]})
    with pytest.raises(TableError) as refused:
        check_table(frame.assign(coverage_pct=50.0), accuracy_schema())
    assert refused.value.broken["each key once"] == 2
    assert refused.value.broken["n: greater_than_or_equal_to(0)"] == 1
    assert set(refused.value.broken) <= set(list_rules(accuracy_schema()))


def test_the_rows_of_an_update_must_be_whole_unique_and_within_bounds() -> None:
    spec = TableSpec("at", "h", "load", (Variable("load", minimum=0, maximum=9), Variable("sky", "category")))
    rows = pd.DataFrame(
        {"at": pd.to_datetime(["2024-01-01", "2024-01-01"]).astype("datetime64[us]"), "load": [-1.0, 10.0]}
    )
    found = inspect(lambda: rows.assign(_operation="upsert"), patch_schema(spec, ("load",)))
    assert {rule.rule: rule.broken for rule in found if rule.broken} == {
        "update: each key once": 2,
        "update: load: greater_than_or_equal_to(0)": 1,
        "update: load: less_than_or_equal_to(9)": 1,
    }


def forecast_of(start: str, n: int, *, origin: str) -> pd.DataFrame:
    times = pd.date_range(start, periods=n, freq="h", unit="us")
    return pd.DataFrame({"timestamp": times, "origin": pd.Timestamp(origin)})


@pytest.mark.parametrize(
    ("origin", "hours"),
    [("2026-03-27 22:00", 24), ("2026-03-28 22:00", 23), ("2026-10-24 21:00", 25)],
    ids=["ordinary day", "clocks go forward", "clocks go back"],
)
def test_the_whole_next_day_is_covered_whatever_the_clocks_do(origin: str, hours: int) -> None:
    table = forecast_of(str(pd.Timestamp(origin) + pd.Timedelta("1h")), hours, origin=origin)
    assert check_horizon(table, BERLIN, Horizon.parse("1D")).broken == 0
    assert check_horizon(table.iloc[1:-1], BERLIN, Horizon.parse("1D")).broken == 2


def test_a_horizon_in_steps_is_counted_per_series_and_no_rows_cover_nothing() -> None:
    spec = TableSpec("at", "h", "load", (Variable("load"),), series_keys=("site",))
    table = pd.concat(
        [forecast_of("2024-01-01 01:00", n, origin="2024-01-01").assign(site=s) for s, n in (("a", 6), ("b", 4))]
    )
    outcome = check_horizon(table, spec, Horizon.parse(6))
    assert (outcome.broken, outcome.found) == (2, "2024-01-01 05:00:00, 2024-01-01 06:00:00")
    assert check_horizon(table.iloc[:0], spec, Horizon.parse(6)).broken == 1
