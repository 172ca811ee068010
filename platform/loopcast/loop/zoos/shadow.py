"""The shadow: a challenger that forecasts beside the champion for some versions, and is judged on what came of it.

Neither zoo has seen these actuals, and both forecast for real. Putting a challenger there is the release's part
(`loopcast.loop.zoos.experiment`); the test is in `loopcast.reflection.duel`.
"""

from dataclasses import asdict, dataclass, replace
from datetime import datetime

import pandas as pd

from loopcast.errors import LoopcastError
from loopcast.loop.production import make_forecast
from loopcast.loop.project import Project
from loopcast.loop.slices import read_targets
from loopcast.loop.zoos.challenge import DUELS, TAKES_FORCE, tell_duel, tell_pin
from loopcast.loop.zoos.forces import (
    FORECASTS,
    SHADOW_FORECASTS,
    SHADOWS,
    newest_in_force,
    next_version,
    put_in_force,
)
from loopcast.loop.zoos.pins import read_pin
from loopcast.loop.zoos.verdicts import Verdict, record_verdict
from loopcast.reflection.duel import Duel, compare, rule_on
from loopcast.schemas import check_table, forecast_schema
from loopcast.store.outputs import OutputManifest
from loopcast.store.version_records import version_key, version_number


@dataclass(frozen=True)
class Challenger:
    """A zoo in the shadow.

    Args:
        zoo: its key.
        digest: its document.
        build: the build it comes from.
        champion: the zoo it is measured against.
        from_version: first version it forecasts.
        versions: so many it forecasts.
    """

    zoo: str
    digest: str
    build: str
    champion: str
    from_version: str
    versions: int


@dataclass(frozen=True)
class ShadowTurn:
    """What became of the shadow in a turn.

    Args:
        challenger: the zoo.
        forecast: its forecast of the version; None: it makes none any more, and waits for its actuals.
        verdict: what finally became of it; None: its time is not over.
    """

    challenger: Challenger
    forecast: OutputManifest | None
    verdict: Verdict | None


def read_challenger(project: Project) -> Challenger | None:
    """Return the zoo in the shadow, None where there is none."""
    entry = project.store.references.current(SHADOWS)
    return Challenger(**entry.value) if entry and entry.value["zoo"] is not None else None


def enter_shadow(project: Project, challenger: Challenger, *, now: datetime) -> None:
    """Put a challenger in the shadow; one that is there already makes room for it and is rejected for that.

    Args:
        project: the use case.
        challenger: the zoo.
        now: the present time, aware.
    """
    former = read_challenger(project)
    if former == challenger:
        return
    if former is not None and former.zoo != challenger.zoo:
        _record(project, former, None, "rejected", "replaced", f"{challenger.zoo} has taken its place", now=now)
    project.store.references.append(SHADOWS, asdict(challenger), now=now)


def turn_shadow(project: Project, made: OutputManifest, *, now: datetime) -> ShadowTurn | None:
    """Take the challenger through a version that the champion has just forecast; None where there is nothing to do.

    It forecasts the version, as the champion does, until it has forecast as many as it shall; when the actuals of the
    last of them are there, it takes force or retires. When the champion has changed in between it begins anew.

    Args:
        project: the use case.
        made: the champion's forecast of the newest version.
        now: the present time, aware.
    """
    challenger, newest = read_challenger(project), project.store.versions.newest()
    if challenger is None or newest is None or not challenger.from_version <= made.partition == newest.version:
        return None
    champion = newest_in_force(project)
    if champion is None or champion.zoo == challenger.zoo:
        _leave(project, challenger, now=now)
        return None
    if champion.zoo != challenger.champion:
        challenger = replace(challenger, champion=champion.zoo, from_version=newest.version)
        enter_shadow(project, challenger, now=now)
    last = next(project.store.outputs.walk_back(SHADOW_FORECASTS, newest.version, first=challenger.from_version), None)
    count = last.facts["number"] if last is not None else 0
    if last is not None and count >= challenger.versions and last.partition != newest.version:
        is_known = made.facts["covers_from"] > last.facts["covers_to"]
        verdict = _judge(project, challenger, last, until=newest.version, now=now) if is_known else None
        return ShadowTurn(challenger, None, verdict)
    if last is not None and last.partition == newest.version:
        count -= 1
    try:
        forecast = _forecast(project, challenger, made, number=count + 1, now=now)
    except LoopcastError as error:
        reason = f"{challenger.zoo} could not forecast {newest.version}: {error}"
        verdict = _record(project, challenger, None, "rejected", "silent", reason, now=now)
        _leave(project, challenger, now=now)
        return ShadowTurn(challenger, None, verdict)
    return ShadowTurn(challenger, forecast, None)


