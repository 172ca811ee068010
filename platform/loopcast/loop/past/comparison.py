"""Policies side by side: what each would have cost and how good its forecasts would have been.

Here belong the named policies and the table. Playing them is in `loopcast.loop.past.simulation`.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from loopcast.dataops.table import TableSpec
from loopcast.loop.past.simulation import Policy, SimulatedTurn
from loopcast.reflection.accuracy import measure_cells
from loopcast.use_case.policies import Budget, Challenger, Policies

DECISION, REFERENCE = "decision", "daily_rebuild"
NAMES = ("frozen", "daily_retrain", "weekly_rebuild", REFERENCE, DECISION)
STAGES = ("forecast", "judge", "build")
UNLIMITED = Budget(builds=1_000_000)


def name_policies(declared: Policies) -> dict[str, Policy]:
    """Return the policies that every use case is compared under, by name.

    `frozen`: one zoo for ever, as it was built. `daily_retrain`: the same zoo learns from every version.
    `weekly_rebuild`, `daily_rebuild`: that, and a new zoo by schedule, which takes force whatever the errors.
    `decision`: as declared, but that nothing waits for a person, as nobody is there.

    Args:
        declared: the use case's own.
    """
    retrained = declared.model_copy(update={"retrain": "every_version"})
    never, decided = _vary(retrained, when="never"), _vary(declared, approval="none")
    free = {"when": "schedule", "rest": 1, "budget": UNLIMITED, "approval": "none"}
    always = retrained.model_copy(update={"challenger": Challenger(takes_force="always")})
    policies = (
        Policy("frozen", never.model_copy(update={"retrain": "never"})),
        Policy("daily_retrain", never),
        Policy("weekly_rebuild", _vary(always, every="7D", **free)),
        Policy(REFERENCE, _vary(always, every="1D", **free)),
        Policy(DECISION, decided),
    )
    return {policy.name: policy for policy in policies}


def _vary(policies: Policies, **rebuild: Any) -> Policies:
    """Return the policies with other fields of `rebuild`."""
    return policies.model_copy(update={"rebuild": policies.rebuild.model_copy(update=rebuild)})


def compare_policies(turns: Iterable[SimulatedTurn], spec: TableSpec) -> list[dict[str, Any]]:
    """Return one row per policy, in the order in which they were played.

    Errors are over the forecasts that every policy has made and whose actuals are there, each on its newest actual.

    Args:
        turns: of all policies.
        spec: of the use case's table.

    Returns:
        `policy`, `n` forecasts, `mae`, `rmse`, `skill_pct` against the best seasonal naive, `coverage_pct`; CPU seconds
        `cpu_s` and of these `forecast_s` (retraining and predicting), `judge_s`, `build_s`; `builds`, `released`,
        `rejected`, `alarms`, `failed` turns; `error_vs_daily_pct` and `cost_vs_daily_pct` relative to `daily_rebuild`.
    """
    played: dict[str, list[SimulatedTurn]] = {}
    for turn in turns:
        played.setdefault(turn.policy, []).append(turn)
    identity = [*spec.series_keys, "forecast_version", "timestamp"]
    cells = _keep_common({name: _join_cells(own, identity) for name, own in played.items()}, identity)
    rows = [{"policy": name, **_measure(cells[name]), **_add_up(own)} for name, own in played.items()]
    reference = next((row for row in rows if row["policy"] == REFERENCE), None)
    return rows if reference is None else [{**row, **_relate(row, reference)} for row in rows]


def _join_cells(turns: Sequence[SimulatedTurn], identity: list[str]) -> pd.DataFrame:
    """Return what was scored, each forecast once, as scored last."""
    frames = [turn.cells for turn in turns if len(turn.cells)]
    if not frames:
        return pd.DataFrame(columns=identity)
    return pd.concat(frames, ignore_index=True).drop_duplicates(identity, keep="last")


def _keep_common(cells: dict[str, pd.DataFrame], identity: list[str]) -> dict[str, pd.DataFrame]:
    """Return the rows of each policy that every policy has, in the same order."""
    common: pd.DataFrame | None = None
    for own in cells.values():
        common = own[identity] if common is None else common.merge(own[identity], on=identity)
    if common is None:
        return cells
    return {name: common.merge(own, on=identity) for name, own in cells.items()}


def _measure(cells: pd.DataFrame) -> dict[str, Any]:
    names = ("mae", "rmse", "skill_pct", "coverage_pct")
    if cells.empty:
        return {"n": 0, **dict.fromkeys(names)}
    found = measure_cells(cells)
    return {"n": len(cells), **{name: found.get(name) for name in names}}


def _add_up(turns: Sequence[SimulatedTurn]) -> dict[str, Any]:
    spent = {f"{stage}_s": sum(turn.seconds.get(stage, 0.0) for turn in turns) for stage in STAGES}
    builds, released = (sum(getattr(turn, name) is not None for turn in turns) for name in ("build", "released"))
    return {
        "cpu_s": sum(spent.values()),
        **spent,
        "builds": builds,
        "released": released,
        "rejected": builds - released,
        "alarms": len(list_alarms(turns)),
        "failed": sum(bool(turn.failure) for turn in turns),
    }


def list_alarms(turns: Sequence[SimulatedTurn]) -> list[str]:
    """Return the versions after which production was first found to be worse than promised, of one policy.

    Until it is found to be as promised again, that is one alarm.

    Args:
        turns: of the policy, in order.
    """
    before = [False, *(turn.is_worse for turn in turns)]
    return [turn.version for was, turn in zip(before, turns, strict=False) if turn.is_worse and not was]


def _relate(row: dict[str, Any], reference: dict[str, Any]) -> dict[str, Any]:
    error = 100.0 * (row["mae"] / reference["mae"] - 1.0) if row["mae"] and reference["mae"] else None
    cost = 100.0 * (row["cpu_s"] / reference["cpu_s"]) if reference["cpu_s"] else None
    return {"error_vs_daily_pct": error, "cost_vs_daily_pct": cost}
