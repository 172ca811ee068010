"""The champion: which zoo is in force, what came before, who stands in its shadow; and what people do about it.

Acting is in `loopcast.loop.zoos.champion`, what is told in `loopcast.loop.zoos.champion_sheet`.
"""

import dagster as dg
from pydantic import Field

from loopcast.loop.project import Project
from loopcast.loop.zoos.champion import Action, Request, act
from loopcast.loop.zoos.champion_sheet import ChampionSheet, describe_champion
from loopcast.loop.zoos.forces import list_zoos
from loopcast.orchestration.automation import champion_condition
from loopcast.orchestration.contest import describe_losses
from loopcast.orchestration.describe import ROW_LIMIT, describe_table
from loopcast.orchestration.instance import add_keys
from loopcast.orchestration.stage import Stage, current_time, explain_failures

DESCRIPTION = """\
The zoo in force, the one before it, a challenger in the shadow, what was put in force and why, and all verdicts.

A new zoo takes force by itself only when it is better than the champion on data neither saw. To do otherwise,
materialize this asset with a run configuration: `action: rollback` (the previous champion again, in one step),
`promote` or `pin` with a `zoo`, or `unpin`; with your name as `actor` and a `reason`. Old forecasts do not change."""


class ChampionConfig(dg.Config):
    """Run configuration of `champion`: what a person asks for, nothing by default."""

    action: Action = Field(
        default=Action.none,
        description=(
            "none: only look; rollback: the previous champion is in force from the next version on; promote: the zoo "
            "named is, whatever its verdict; pin: the zoo named stays in force, no other takes it, and no build is "
            "opened by itself; unpin: the pin is removed."
        ),
    )
    zoo: str = Field(
        default="",
        description=(
            "With promote a zoo such as z0002, or a build such as b0003 whose zoo was rejected; with pin a zoo, empty: "
            "the champion."
        ),
    )
    reason: str = Field(default="", description="Why, kept in the audit trail.")
    actor: str = Field(default="", description="Who asks, kept in the audit trail; needed with an action.")


def build_champion(stage: Stage) -> dg.AssetsDefinition:
    """Return `champion`."""
    names = stage.names

    @dg.asset(
        **stage.computed("champion", kinds={"python"}, description=DESCRIPTION),
        deps=[
            dg.AssetDep(names.asset("experiment"), partition_mapping=dg.AllPartitionMapping()),
            dg.AssetDep(names.asset("model_zoo"), partition_mapping=dg.AllPartitionMapping()),
        ],
        automation_condition=champion_condition(names),
    )
    def champion(context: dg.AssetExecutionContext, config: ChampionConfig) -> dg.MaterializeResult[None]:
        project = stage.project(context)
        run = context.run.root_run_id or context.run.run_id  # a run that Dagster starts again does not act again
        asked = Request(config.action, config.actor, config.reason, config.zoo or None, key=run)
        with explain_failures():
            done = act(project, asked, now=current_time())
            add_keys(context.instance, names.zoos, [zoo.zoo for zoo in list_zoos(project)])
            sheet = describe_champion(project, last=ROW_LIMIT)
        context.log.info(f"{done}.")
        return _describe(stage, sheet, done=done)

    return champion


def report_champion(instance: dg.DagsterInstance, stage: Stage, project: Project) -> None:
    """Let the catalog show the champion as it is now, after something else than a run of its own has changed it."""
    made = _describe(stage, describe_champion(project, last=ROW_LIMIT), done="a verdict was given")
    event = dg.AssetMaterialization(stage.names.asset("champion"), metadata=made.metadata)
    instance.report_runless_asset_event(event)


def _describe(stage: Stage, sheet: ChampionSheet, *, done: str) -> dg.MaterializeResult[None]:
    shadow, compared = sheet.challenger, sheet.compared
    title = f"{compared.build} against {compared.champion}" if compared else ""
    return dg.MaterializeResult(
        metadata={
            "done": done,
            **{name: value or "none" for name, value in sheet.facts.items()},
            **({"shadow": f"{shadow.versions} versions from {shadow.from_version} on"} if shadow else {}),
            "history": describe_table(sheet.history),
            "verdicts": describe_table(sheet.verdicts),
            **describe_losses(sheet.losses, title=title, unit=stage.use_case.target.unit),
        },
        data_version=dg.DataVersion(sheet.champion.digest if sheet.champion else "none"),
    )
