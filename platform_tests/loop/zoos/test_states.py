"""The state of a zoo: each version's forecast learns what is new, pins it, and can be made again to the last bit."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loopcast.errors import NotFoundError
from loopcast.loop.judging.decisions import read_decisions
from loopcast.loop.judging.orders import Order, give_order
from loopcast.loop.judging.reflect import reflect
from loopcast.loop.production import forecast_version
from loopcast.loop.project import Project
from loopcast.loop.zoos.forces import FORECASTS, list_in_force, read_zoo
from loopcast.loop.zoos.states import STATES, find_earlier_state, restore, thin_states
from loopcast.store.erasure import ErasureRequest
from loopcast.store.forgetting import erase
from loopcast.store.verify import verify
from loopcast.zoo.document import zoo_to_document
from made_use_case import NOW, YAML, make_counts, make_project, take_turn


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Eight weeks and then ten days, one version each. Not to be changed."""
    yaml = YAML.format(name="counts").replace("policies: {", "policies: {rebuild: {rest: 100}, ")
    project = make_project(tmp_path_factory.mktemp("days"), yaml=yaml)
    take_turn(project, make_counts("2024-01-01", 56))
    for day in pd.date_range("2024-02-26", periods=10):
        take_turn(project, make_counts(str(day), 1))
    return project


def manifests(project: Project) -> list:
    outputs = project.store.outputs
    return [outputs.manifest(FORECASTS, version) for version in outputs.partitions(FORECASTS)]


def states(project: Project) -> list[str]:
    return [path for path in project.store.lake.list(f"{project.name}/{STATES}") if path.endswith(".json")]


def test_each_forecast_pins_the_state_it_was_made_with_and_goes_on_from_the_one_before(days: Project) -> None:
    made = manifests(days)
    assert (made[0].pins["state_digest"], made[0].pins["state_after"]) == (None, None)  # nothing came since the build
    assert made[1].pins["state_after"] is None
    assert [one.pins["state_after"] for one in made[2:]] == [one.partition for one in made[1:-1]]
    assert len({one.pins["state_digest"] for one in made}) == len(made)
    until = restore(days, made[-1]).blocks[0].until
    assert str(until[0]) == "2024-03-06T23:00:00.000000"
    assert str(read_zoo(days, made[-1].pins["zoo_digest"]).blocks[0].until[0]) == "2024-02-25T23:00:00.000000"


def test_an_old_version_is_forecast_again_with_its_own_state_thinned_or_not(days: Project) -> None:
    for one in manifests(days):
        again = forecast_version(days, one.partition, now=NOW)
        assert again is not None
        assert again.manifest == one


def test_old_states_are_thinned_and_verify_has_nothing_to_say(days: Project) -> None:
    assert verify(days.store).damages == ()
    newest = int(manifests(days)[-1].partition[1:])
    kept = {number for number in range(2, newest + 1) if newest - number < 4 or number % 2 == 0}
    kept = {number for number in kept if newest - number < 8 or number % 4 == 0}
    there = {
        int(one.partition[1:])
        for one in manifests(days)
        if days.store.outputs.has_document(STATES, str(one.pins["state_digest"]))
    }
    assert there == kept
    assert len(states(days)) == len(kept)
    assert thin_states(days, manifests(days)[-1].partition) == []


def test_a_thinned_state_is_learned_again_to_the_last_bit(project: Project) -> None:
    made = project.store.outputs.manifest(FORECASTS, "v00000003")
    assert made is not None
    before = restore(project, made)
    for one in manifests(project):
        project.store.outputs.delete_document(STATES, str(one.pins["state_digest"]))
    again = restore(project, made)
    assert str(zoo_to_document(again)) == str(zoo_to_document(before))


