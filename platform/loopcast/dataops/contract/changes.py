"""What changed between two contracts, whose break it is, and how far the version must be raised.

Here belongs comparing. Not here: which contract is in force (`loopcast.loop.contract`).

A change is *breaking* where somebody who kept to the old contract fails under the new one: the consumer, because what
is read disappears, means something else, or comes more rarely or later; or the provider, because an update that was
accepted yesterday is refused today. It is *additive* where nobody fails but the promise is another one, and
*editorial* where only words changed.

| change | kind | who | reason |
|---|---|---|---|
| column removed (renamed: also one added) | breaking | both | is read; an update that still sends it is refused |
| type or key changed | breaking | both | values and rows are no longer the same things |
| meaning changed: unit, time zone, sampling period ... | breaking | both | the same number says something else |
| bounds narrowed, or given for the first time | breaking | provider | values taken so far are refused |
| required, and was not | breaking | provider | empty cells taken so far are refused |
| frequency lowered, latency lengthened | breaking | consumer | what is planned by it finds older data |
| column added | additive | - | nobody has to send or read it |
| bounds widened, no longer required | additive | - | a risk: the consumer meets values it never met |
| frequency raised, latency shortened | additive | - | watched, but no update is refused for it |
| a clause added, removed, or changed | additive | - | watched, but no update is refused for it |
| a meaning stated for the first time | editorial | - | it was meant before, and is said now |
| anything else in the document | editorial | - | words |

Breaking changes need a new major version, additive ones a new minor version, editorial ones a new patch version.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from loopcast.dataops.contract.contract import Clause, Contract, ContractColumn

Kind = Literal["breaking", "additive", "editorial"]
Side = Literal["consumer", "provider", "both", "-"]
Bump = Literal["major", "minor", "patch", "none"]
Release = tuple[int, int, int]
BUMPS: dict[Kind, Bump] = {"breaking": "major", "additive": "minor", "editorial": "patch"}


@dataclass(frozen=True)
class Change:
    """One difference.

    Args:
        kind: breaking, additive or editorial.
        what: the change in words, for instance `column x removed`.
        breaks: whom it breaks.
        reason: why it is of this kind.
    """

    kind: Kind
    what: str
    breaks: Side
    reason: str


def compare_contracts(old: Contract, new: Contract) -> tuple[Change, ...]:
    """Return every change from one contract to another, breaking ones first; their versions do not count."""
    found = [*_compare_columns(old, new), *_compare_schedules(old, new), *_compare_clauses(old, new)]
    if not found and _without_version(old) != _without_version(new):
        found = [Change("editorial", "words changed", "-", "no promise is another one")]
    order = list(BUMPS)
    return tuple(sorted(found, key=lambda change: order.index(change.kind)))


def required_bump(changes: tuple[Change, ...]) -> Bump:
    """Return which part of the version the changes need raised.

    Examples:
        >>> required_bump(())
        'none'
    """
    kinds = {change.kind for change in changes}
    return next((bump for kind, bump in BUMPS.items() if kind in kinds), "none")


def next_version(version: str, bump: Bump) -> str:
    """Return the lowest version that raises another as far as asked for.

    Examples:
        >>> next_version("1.4.2", "major"), next_version("1.4.2", "minor"), next_version("1.4.2", "none")
        ('2.0.0', '1.5.0', '1.4.2')
    """
    major, minor, patch = parse_version(version)
    raised = {
        "major": (major + 1, 0, 0),
        "minor": (major, minor + 1, 0),
        "patch": (major, minor, patch + 1),
        "none": (major, minor, patch),
    }
    return ".".join(map(str, raised[bump]))


def parse_version(version: str) -> Release:
    """Return a version as three numbers that can be compared."""
    major, minor, patch = (int(part) for part in version.split("."))
    return major, minor, patch


def explain_refusal(old: Contract, new: Contract) -> str | None:
    """Return why the new contract may not follow the old one, None where it may.

    Words alone may change under the same version: an owner's new address must not stop the data. Everything else needs
    the version raised, and no version may go back.
    """
    changes = compare_contracts(old, new)
    bump = required_bump(changes)
    needed = next_version(old.version, "none" if bump == "patch" else bump)
    if parse_version(new.version) >= parse_version(needed):
        return None
    worst = changes[0] if changes else None
    if worst is None or bump == "patch":
        return f"{old.version} is in force already: {needed} or higher"
    more = sum(change.kind == worst.kind for change in changes) - 1
    others = f" (and {more} more)" if more else ""
    return f"{worst.what}{others}: {worst.kind}, needs {needed}"


def _compare_columns(old: Contract, new: Contract) -> Iterator[Change]:
    for before in old.columns:
        after = new.column(before.name)
        if after is None:
            yield Change(
                "breaking", f"column {before.name} removed", "both", "it is read, and updates that send it are refused"
            )
        elif after.kind != before.kind:
            reason = "rows are told apart otherwise" if before.is_key != after.is_key else "values are of another type"
            yield Change("breaking", f"column {before.name}: {before.kind} became {after.kind}", "both", reason)
        else:
            yield from _compare_column(before, after)
    for column in new.columns:
        if old.column(column.name) is None:
            yield _added(column)


def _added(column: ContractColumn) -> Change:
    if column.is_key:
        return Change("breaking", f"key {column.name} added", "both", "rows are told apart otherwise")
    return Change("additive", f"column {column.name} added", "-", "nobody has to send or read it")


def _compare_column(old: ContractColumn, new: ContractColumn) -> Iterator[Change]:
    for name in sorted({*old.meaning, *new.meaning}):
        before, after = old.meaning.get(name), new.meaning.get(name)
        what = f"column {old.name}: {name} {before} became {after}"
        if before is None:
            yield Change("editorial", what, "-", "it was meant before, and is said now")
        elif before != after:
            yield Change("breaking", what, "both", "the same value says something else")
    yield from _compare_bound(old.name, "minimum", old.minimum, new.minimum, narrower=lambda a, b: b > a)
    yield from _compare_bound(old.name, "maximum", old.maximum, new.maximum, narrower=lambda a, b: b < a)
    if new.required and not old.required:
        yield Change("breaking", f"column {old.name} required", "provider", "empty cells taken so far are refused")
    if old.required and not new.required:
        yield Change("additive", f"column {old.name} no longer required", "-", "a risk: the consumer may meet gaps")


def _compare_bound(
    column: str, side: str, old: float | None, new: float | None, *, narrower: Callable[[float, float], bool]
) -> Iterator[Change]:
    if old == new:
        return
    what = f"column {column}: {side} {_say(old)} became {_say(new)}"
    if new is not None and (old is None or narrower(old, new)):
        yield Change("breaking", what, "provider", "values taken so far are refused")
    else:
        yield Change("additive", what, "-", "a risk: the consumer may meet values it never met")


def _say(bound: float | None) -> str:
    return "none" if bound is None else f"{bound:g}"


def _compare_schedules(old: Contract, new: Contract) -> Iterator[Change]:
    for name, before, after in (("frequency", old.cadence, new.cadence), ("latency", old.grace, new.grace)):
        longer, shorter = pd.Timedelta(after) > pd.Timedelta(before), pd.Timedelta(after) < pd.Timedelta(before)
        what = f"{name} {before} became {after}"
        if longer:
            yield Change("breaking", what, "consumer", "data come later than what is planned by them expects")
        if shorter:
            yield Change("additive", what, "-", "it is watched, but no update is refused for it")


def _compare_clauses(old: Contract, new: Contract) -> Iterator[Change]:
    before, after = _watched(old), _watched(new)
    reason = "it is watched, but no update is refused for it"
    for name in [*before, *(name for name in after if name not in before)]:
        if before.get(name) == after.get(name):
            continue
        what = "added" if name not in before else "removed" if name not in after else "changed"
        yield Change("additive", f"clause {name} {what}", "-", reason)


def _watched(contract: Contract) -> dict[str, Clause]:
    """Return the clauses by name; that of the schedule without its limit, which is compared as the schedule."""
    return {
        clause.name: replace(clause, maximum=None, promise="") if clause.measure == "timeliness" else clause
        for clause in contract.clauses
    }


def _without_version(contract: Contract) -> dict[str, object]:
    return {name: value for name, value in contract.document.items() if name != "version"}
