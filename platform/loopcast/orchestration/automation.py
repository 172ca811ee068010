"""When Dagster itself materializes an asset again: built-in conditions only, each term with its reason.

New files are not found here but by the sensor in `loopcast.orchestration.sensors`, which asks for one run per version.
"""

from typing import Any

import dagster as dg

from loopcast.orchestration.names import REFLECTED, TURN, Names

# Dagster types conditions by the kind of key they select, which differs along a chain that works: untyped here.
Condition = Any
WHEN: Any = dg.AutomationCondition
EVERY_FIVE_MINUTES = "*/5 * * * *"


def forecast_condition(names: Names) -> Condition:
    """Forecast a version again when its dataset was materialized by itself, for instance from the UI."""
    changed = _changed_outside_turns(names.asset("dataset"), label="dataset materialized on its own")
    return _guarded(changed).with_label("dataset materialized again, checks passed")


def accuracy_condition(names: Names) -> Condition:
    """Score a version again when its dataset was materialized by itself.

    New forecasts do not ask for it: every forecast would ask for all later reports, and these score it anyway when
    their version arrives.
    """
    changed = _changed_outside_turns(names.asset("dataset"), label="dataset materialized on its own")
    return _guarded(changed).with_label("dataset materialized again, checks passed")


def profile_condition(names: Names) -> Condition:
    """Profile a version again when its dataset was materialized by itself."""
    changed = _changed_outside_turns(names.asset("dataset"), label="dataset materialized on its own")
    return _guarded(changed).with_label("dataset materialized again, checks passed")


def root_cause_condition(names: Names) -> Condition:
    """Tell the root causes of a version again when its forecast was materialized by itself."""
    changed = _changed_outside_turns(names.asset("forecast"), label="forecast materialized on its own")
    return _guarded(changed).with_label("forecast materialized again")


def new_key_condition() -> Condition:
    """Materialize a partition once when its key appears: a build that reflection opened, a zoo that passed its gate.

    Not `since_last_handled()`: it forgets keys that were there before a use case is looked at for the first time.
    """
    handled = WHEN.newly_requested() | WHEN.newly_updated()
    appeared = WHEN.missing().newly_true().since(handled)
    return (appeared & ~WHEN.in_progress()).with_label("its key was added")


def reflection_condition() -> Condition:
    """Reflect when a dataset or an accuracy report is new, unless the run that made it reflected already.

    Not `eager()`: its `any_deps_missing` is true for ever once one version was refused, as a refused version has no
    dataset.
    """
    reflected = WHEN.all_new_updates_have_run_tags(tag_keys={REFLECTED})
    news = WHEN.any_deps_match(WHEN.newly_updated() & ~reflected)
    return (news.since_last_handled() & ~WHEN.in_progress()).with_label("news not reflected on yet")


def warehouse_condition() -> Condition:
    """Deliver when anything that is delivered is new, all of it at once.

    While turns are under way their news gather: a hundred updates in a row are delivered once, at their end, and a
    delivery never runs beside another one. A long experiment is not waited for.

    Not `since_last_handled()`: it forgets what happens between a request and the next tick, or while the delivery runs.
    """
    news = WHEN.any_deps_match(WHEN.newly_updated())
    handled = (WHEN.newly_requested() & ~news) | WHEN.initial_evaluation()
    return (news.since(handled) & _is_quiet()).with_label("news not delivered yet")


def champion_condition() -> Condition:
    """Look at the champion again when a build has met it or a zoo was released, once where one leads to the other."""
    news = WHEN.any_deps_match(WHEN.newly_updated())
    handled = (WHEN.newly_requested() & ~news) | WHEN.initial_evaluation()
    coming = WHEN.any_deps_match(WHEN.will_be_requested())
    return (news.since(handled) & ~coming & _is_quiet()).with_label("a verdict or a zoo not shown yet")


def overview_condition() -> Condition:
    """Look over all use cases when any has reflected, at most every five minutes whatever their number.

    Each reflection alone would ask for a run: with fifty use cases, fifty in a row.
    """
    handled = WHEN.newly_requested() | WHEN.initial_evaluation()
    news = WHEN.any_deps_match(WHEN.newly_updated()).since(handled)
    return (news & WHEN.cron_tick_passed(EVERY_FIVE_MINUTES) & ~WHEN.in_progress()).with_label(
        "news not looked over yet"
    )


def _is_quiet() -> Condition:
    return ~WHEN.in_progress() & ~WHEN.any_deps_in_progress()


def _changed_outside_turns(key: dg.AssetKey, *, label: str) -> Condition:
    """A dependency was updated by a run that is not a turn: a turn makes the rest of the chain itself."""
    turned = WHEN.all_new_updates_have_run_tags(tag_keys={TURN})
    updated = WHEN.newly_updated() & ~turned
    return WHEN.any_deps_match(updated).allow(dg.AssetSelection.assets(key)).with_label(label)


def _guarded(changed: Condition) -> Condition:
    """Handle each change once, not while a run is under way, and never on a version whose check failed."""
    return changed.since_last_handled() & _is_quiet() & WHEN.all_deps_blocking_checks_passed()