def test_a_correction_of_an_old_version_leaves_later_states_as_they_are(project: Project) -> None:
    before = {one.partition: one.pins["state_digest"] for one in manifests(project)}
    correction = make_counts("2024-02-20", 1).assign(count=500.0)
    version = take_turn(project, correction, name="correction.csv")
    after = {one.partition: one.pins["state_digest"] for one in manifests(project)}
    assert {name: after[name] for name in before} == before
    assert after[version] == before["v00000003"]  # no new origin: nothing is learned, the state is the same


def test_with_retrain_never_the_zoo_stays_as_it_was_built(tmp_path: Path) -> None:
    yaml = YAML.format(name="counts").replace("policies: {", "policies: {retrain: never, ")
    project = make_project(tmp_path, yaml=yaml)
    for start, length in (("2024-01-01", 56), ("2024-02-26", 1)):
        take_turn(project, make_counts(start, length))
    assert states(project) == []
    assert [one.pins["state_digest"] for one in manifests(project)] == [None, None]


def test_an_erasure_takes_states_with_it_and_they_are_learned_anew_from_what_is_left(project: Project) -> None:
    request = ErasureRequest((), np.datetime64("2024-02-26T03:00").item(), None, "ada", "wrong sensor")
    assert states(project)
    erase(project.store, request, salt="s", now=NOW)
    assert project.store.lake.list(f"{project.name}/{STATES}") == []
    assert verify(project.store).damages == ()
    assert forecast_version(project, "v00000003", now=NOW) is not None


def test_the_search_for_a_state_ends_at_the_first_version_the_zoo_is_in_force_for(days: Project) -> None:
    digest = list_in_force(days)[0].digest
    found = find_earlier_state(days, "v00000005", digest=digest)
    assert found is not None
    assert found.partition == "v00000004"
    assert find_earlier_state(days, "v00000002", digest=digest) is None
    assert find_earlier_state(days, "v00000005", digest="0" * 64) is None
    with pytest.raises(NotFoundError):
        read_zoo(days, "0" * 64)


def test_where_it_is_decided_a_zoo_learns_after_the_decision_and_not_in_between(tmp_path: Path) -> None:
    yaml = YAML.format(name="counts").replace(
        "policies: {", "policies: {retrain: on_decision, rebuild: {rest: 3, max_age: null}, "
    )
    project = make_project(tmp_path, yaml=yaml)
    take_turn(project, make_counts("2024-01-01", 56))
    for day in pd.date_range("2024-02-26", periods=9):
        take_turn(project, make_counts(str(day), 1))
    decided = [record.version for record in read_decisions(project) if record.decision.action == "retrain"]
    assert decided == ["v00000004", "v00000007", "v00000010"]
    made = manifests(project)
    digests = [one.pins["state_digest"] for one in made]
    learned = [
        now.partition for before, now in pairwise(made) if now.pins["state_digest"] != before.pins["state_digest"]
    ]
    assert learned == ["v00000005", "v00000008"]
    assert digests[:4] == [None] * 4
    for one in made:
        again = forecast_version(project, one.partition, now=NOW)
        assert again is not None
        assert again.manifest == one, "thinned or not"
    assert verify(project.store).damages == ()
    for one in made:  # learned again from the beginning, it is the same to the last bit
        if one.pins["state_digest"]:
            project.store.outputs.delete_document(STATES, one.pins["state_digest"])
    again = project.store.outputs.write_document(STATES, zoo_to_document(restore(project, made[-1])))
    assert again == digests[-1]


def test_a_person_can_ask_for_a_retrain(tmp_path: Path) -> None:
    yaml = YAML.format(name="counts").replace("policies: {", "policies: {retrain: on_decision, rebuild: {rest: 50}, ")
    project = make_project(tmp_path, yaml=yaml)
    take_turn(project, make_counts("2024-01-01", 56))
    take_turn(project, make_counts("2024-02-26", 1))
    give_order(project, Order("ask", actor="ana", action="retrain"), now=NOW)
    assert reflect(project, now=NOW).decision.action == "retrain"
    take_turn(project, make_counts("2024-02-27", 1))
    assert [one.pins["state_digest"] is not None for one in manifests(project)] == [False, False, True]