def _forecast(
    project: Project, challenger: Challenger, made: OutputManifest, *, number: int, now: datetime
) -> OutputManifest:
    """Return the challenger's forecast of the version that the champion has forecast, written."""
    record = project.store.versions.record(made.partition)
    own = make_forecast(project, record, zoo=challenger.zoo, digest=challenger.digest)
    table = check_table(own.prediction.forecasts, forecast_schema(project.store.spec.series_keys))
    facts = {**own.facts, "number": number, "champion": made.digest}
    return project.store.outputs.write(SHADOW_FORECASTS, made.partition, table, pins=own.pins, now=now, facts=facts)


def _judge(project: Project, challenger: Challenger, last: OutputManifest, *, until: str, now: datetime) -> Verdict:
    """Return what finally becomes of a challenger, recorded and carried out."""
    duel = _compare(project, challenger, last=last.partition, until=until)
    pins = {"zoo_digest": challenger.digest, "champion": challenger.champion, "shadow": challenger.from_version}
    project.store.outputs.write(DUELS, challenger.build, duel.losses, pins=pins, now=now)
    rule = rule_on(duel, scope="all", significance=project.use_case.policies.challenger.significance)
    pin, reason = read_pin(project), f"in the shadow, {tell_duel(duel, rule)}"
    if rule not in TAKES_FORCE:
        verdict = _record(project, challenger, duel, "rejected", rule, reason, now=now)
    elif pin is not None:
        verdict = _record(project, challenger, duel, "rejected", "pinned", f"{tell_pin(pin)}; {reason}", now=now)
    else:
        verdict = _record(project, challenger, duel, "in_force", rule, reason, now=now)
        put_in_force(
            project,
            challenger.zoo,
            digest=challenger.digest,
            from_version=next_version(project),
            now=now,
            reason=reason,
        )
    _leave(project, challenger, now=now)
    return verdict


def _compare(project: Project, challenger: Challenger, *, last: str, until: str) -> Duel:
    """Return the duel on the versions that both have forecast, on the actuals of a version."""
    outputs, spec = project.store.outputs, project.store.spec
    own, theirs = [], []
    for number in range(version_number(challenger.from_version), version_number(last) + 1):
        version = version_key(number)
        shadow = outputs.manifest(SHADOW_FORECASTS, version)
        made = [m for m in outputs.history(FORECASTS, version) if m.pins["zoo"] == challenger.champion]
        if shadow is not None and made:
            own.append(outputs.read(SHADOW_FORECASTS, version, shadow.number))
            theirs.append(outputs.read(FORECASTS, version, made[-1].number))
    identity = [*spec.series_keys, "timestamp", "cutoff"]
    champion, new = (
        pd.concat(tables, ignore_index=True).rename(columns={"origin": "cutoff"}).drop_duplicates(identity, keep="last")
        for tables in (theirs, own)
    )
    names = {spec.timestamp: "timestamp", spec.target: "target"}
    times = new["timestamp"]
    actuals = read_targets(project, until, start=times.min(), end=times.max()).rename(columns=names)
    return compare(
        champion, new.merge(actuals, on=[*spec.series_keys, "timestamp"], how="left"), series_keys=spec.series_keys
    )


def _record(
    project: Project,
    challenger: Challenger,
    duel: Duel | None,
    outcome: str,
    rule: str,
    reason: str,
    *,
    now: datetime,
) -> Verdict:
    """Return what finally became of a challenger, recorded."""
    verdict = Verdict(
        build=challenger.build,
        zoo=challenger.zoo,
        outcome=outcome,  # type: ignore[arg-type]
        champion=challenger.champion,
        champion_mae=duel.champion_mae if duel else None,
        challenger_mae=duel.challenger_mae if duel else None,
        n=duel.n if duel else 0,
        p_value=duel.p_better if duel else None,
        reason=reason,
        rule=rule,
    )
    record_verdict(project, verdict, now=now)
    return verdict


def _leave(project: Project, challenger: Challenger, *, now: datetime) -> None:
    """Record that nobody is in the shadow from the next version on."""
    gone = {**asdict(challenger), "zoo": None, "digest": None, "from_version": next_version(project)}
    project.store.references.append(SHADOWS, gone, now=now)
