"""Orders: what people want of reflection. A decision approved or overruled, or an action asked for; append-only.

Here belong giving and reading them, and refusing those that make no sense. They are carried out by
`loopcast.loop.judging.reflect`, in the order in which they were given.
"""

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import Enum

from loopcast.errors import CallerError
from loopcast.loop.judging.decisions import DecisionRecord, find_decision, read_newest
from loopcast.loop.project import Project
from loopcast.loop.zoos.forces import newest_in_force
from loopcast.reflection.evidence import Action, Asked, Asking
from loopcast.store.refs import Reference
from loopcast.zoo.rebuild import Scope

ORDERS = "orders"
REASON_LENGTH = 500
NEWEST = 20


class Wish(Enum):
    """What a person may want to be done."""

    # Dagster takes the names, not the values, in a run configuration: so they are what a user writes.
    keep = "keep"
    retrain = "retrain"
    rebuild = "rebuild"
    experiment = "experiment"


class Extent(Enum):
    """Which situations a rebuild that a person asks for makes anew."""

    all = "all"
    new_situations = "new_situations"


@dataclass(frozen=True)
class Order:
    """What a person wants.

    Args:
        kind: `approve` or `overrule` a decision, or `ask` for an action.
        actor: who.
        reason: why.
        decision: the decision approved or overruled; None: the newest.
        action: what is to be done instead, or at all; None with `approve`, and with `overrule` of an action that
            waits: keep the zoo.
        scope: which situations a rebuild makes anew.
        key: what tells it from other orders: the same one is given once; empty: nothing does.
    """

    kind: Asking
    actor: str
    reason: str = ""
    decision: str | None = None
    action: Action | None = None
    scope: Scope = "all"
    key: str = ""


@dataclass(frozen=True)
class GivenOrder:
    """An order as recorded: its number, 1 for the first, and when it was given."""

    number: int
    order: Order
    at: datetime


def give_order(project: Project, order: Order, *, now: datetime) -> GivenOrder:
    """Record an order and return it; the next reflection carries it out. One with the same key is returned as it is.

    Raises:
        CallerError: it makes no sense as things stand; the message says why, and what to do instead.
        NotFoundError: there is no such decision.
    """
    newest = read_newest(project)
    if newest is None:
        raise CallerError(f"{project.name} has no decision yet; the first is taken after the first version")
    if not order.actor.strip():
        raise CallerError("found no name; say who gives the order")
    if len(order.reason) > REASON_LENGTH:
        raise CallerError(f"found a reason of {len(order.reason)} characters; at most {REASON_LENGTH}")
    for known in list_orders(project, last=NEWEST) if order.key else ():
        if known.order.key == order.key:
            return known
    checked = _check_ask(project, order) if order.kind == "ask" else _check_answer(project, order, newest)
    for earlier in list_pending(project, newest):
        if replace(earlier.order, actor="", reason="", key="") == replace(checked, actor="", reason="", key=""):
            raise CallerError(f"{earlier.order.actor} ordered the same before; the next reflection carries it out")
    return _to_given(project.store.references.append(ORDERS, {**asdict(checked), "key": order.key}, now=now))


def list_pending(project: Project, newest: DecisionRecord | None) -> list[GivenOrder]:
    """Return the orders that no decision has dealt with, oldest first.

    Args:
        project: the use case.
        newest: the newest decision.
    """
    current = project.store.references.current(ORDERS)
    count = current.number - (newest.course.orders if newest else 0) if current else 0
    return [_to_given(entry) for entry in project.store.references.history(ORDERS, last=count)] if count > 0 else []


def list_orders(project: Project, *, last: int | None = None) -> list[GivenOrder]:
    """Return the orders, oldest first.

    Args:
        project: the use case.
        last: only the newest so many.
    """
    return [_to_given(entry) for entry in project.store.references.history(ORDERS, last=last)]


def to_asked(given: GivenOrder, newest: DecisionRecord) -> Asked:
    """Return what an order means now that the newest decision is this one: nothing, where it comes too late.

    Args:
        given: the order.
        newest: the newest decision.
    """
    order, decided = given.order, newest.decision
    note = f"{decided.action}, {decided.reason}"
    asked = Asked(order.kind, order.action or "keep", order.scope, order.actor, order.reason, order.decision, note)
    if order.kind == "ask":
        return replace(asked, note="")
    if order.decision not in (newest.key, newest.since):
        return replace(asked, action="keep", note=f"too late, {newest.key} came after it", is_late=True)
    return replace(asked, action=decided.action, scope=decided.scope) if order.kind == "approve" else asked


def _check_ask(project: Project, order: Order) -> Order:
    """Return an order that asks for an action, with the action it means."""
    if order.action in (None, "keep"):
        raise CallerError(f"found the action {order.action}; ask for retrain, rebuild or experiment")
    has_zoo = newest_in_force(project) is not None
    if order.action == "retrain":
        _check_retrain(project, has_zoo=has_zoo)
    action: Action = "build_first" if order.action == "rebuild" and not has_zoo else order.action or "keep"
    return Order("ask", order.actor, order.reason, None, action, order.scope)


def _check_answer(project: Project, order: Order, newest: DecisionRecord) -> Order:
    """Return an order that answers a decision, with the decision it means."""
    found = newest if order.decision is None else find_decision(project, order.decision)
    if found.since != newest.since and found.number < newest.number:
        raise CallerError(
            f"{found.key} was superseded by {newest.key} ({newest.decision.action}, {newest.decision.rule}); "
            f"answer that one, or ask for an action"
        )
    waits = newest.decision.waits_for is not None
    if newest.build is not None:
        raise CallerError(
            f"{newest.key} has opened {newest.build} already; "
            "pin the zoo in force to keep it, or roll back once the new one is in force"
        )
    if order.kind == "approve":
        if not waits:
            raise CallerError(f"{newest.key} says {newest.decision.action} and waits for nothing; ask for an action")
        return Order("approve", order.actor, order.reason, newest.since)
    action = order.action or ("keep" if waits else None)
    if action is None or (action == newest.decision.action and not waits):
        raise CallerError(f"{newest.key} says {newest.decision.action}; say which action is wanted instead")
    if action == "retrain":
        _check_retrain(project, has_zoo=newest_in_force(project) is not None)
    return Order("overrule", order.actor, order.reason, newest.since, action, order.scope)


def _check_retrain(project: Project, *, has_zoo: bool) -> None:
    retrain = project.use_case.policies.retrain
    if not has_zoo:
        raise CallerError("no zoo is in force that could learn; ask for a rebuild")
    if retrain != "on_decision":
        when = "every forecast learns first" if retrain == "every_version" else "no forecast ever learns"
        raise CallerError(f"the policy is `retrain: {retrain}`, so {when}; set `retrain: on_decision` to ask for it")


def _to_given(entry: Reference) -> GivenOrder:
    return GivenOrder(entry.number, Order(**entry.value), entry.at)
