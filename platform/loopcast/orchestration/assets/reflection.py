"""What the news mean: keep the zoo or open the next build, with the reason; and what people want instead.

The rules are in `loopcast.reflection.rules`, decisions are taken in `loopcast.loop.judging.reflect`.
"""

from collections.abc import Mapping
from enum import Enum

import dagster as dg
import pandas as pd
from pydantic import Field

from loopcast.loop.judging.audit import list_trail
from loopcast.loop.judging.decisions import list_decisions
from loopcast.loop.judging.orders import Extent, Order, Wish, give_order
from loopcast.loop.judging.reflect import Reflection, reflect
from loopcast.loop.zoos.forces import list_builds, list_zoos
from loopcast.orchestration.automation import reflection_condition
from loopcast.orchestration.describe import ROW_LIMIT, describe_numbers, describe_table
from loopcast.orchestration.instance import add_keys
from loopcast.orchestration.stage import Stage, current_time, explain_failures

DESCRIPTION = """\
The decision after the newest version: keep the zoo in force, teach it, or open the next build, and why.

Opening a build adds its key, and the new key materializes `experiment`: here the loop closes.

To answer a decision, materialize this asset with a run configuration: `order: approve`, `order: overrule` or
`order: ask`, with your name as `actor` and a `reason`. The launchpad names all fields."""
NEWEST_KEYS = 20


class Kind(Enum):
    """What the run is for."""

    reflect = "reflect"
    approve = "approve"
    overrule = "overrule"
    ask = "ask"


class ReflectionConfig(dg.Config):
    """Run configuration of `reflection`: an order of a person, none by default."""

    order: Kind = Field(
        default=Kind.reflect,
        description=(
            "reflect: look at the news, as always; approve: carry out now what a decision waits to do; overrule: do "
            "something else than decided (keep the zoo, where a build waits); ask: for an action, whatever was decided."
        ),
    )
    decision: str = Field(
        default="", description="The decision to approve or overrule, such as d00000007; empty: the newest."
    )
    action: Wish = Field(
        default=Wish.keep,
        description=(
            "With overrule and ask. keep: the zoo in force; retrain: it learns what is new (`retrain: on_decision`); "
            "rebuild: a build with the use case's members; experiment: a build with more members than these."
        ),
    )
    scope: Extent = Field(
        default=Extent.all,
        description="Of a rebuild. all: every situation anew; new_situations: only those without models.",
    )
    reason: str = Field(default="", description="Why, kept in the audit trail.")
    actor: str = Field(default="", description="Who orders it, kept in the audit trail; needed with an order.")

    def to_order(self, *, key: str = "") -> Order | None:
        """Return the order, known by a key; None where there is none."""
        if self.order is Kind.reflect:
            return None
        action = None if self.order is Kind.approve else self.action.value
        return Order(
            kind=self.order.value,
            actor=self.actor,
            reason=self.reason,
            decision=self.decision or None,
            action=action,  # type: ignore[arg-type]
            key=key,
            scope=self.scope.value,
        )


def build_reflection(stage: Stage) -> dg.AssetsDefinition:
    """Return `reflection`."""
    names = stage.names

    @dg.asset(
        **stage.computed("reflection", kinds={"python"}, description=DESCRIPTION),
        deps=[
            dg.AssetDep(names.asset("dataset"), partition_mapping=dg.AllPartitionMapping()),
            dg.AssetDep(names.asset("accuracy_report"), partition_mapping=dg.AllPartitionMapping()),
        ],
        automation_condition=reflection_condition(names),
    )
    def reflection(context: dg.AssetExecutionContext, config: ReflectionConfig) -> dg.MaterializeResult[None]:
        project, now = stage.project(context), current_time()
        order = config.to_order(key=context.run.root_run_id or context.run.run_id)  # a retry is the same order
        with explain_failures():
            if order is not None:
                give_order(project, order, now=now)
            made = reflect(project, now=now)
        # Not only a new key: after a crash between the record and its key the next reflection adds it.
        builds, zoos = list_builds(project, last=NEWEST_KEYS), list_zoos(project, last=NEWEST_KEYS)
        add_keys(context.instance, names.builds, [request.build for request in builds])
        add_keys(context.instance, names.zoos, [request.zoo for request in zoos])
        tables = {"decisions": list_decisions(project, last=ROW_LIMIT), "audit": list_trail(project, last=ROW_LIMIT)}
        return _describe_reflection(made, {name: table.iloc[::-1] for name, table in tables.items()})

    return reflection


def _describe_reflection(made: Reflection, tables: Mapping[str, pd.DataFrame]) -> dg.MaterializeResult[None]:
    decision, record = made.decision, made.record
    hints = "\n".join(f"- {hint}" for hint in record.hints)
    return dg.MaterializeResult(
        metadata={
            "decision": record.key,
            "version": made.version,
            "action": decision.action,
            "rule": decision.rule,
            "reason": decision.reason,
            "waits_for": decision.waits_for or "nothing",
            "build": record.build or "none",
            **({"asked_by": record.asked.by} if record.asked else {}),
            **({"what_a_person_could_do": dg.MetadataValue.md(hints)} if hints else {}),
            **describe_numbers(decision.evidence),
            "evidence": dg.MetadataValue.json(decision.evidence),
            "evidence_digest": record.evidence_digest,
            "costs": describe_table(pd.DataFrame(record.costs)),
            **{name: describe_table(table) for name, table in tables.items()},
        }
    )
