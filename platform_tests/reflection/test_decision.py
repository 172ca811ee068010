"""The rules of the decision, one by one, and what holds whatever happens."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopcast.reflection.decision import decide
from loopcast.reflection.deterioration import Judgement
from loopcast.reflection.evidence import (
    Asked,
    Episode,
    Evidence,
    RebuildPolicy,
    follow_episode,
    note_action,
)
from loopcast.reflection.rules import RULES

GOOD = Evidence(
    has_zoo=True, versions_since_build=10, age_days=10.0, judgement=Judgement(False, None, 14, 100.0, 95.0),
    newest_build="in_force", days_since_build=10.0, clock="14:05", versions_since_retrain=3,
)  # fmt: skip
WORSE = Judgement(True, "v00000003", 14, 150.0, 95.0)
SCHEDULE = RebuildPolicy(when="schedule", every_days=7.0)
NEVER = RebuildPolicy(when="never")
LEARNS = RebuildPolicy(retrain="on_decision")
UNMET = ("no models at 05:00",)
REBUILT = Episode("v00000003", builds=1)


@pytest.mark.parametrize(
    ("change", "policy", "action", "rule"),
    [
        ({}, None, "keep", "as_promised"),
        ({"has_zoo": False, "versions_since_build": 0, "newest_build": None}, None, "build_first", "no_zoo"),
        ({"has_zoo": False, "versions_since_build": 3, "newest_build": "rejected"}, None, "keep", "too_soon"),
        ({"has_zoo": False, "versions_since_build": 7}, None, "build_first", "no_zoo"),
        ({"has_zoo": False, "versions_since_build": 7}, NEVER, "build_first", "no_zoo"),
        ({"judgement": WORSE}, None, "rebuild", "worse_than_promised"),
        ({"judgement": WORSE, "versions_since_build": 6}, None, "keep", "too_soon"),
        ({"judgement": WORSE, "newest_build": "under_way"}, None, "keep", "build_under_way"),
        ({"judgement": WORSE, "newest_build": "shadow", "versions_since_build": 56}, None, "keep", "build_under_way"),
        ({"judgement": WORSE, "newest_build": "under_way", "versions_since_build": 14}, None, "rebuild",
         "worse_than_promised"),
        ({"judgement": WORSE, "pinned": "z0001"}, None, "keep", "pinned"),
        ({"judgement": WORSE, "versions_since_overruled": 6}, None, "keep", "overruled"),
        ({"judgement": WORSE, "versions_since_overruled": 7}, None, "rebuild", "worse_than_promised"),
        ({"judgement": WORSE, "episode": REBUILT}, None, "experiment", "rebuild_did_not_help"),
        ({"judgement": WORSE, "episode": REBUILT, "newest_build": "rejected"}, None, "keep", "too_soon"),
        ({"judgement": WORSE, "episode": REBUILT, "newest_build": "rejected", "versions_since_build": 14}, None,
         "experiment", "rebuild_did_not_help"),
        ({"judgement": WORSE, "rejected_in_a_row": 2, "episode": Episode("v00000003")}, None, "rebuild",
         "worse_than_promised"),
        ({"judgement": WORSE, "rejected_in_a_row": 1}, None, "keep", "too_soon"),
        ({"judgement": WORSE, "rejected_in_a_row": 1, "versions_since_build": 14}, None, "rebuild",
         "worse_than_promised"),
        ({"judgement": Judgement()}, None, "keep", "as_promised"),
        ({"age_days": 28.0}, None, "rebuild", "too_old"),
        ({"age_days": 1e6}, RebuildPolicy(max_age_days=None), "keep", "as_promised"),
        ({"versions_unmet": 3, "situations_unmet": UNMET}, None, "rebuild", "situation_unmet"),
        ({"versions_unmet": 1, "situations_unmet": UNMET}, None, "keep", "as_promised"),
        ({"judgement": WORSE, "days_since_build": 6.9}, SCHEDULE, "keep", "not_due"),
        ({"versions_since_build": 1, "days_since_build": 7.0}, SCHEDULE, "rebuild", "scheduled"),
        ({"days_since_build": None}, SCHEDULE, "rebuild", "scheduled"),
        ({"judgement": WORSE, "age_days": 99.0}, NEVER, "keep", "never"),
        ({"judgement": WORSE}, LEARNS, "retrain", "retrain_first"),
        ({"judgement": WORSE, "episode": Episode("v00000003", retrained=True)}, LEARNS, "keep", "retrained_lately"),
        ({"judgement": WORSE, "episode": Episode("v00000003", retrained=True), "versions_since_retrain": 7}, LEARNS,
         "rebuild", "worse_than_promised"),
        ({"versions_since_retrain": 7}, LEARNS, "retrain", "retrain_due"),
        ({"versions_since_retrain": 6}, LEARNS, "keep", "as_promised"),
        ({"versions_since_retrain": 7}, None, "keep", "as_promised"),
        ({"pinned": "z0001", "asked": Asked("ask", "experiment", "all", "ana", "why not")}, None, "experiment",
         "asked"),
        ({"asked": Asked("overrule", "keep", "all", "ana", "", "d00000007", "rebuild")}, None, "keep", "asked"),
    ],
)  # fmt: skip
def test_each_rule_decides(change: dict, policy: RebuildPolicy | None, action: str, rule: str) -> None:
    made = decide(replace(GOOD, **change), policy)
    assert (made.action, made.rule, made.waits_for) == (action, rule, None)
    assert made.reason
    assert made.opens_build == (action in {"rebuild", "experiment", "build_first"})
    json.dumps(made.evidence, allow_nan=False)


@pytest.mark.parametrize(
    ("change", "policy", "waits_for"),
    [
        ({}, RebuildPolicy(approval="all"), "approval"),
        ({}, RebuildPolicy(approval="experiment"), None),
        ({"judgement": WORSE, "episode": REBUILT}, RebuildPolicy(approval="experiment"), "approval"),
        ({"builds_in_budget": 7}, RebuildPolicy(), None),
        ({"builds_in_budget": 8}, RebuildPolicy(), "budget_spent"),
        ({}, RebuildPolicy(hours="22:00-06:00"), "outside_hours"),
        ({"clock": "22:00"}, RebuildPolicy(hours="22:00-06:00"), None),
        ({}, RebuildPolicy(hours="13:00-15:00"), None),
        ({"builds_in_budget": 8}, RebuildPolicy(approval="all", hours="22:00-06:00"), "approval"),
    ],
)
def test_what_opens_a_build_waits_and_says_for_what(change: dict, policy: RebuildPolicy, waits_for: str | None) -> None:
    wanting = replace(GOOD, age_days=99.0, **change)
    made = decide(wanting, policy)
    assert (made.waits_for, made.opens_build) == (waits_for, waits_for is None)
    assert ("waits" in made.reason) == (waits_for is not None)
    asked = Asked("approve", made.action, "all", "ana", "go")
    assert decide(replace(wanting, asked=asked), policy).opens_build, "a person need not wait"
    kept = decide(GOOD, policy)
    assert (kept.action, kept.waits_for) == ("keep", None)


def test_every_rule_is_tried_and_the_last_always_applies() -> None:
    tried = {mark.args[1][i][3] for mark in test_each_rule_decides.pytestmark for i in range(len(mark.args[1]))}
    assert tried == {rule.name for rule in RULES}
    assert RULES[-1].applies(Evidence(has_zoo=True), RebuildPolicy())


def test_an_experiment_searches_widely_and_an_unmet_situation_rebuilds_only_itself() -> None:
    experiment = decide(replace(GOOD, judgement=WORSE, episode=REBUILT))
    assert (experiment.search, experiment.scope) == ("wide", "all")
    unmet = decide(replace(GOOD, versions_unmet=3, situations_unmet=UNMET))
    assert (unmet.search, unmet.scope) == ("usual", "new_situations")


def test_an_episode_lasts_until_production_is_seen_to_be_as_promised() -> None:
    policy, fine = RebuildPolicy(), Judgement(False, None, 14, 90.0, 95.0)
    episode = follow_episode(Episode(), WORSE, policy, version="v00000009")
    assert episode == Episode("v00000009")
    episode = note_action(episode, "rebuild")
    after = follow_episode(episode, WORSE, policy, version="v00000010")
    assert after == Episode("v00000009", builds=1)
    assert follow_episode(after, replace(fine, scored_versions=6), policy, version="v00000011") == after
    assert follow_episode(after, fine, policy, version="v00000012") == Episode()
    assert note_action(Episode(), "rebuild") == Episode(), "age alone is no episode"


class Platform:
    """A platform with nothing but decisions: builds end after a while, as in force or not."""

    def __init__(self, policy: RebuildPolicy, budget_days: int) -> None:
        self.policy, self.budget_days = policy, budget_days
        self.builds: list[int] = []
        self.alarms: list[int] = []
        self.episode = Episode()
        self.rejected = 0
        self.state: str | None = None
        self.has_zoo = False

    def turn(self, day: int, *, is_worse: bool, scored: int, ends: bool, helps: bool, pinned: bool) -> None:
        judgement = Judgement(is_worse and self.has_zoo, None, scored, 2.0, 1.0)
        if self.state == "under_way" and ends:
            self.state = "in_force" if helps else "rejected"
            self.has_zoo, self.rejected = self.has_zoo or helps, 0 if helps else self.rejected + 1
        since = day - self.builds[-1] if self.builds else 0
        self.episode = follow_episode(self.episode, judgement, self.policy, version=f"v{day:08d}")
        evidence = Evidence(
            has_zoo=self.has_zoo, versions_since_build=since, age_days=float(since), judgement=judgement,
            pinned="z0001" if pinned else None, rejected_in_a_row=self.rejected, newest_build=self.state,
            days_since_build=float(since) if self.builds else None, episode=self.episode, clock="12:00",
            builds_in_budget=sum(day - at < self.budget_days for at in self.builds),
        )  # fmt: skip
        made = decide(evidence, self.policy)
        if made.opens_build:
            assert not pinned
            assert self.state != "under_way" or since >= 2 * self.policy.min_versions_between
            assert not self.builds or self.policy.when == "schedule" or since >= self.policy.min_versions_between
            self.builds.append(day)
            self.state, self.episode = "under_way", note_action(self.episode, made.action)
        if made.rule == "worse_than_promised":
            self.alarms.append(self.episode.builds)


DAY_TUPLE = st.tuples(st.booleans(), st.integers(0, 14), st.booleans(), st.booleans(), st.integers(0, 9))


@settings(max_examples=60, deadline=None)
@given(
    days=st.lists(DAY_TUPLE, min_size=20, max_size=120),
    rest=st.integers(1, 7),
    budget=st.integers(1, 4),
    when=st.sampled_from(["decision", "schedule"]),
)
def test_whatever_happens_builds_stay_within_the_budget_and_rest(
    days: list[tuple[bool, int, bool, bool, int]], rest: int, budget: int, when: Any
) -> None:
    policy = RebuildPolicy(min_versions_between=rest, budget_builds=budget, when=when, every_days=3, max_age_days=9)
    platform = Platform(policy, budget_days=28)
    for day, (is_worse, scored, ends, helps, luck) in enumerate(days, start=1):
        platform.turn(day, is_worse=is_worse, scored=scored, ends=ends, helps=helps, pinned=luck == 0)
    for first in platform.builds:
        assert sum(first <= day < first + 28 for day in platform.builds) <= budget


@settings(max_examples=40, deadline=None)
@given(rest=st.integers(1, 7), length=st.integers(10, 100))
def test_an_alarm_fires_once_while_its_build_is_under_way(rest: int, length: int) -> None:
    policy = RebuildPolicy(min_versions_between=rest, max_age_days=None, budget_builds=99)
    platform = Platform(policy, budget_days=28)
    platform.has_zoo = True
    for day in range(1, min(length, 2 * rest)):
        platform.turn(day, is_worse=True, scored=14, ends=False, helps=False, pinned=False)
    assert len(platform.builds) <= 1
