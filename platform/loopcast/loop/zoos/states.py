"""The state of a zoo: what it has learned since it was built. Each version's forecast retrains it and pins the outcome.

A state follows from the zoo and the versions after it, so old ones are thinned and learned again when they are asked
for. Learning is in `loopcast.zoo.retrain`; which zoo is in force is in `loopcast.loop.zoos.forces`.
"""

from dataclasses import dataclass

import pandas as pd

from loopcast.errors import NotFoundError
from loopcast.loop.judging.decisions import read_newest as read_newest_decision
from loopcast.loop.project import Project
from loopcast.loop.slices import Slice, read_window
from loopcast.loop.zoos.forces import (
    FORECASTS,
    SHADOW_FORECASTS,
    ZooInForce,
    choose_zoo,
    list_in_force,
    list_spans,
    read_zoo,
    zoo_for_version,
)
from loopcast.store.erasure import LEARNED_AGAIN
from loopcast.store.outputs import OutputManifest
from loopcast.store.version_records import VersionRecord, version_key, version_number
from loopcast.zoo.document import zoo_from_document, zoo_to_document
from loopcast.zoo.minimal import count_new_steps
from loopcast.zoo.panel import local_starts
from loopcast.zoo.retrain import retrain
from loopcast.zoo.zoo import Zoo

STATES = LEARNED_AGAIN
NEWEST = 4  # so many states are kept whatever their number


@dataclass(frozen=True, eq=False)
class Learned:
    """A zoo as it forecasts one version.

    Args:
        zoo: the models.
        digest: document of its state; None: the zoo as it was built.
        after: the version whose state it went on from; None: the zoo as it was built.
        seen: what was read to learn from; None where nothing was learned.
    """

    zoo: Zoo
    digest: str | None
    after: str | None
    seen: Slice | None


def learn_version(project: Project, record: VersionRecord, *, digest: str) -> Learned:
    """Return a zoo as it forecasts a version: with the state its forecast pins, else retrained on what is new.

    It goes on from the newest state that the forecast of an earlier version pins.

    Args:
        project: the use case.
        record: an accepted version.
        digest: document of the zoo.
    """
    pinned = find_state(project, record.version, digest=digest)
    if pinned is not None:
        return Learned(restore(project, pinned), pinned.pins.get("state_digest"), pinned.pins.get("state_after"), None)
    if project.use_case.policies.retrain == "never":
        return Learned(read_zoo(project, digest), None, None, None)
    base = find_earlier_state(project, record.version, digest=digest)
    models = read_zoo(project, digest) if base is None else restore(project, base)
    after = None if base is None else base.partition
    if not _is_to_learn(project, record.version, after=after):
        return Learned(models, base.pins["state_digest"] if base else None, after, None)
    seen = _read_news(project, record, models)
    learned = retrain(models, seen.panel)
    if learned is models:
        return Learned(models, base.pins["state_digest"] if base else None, after, seen)
    state = project.store.outputs.write_document(STATES, zoo_to_document(learned))
    return Learned(project.shelf.keep(state, learned), state, after, seen)


def restore(project: Project, manifest: OutputManifest) -> Zoo:
    """Return the models with which a forecast was made: their state as stored, or learned again where it was thinned.

    Args:
        project: the use case.
        manifest: of the forecast.
    """
    digest, outputs = str(manifest.pins["zoo_digest"]), project.store.outputs
    again: list[str] = []
    at: OutputManifest | None = manifest
    while at is not None and (state := at.pins.get("state_digest")) is not None:
        if outputs.has_document(STATES, state):
            break
        after = at.pins.get("state_after")
        earlier = None if after is None else find_state(project, after, digest=digest)
        if earlier is None or earlier.pins.get("state_digest") != state:  # else it had learned nothing
            again.append(at.partition)
        at = earlier
    state = at.pins.get("state_digest") if at else None
    models = read_zoo(project, digest) if state is None else _read_state(project, state)
    for version in reversed(again):
        models = retrain(models, _read_news(project, project.store.versions.record(version), models).panel)
    return models


def _read_state(project: Project, digest: str) -> Zoo:
    outputs = project.store.outputs
    return project.shelf.fetch(digest, lambda: zoo_from_document(outputs.read_document(STATES, digest)))


