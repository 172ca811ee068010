"""When Dagster itself materializes an asset again: built-in conditions only, each term with its reason.

New files are not found here but by the sensor in `loopcast.orchestration.sensors`, which asks for one run per version.
"""

from typing import Any

import dagster as dg

from loopcast.orchestration.names import REFLECTED, TURN, Names

# Dagster types conditions by the kind of key they select, which differs along a chain that works: untyped here.
Condition = Any
WHEN: Any = dg.AutomationCondition
# What every asset's description ends with: when it is made, and made again.
MADE = {
    "source_feed": "by the provider",
    "raw_update": "in the turn of its version: once, when the update arrives",
    "dataset": "in the turn of its version; again only by hand",
    "forecast": "in the turn of its version; again when the version's dataset is made again by itself",
    "accuracy_report": "in the turn of its version; again when the version's dataset is made again by itself",
    "root_cause": "in the turn of its version; again when the version's forecast is made again by itself",
    "profile": "in the turn of its version; again when the version's dataset is made again by itself",
    "reflection": "in every turn with a zoo in force, and when there is news that nobody reflected on",
    "experiment": "once, when reflection opens a build",
    "model_zoo": "once, when an experiment has passed its gate",
    "champion": "when a build has met the champion, or a zoo was released",
    "warehouse": "when anything delivered is new and nothing is under way",
}
EVERY_FIVE_MINUTES = "*/5 * * * *"


def forecast_condition(names: Names) -> Condition:
    """Forecast a version again when its dataset was materialized by itself, for instance from the UI."""
    return _again_after(names.asset("dataset"))


def accuracy_condition(names: Names) -> Condition:
    """Score a version again when its dataset was materialized by itself.

    New forecasts do not ask for it: every forecast would ask for all later reports, and these score it anyway when
    their version arrives.
    """
    return _again_after(names.asset("dataset"))


def profile_condition(names: Names) -> Condition:
    """Profile a version again when its dataset was materialized by itself."""
    return _again_after(names.asset("dataset"))


def root_cause_condition(names: Names) -> Condition:
    """Tell the root causes of a version again when its forecast was materialized by itself."""
    return _again_after(names.asset("forecast"))


def new_key_condition() -> Condition:
    """Materialize a partition once when its key appears: a build that reflection opened, a zoo that passed its gate.

    Not `since_last_handled()`: it forgets keys that were there before a use case is looked at for the first time.
    """
    handled = (WHEN.newly_requested() | WHEN.newly_updated()).with_label("asked for, or made")
    appeared = WHEN.missing().newly_true().with_label("its key has just appeared")
    waiting = appeared.since(handled).with_label("its key was added, and it was neither asked for nor made since")
    return (waiting & _is_idle()).with_label("when its key is added")


def reflection_condition(names: Names) -> Condition:
    """Reflect when an accuracy report is new, or a turn has brought a dataset, unless the run reflected already.

    A dataset materialized by itself has its accuracy report made again, which is the news then: so it reflects once.

    Not `eager()`: its `any_deps_missing` is true for ever once one version was refused, as a refused version has no
    dataset.
    """
    fresh = WHEN.newly_updated() & ~WHEN.all_new_updates_have_run_tags(tag_keys={REFLECTED})
    by_turn = fresh & WHEN.all_new_updates_have_run_tags(tag_keys={TURN})
    arrived = WHEN.any_deps_match(by_turn).allow(dg.AssetSelection.assets(names.asset("dataset")))
    scored = WHEN.any_deps_match(fresh).allow(dg.AssetSelection.assets(names.asset("accuracy_report")))
    news = (
        arrived.with_label("a turn brought a dataset and did not reflect")
        | scored.with_label("an accuracy report was made by a run that did not reflect")
    ).with_label("news that nobody reflected on")
    return (news.since_last_handled() & _is_idle()).with_label("when there is news not reflected on yet")


def warehouse_condition() -> Condition:
    """Deliver when anything that is delivered is new, all of it at once.

    While turns are under way their news gather: a hundred updates in a row are delivered once, at their end, and a
    delivery never runs beside another one. A long experiment is not waited for.

    Not `since_last_handled()`: it forgets what happens between a request and the next tick, or while the delivery runs.
    """
    news = WHEN.any_deps_match(WHEN.newly_updated()).with_label("a dataset, forecast, report, zoo or decision is new")
    handled = ((WHEN.newly_requested() & ~news) | WHEN.initial_evaluation()).with_label("asked for, nothing new since")
    coming = WHEN.any_deps_match(WHEN.will_be_requested()).with_label("more of it is asked for in this moment")
    return (news.since(handled) & _is_quiet() & ~coming).with_label("when there is news and nothing is under way")


def champion_condition(names: Names) -> Condition:
    """Look at the champion again when a zoo was released; an experiment that rejects one shows that by itself."""
    released = WHEN.any_deps_match(WHEN.newly_updated()).allow(dg.AssetSelection.assets(names.asset("model_zoo")))
    return (released.since_last_handled() & _is_quiet()).with_label("a zoo was released")


def overview_condition() -> Condition:
    """Look over all use cases when any has reflected, at most every five minutes whatever their number.

    Each reflection alone would ask for a run: with fifty use cases, fifty in a row.
    """
    handled = WHEN.newly_requested() | WHEN.initial_evaluation()
    news = WHEN.any_deps_match(WHEN.newly_updated()).since(handled)
    return (news & WHEN.cron_tick_passed(EVERY_FIVE_MINUTES) & ~WHEN.in_progress()).with_label(
        "news not looked over yet"
    )


def _is_idle() -> Condition:
    return (~WHEN.in_progress()).with_label("it is not being made already")


def _is_quiet() -> Condition:
    return _is_idle() & (~WHEN.any_deps_in_progress()).with_label("nothing that it is made from is being made")


def _again_after(key: dg.AssetKey) -> Condition:
    """Make a version again, once, when another asset of it was made by a run that is not a turn.

    A turn makes the rest of the chain itself; so does a backfill of several assets, as what it makes counts as handled.
    Nothing is made while a run is under way, and never from a version whose check failed.
    """
    noun = key.path[-1]
    turned = WHEN.all_new_updates_have_run_tags(tag_keys={TURN})
    outside = (WHEN.newly_updated() & ~turned).with_label("made by a run that is not a turn")
    changed = WHEN.any_deps_match(outside).allow(dg.AssetSelection.assets(key))
    changed = changed.with_label(f"the {noun} of the same version was made again by itself")
    passed = WHEN.all_deps_blocking_checks_passed().with_label("the version was accepted: no blocking check failed")
    pending = changed.since_last_handled().with_label(f"the {noun} is newer, and nobody has asked for this since")
    return (pending & _is_quiet() & passed).with_label(f"when the {noun} of the same version is made again by itself")
