"""Zoos as files: one leaves a use case with its state, and comes into another by the same gate as one built there.

What a zoo's document says is in `loopcast.zoo.document`; judging it is in `loopcast.loop.zoos.experiment`.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from loopcast.errors import CallerError, DamageError
from loopcast.loop.project import Project
from loopcast.loop.zoos.forces import ZOO_DOCUMENTS, BuildRequest, open_build
from loopcast.loop.zoos.states import read_newest_of
from loopcast.store.array_files import NPZ, join_arrays, part_arrays
from loopcast.store.records import DIGEST, seal_record, sha256, to_canonical_json, to_iso
from loopcast.zoo.document import zoo_from_document, zoo_to_document
from loopcast.zoo.zoo import Zoo

FORMAT = "loopcast-zoo-file/1"
KEPT = frozenset({"kind", "name", "label", "format", "series", "failures", "choices"})  # entries that name no variable
Json = dict[str, Any]


def export_zoo(project: Project, zoo: str | None, *, actor: str, now: datetime) -> tuple[bytes, bytes]:
    """Return a zoo in its newest state as the bytes of a JSON file and of the `.npz` beside it; none where it has none.

    Args:
        project: the use case.
        zoo: its key; None: the newest in force.
        actor: who exports it.
        now: the present time, aware.

    Raises:
        NotFoundError: no such zoo was in force.
    """
    entry, models = read_newest_of(project, zoo)
    parted, arrays = part_arrays(zoo_to_document(models))
    origin = {
        "use_case": project.name,
        "zoo": entry.zoo,
        "zoo_digest": entry.digest,
        "by": actor,
        "at": to_iso(now),
        "code_version": project.code_version,
    }
    return to_canonical_json(seal_record({"format": FORMAT, "from": origin, "document": parted})), arrays


def import_zoo(
    project: Project, content: bytes, arrays: bytes, *, names: Mapping[str, str], actor: str, now: datetime
) -> BuildRequest:
    """Open the build that judges a zoo from a file, on the newest version; past its gate the zoo goes into force.

    Args:
        project: the use case it comes into.
        content: the JSON file.
        arrays: the `.npz` beside it; empty where there is none.
        names: variables by their name in the file, with their name here.
        actor: who imports it.
        now: the present time, aware.

    Raises:
        CallerError: it does not fit the use case, or there is no version yet.
        DamageError: the files are not what was exported.
    """
    record = open_file(content)
    zoo = zoo_from_document(rename(_join(record["document"], arrays), names))
    newest = project.store.versions.newest()
    if newest is None:
        raise CallerError(f"{project.name} has no version yet; send an update first: the zoo is judged on it")
    check_fit(project, zoo)
    origin = record["from"]
    digest = project.store.outputs.write_document(ZOO_DOCUMENTS, zoo_to_document(zoo))
    renamed = "".join(f", {old} as {new}" for old, new in names.items())
    taken = f"exported by {origin['by']} at {origin['at']}, file {record[DIGEST][:12]}"
    reason = f"{origin['zoo']} of {origin['use_case']}, {taken}"
    return open_build(
        project,
        version=newest.version,
        rule="import",
        reason=f"{reason}; imported by {actor}{renamed}",
        imported=digest,
        now=now,
    )


def open_file(content: bytes) -> Json:
    """Return the record in an exported JSON file; raises DamageError where it is none, or was changed."""
    try:
        record = json.loads(content)
    except ValueError as error:
        raise DamageError(f"the file is no JSON: {error}; export the zoo again") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise DamageError(f"the file is no exported zoo: expected the format {FORMAT}, by `loopcast zoo export`")
    if seal_record(record)[DIGEST] != record.get(DIGEST):
        raise DamageError("the file was changed after its export: it does not have its digest; export the zoo again")
    return record


def _join(document: Json, arrays: bytes) -> Json:
    """Return a document with its arrays."""
    if NPZ not in document:
        return document
    if sha256(arrays) != document[NPZ]:
        raise DamageError("the .npz beside the file is missing or was changed; keep both files of an export together")
    return join_arrays(document, arrays)


def check_fit(project: Project, zoo: Zoo) -> None:
    """Raise a CallerError in words where a zoo's target, frequency, horizon, series keys or predictors do not fit."""
    spec = project.use_case.zoo.preprocessing.job_spec(project.store.spec)
    pairs = [
        ("target", zoo.target, spec.target),
        ("frequency", zoo.frequency, spec.frequency),
        ("horizon", str(zoo.spec.horizon), str(project.use_case.zoo.horizon)),
        ("number of series keys", len(zoo.series[0]), len(spec.series_keys)),
    ]
    wrong = [f"{what} {found}, expected {expected}" for what, found, expected in pairs if found != expected]
    used = {offset.variable for offset in zoo.minimal_history} - {zoo.target}
    wrong += [f"the predictor {name}, which is not there" for name in sorted(used - set(spec.variable_names))]
    if wrong:
        known = ", ".join(spec.variable_names)
        raise CallerError(
            f"the zoo does not fit {project.name}: found {'; '.join(wrong)}. Its columns are {known}: "
            "name those that differ by --map OLD=NEW, or build a zoo here"
        )


def rename(value: Any, names: Mapping[str, str]) -> Any:
    """Return a document in which variables have other names; also in the names of terms, such as `load[-24]`.

    Examples:
        >>> rename({"terms": ["load[-24]", "load"], "name": "load"}, {"load": "demand"})
        {'terms': ['demand[-24]', 'demand'], 'name': 'load'}
    """
    if isinstance(value, str):
        return _rename_text(value, names)
    if isinstance(value, list):
        return [rename(item, names) for item in value]
    if isinstance(value, dict):
        shares = value.get("importances")
        renamed = {key: item if key in KEPT else rename(item, names) for key, item in value.items()}
        if isinstance(shares, dict):
            renamed["importances"] = {_rename_text(key, names): item for key, item in shares.items()}
        return renamed
    return value


def _rename_text(text: str, names: Mapping[str, str]) -> str:
    if not names:
        return text
    pattern = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.sub(rf"(?<!\w)(?:{pattern})(?!\w)", lambda match: names[match[0]], text)