def read_newest(project: Project, version: str) -> Zoo | None:
    """Return the zoo in force for a version in the newest state it had by then; None where none is in force."""
    chosen = choose_zoo(project, version)
    if chosen is None:
        return None
    digest = chosen[1]
    newest = find_state(project, version, digest=digest) or find_earlier_state(project, version, digest=digest)
    return read_zoo(project, digest) if newest is None else restore(project, newest)


def read_newest_of(project: Project, zoo: str | None) -> tuple[ZooInForce, Zoo]:
    """Return a zoo that was in force, by default the newest, with all that it has learned until now.

    Raises:
        NotFoundError: no such zoo was in force.
    """
    entries = [entry for entry in list_in_force(project) if zoo in (None, entry.zoo)]
    if not entries:
        raise NotFoundError(f"found no zoo {zoo or ''} in force for {project.name}; `loopcast versions` lists them")
    entry, end = entries[-1], project.store.versions.next_key()
    newest = find_earlier_state(project, end, digest=entry.digest)
    return entry, read_zoo(project, entry.digest) if newest is None else restore(project, newest)


def find_state(project: Project, version: str, *, digest: str) -> OutputManifest | None:
    """Return the newest forecast of a version by a zoo, in force or in the shadow, which pins the zoo's state, or None.

    Args:
        project: the use case.
        version: the version.
        digest: document of the zoo.
    """
    written = reversed(_list_written(project, version))
    return next((manifest for manifest in written if manifest.pins["zoo_digest"] == digest), None)


def find_earlier_state(project: Project, version: str, *, digest: str) -> OutputManifest | None:
    """Return the newest forecast before a version that pins a state of a zoo; None where there is none.

    It looks from version to version, where the zoo was in force or in the shadow: for one that is in force again, the
    versions of its successors are not looked at.
    """
    newest = version_number(version) - 1
    for first, last in list_spans(project, digest):
        for number in range(newest if last is None else min(newest, last), first - 1, -1):
            manifest = find_state(project, version_key(number), digest=digest)
            if manifest is not None and manifest.pins.get("state_digest") is not None:
                return manifest
    return None


def thin_states(project: Project, version: str) -> list[str]:
    """Delete the states that are no longer kept once a version has its own; return the versions they were of.

    The newest four are kept, and of each age twice as old only every second one: about two for each doubling. Only
    versions whose age has just doubled are looked at.
    """
    newest, gone = version_number(version), []
    age = NEWEST
    while (number := newest - age) > 0:
        if number % (2 * age // NEWEST) and _drop_state(project, number):
            gone.append(version_key(number))
        age *= 2
    return gone


def _is_to_learn(project: Project, version: str, *, after: str | None) -> bool:
    """Return whether a zoo learns before it forecasts a version: always, or where that was decided since it last did.

    Args:
        project: the use case.
        version: the version.
        after: the version with whose forecast it last learned; None: it is as it was built.
    """
    if project.use_case.policies.retrain == "every_version":
        return True
    decided, in_force = read_newest_decision(project), zoo_for_version(project, version)
    asked = decided.course.retrain_after if decided else None
    last = after or (in_force.from_version if in_force else version)
    return asked is not None and last <= asked < version


def _drop_state(project: Project, number: int) -> bool:
    """Delete the states that a version's forecasts pin, and return whether there was one that nobody goes on using."""
    later = {entry.pins.get("state_digest") for entry in _list_written(project, version_key(number + 1))}
    pinned = {entry.pins.get("state_digest") for entry in _list_written(project, version_key(number))}
    dropped = [project.store.outputs.delete_document(STATES, digest) for digest in pinned - later if digest is not None]
    return any(dropped)


def _list_written(project: Project, version: str) -> list[OutputManifest]:
    """Return the forecasts of a version, those of a challenger in the shadow first."""
    outputs = project.store.outputs
    return [*outputs.history(SHADOW_FORECASTS, version), *outputs.history(FORECASTS, version)]


def _read_news(project: Project, record: VersionRecord, zoo: Zoo) -> Slice:
    """Return what a zoo reads of a version to forecast it, and to learn what came since it last did."""
    if record.last_timestamp is None:
        return read_window(project, record, zoo)
    spec = zoo.spec.preprocessing.job_spec(project.store.spec)
    end = local_starts(pd.DatetimeIndex([record.last_timestamp]), spec)[0]
    return read_window(project, record, zoo, more=count_new_steps(zoo, end))
