"""The audit trail: what was decided, ordered, built, judged, put in force and pinned, in one order of time.

Everything is read from references, which nobody changes or deletes; nothing is kept here.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from loopcast.loop.judging.decisions import DECISIONS, decision_key
from loopcast.loop.judging.orders import ORDERS
from loopcast.loop.project import Project
from loopcast.loop.zoos.forces import BUILDS, IN_FORCE
from loopcast.loop.zoos.pins import PINS
from loopcast.loop.zoos.promises import PROMISES
from loopcast.loop.zoos.verdicts import VERDICTS
from loopcast.store.records import sha256, to_canonical_json
from loopcast.store.refs import Reference

PLATFORM = "platform"
DIGEST_LENGTH = 12
COLUMNS = ("at", "what", "key", "said", "about", "actor", "reason", "digest")

Row = dict[str, Any]


def list_trail(project: Project, *, last: int | None = None) -> pd.DataFrame:
    """Return the audit trail, oldest first.

    Columns: `at` in UTC; `what` it is; its `key`; what it `said`; what it is `about` (a version, a decision, a zoo);
    `actor`, `platform` where no person acted; `reason`; `digest` of the evidence of a decision, of the document of a
    zoo put in force.

    Args:
        project: the use case.
        last: only the newest so many.
    """
    rows = [
        {"at": entry.at, **dict.fromkeys(COLUMNS[1:]), "what": what, **tell(entry)}
        for name, what, tell in TRAIL
        for entry in project.store.references.history(name, last=last)
    ]
    rows.sort(
        key=lambda row: row["at"]
    )  # stable: at one and the same moment, in the order in which one leads to another
    return pd.DataFrame(rows[-last:] if last else rows, columns=list(COLUMNS))


def _tell_order(entry: Reference) -> Row:
    value = entry.value
    said = f"{value['kind']} {value['action'] or ''}".strip()
    return {"key": f"o{entry.number:08d}", "said": said, "about": value["decision"], **_who(value)}


def _tell_decision(entry: Reference) -> Row:
    value = entry.value
    waits = f", waits: {value['waits_for']}" if value.get("waits_for") else ""
    asked = value.get("asked") or {}
    return {
        "key": decision_key(entry.number),
        "said": f"{value['action']} ({value['rule']}{waits})",
        "about": value["version"],
        "actor": asked.get("by", PLATFORM),
        "reason": value["reason"],
        "digest": sha256(to_canonical_json(value["evidence"]))[:DIGEST_LENGTH],
    }


def _tell_build(entry: Reference) -> Row:
    value = entry.value
    wide = ", wide search" if value.get("search") == "wide" else ""
    return {
        "key": f"b{entry.number:04d}",
        "said": f"opened on {value['version']}, {value.get('scope', 'all').replace('_', ' ')}{wide}",
        "about": value.get("decision"),
        "actor": PLATFORM,
        "reason": value["reason"],
        "digest": (value.get("imported") or "")[:DIGEST_LENGTH] or None,
    }


def _tell_verdict(entry: Reference) -> Row:
    value = entry.value
    p_value = "" if value["p_value"] is None else f", p {value['p_value']:.3g}"
    against = f" against {value['champion']}" if value["champion"] else ""
    said = f"{value['outcome']}{against}{p_value}".replace("_", " ")
    return {"key": value["build"], "said": said, "about": value["zoo"], "actor": PLATFORM, "reason": value["reason"]}


def _tell_in_force(entry: Reference) -> Row:
    value = entry.value
    kind = value.get("kind", "release")
    return {
        "key": value["zoo"],
        "said": f"in force from {value['from_version']}" + ("" if kind == "release" else f" ({kind})"),
        "about": value["from_version"],
        "actor": value.get("actor") or PLATFORM,
        "reason": value.get("reason", ""),
        "digest": value["digest"][:DIGEST_LENGTH],
    }


def _tell_promise(entry: Reference) -> Row:
    value = entry.value
    said = f"promise renewed: MAE {value['mae']:.6g} from {value['from_version']}"
    reason = f"{value['build']} was not better; that is what {value['zoo']} reached beside it"
    return {"key": value["zoo"], "said": said, "about": value["build"], "actor": PLATFORM, "reason": reason}


def _tell_pin(entry: Reference) -> Row:
    zoo = entry.value["zoo"]
    return {"key": zoo, "said": f"{zoo} pinned" if zoo else "pin removed", "about": zoo, **_who(entry.value)}


def _who(value: Mapping[str, Any]) -> Row:
    return {"actor": value["actor"], "reason": value["reason"]}


TRAIL: tuple[tuple[str, str, Callable[[Reference], Row]], ...] = (
    (PINS, "pin", _tell_pin),
    (ORDERS, "order", _tell_order),
    (BUILDS, "build", _tell_build),
    (DECISIONS, "decision", _tell_decision),
    (PROMISES, "promise", _tell_promise),
    (VERDICTS, "verdict", _tell_verdict),
    (IN_FORCE, "in force", _tell_in_force),
)
