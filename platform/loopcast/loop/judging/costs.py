"""What actions cost and brought, and what a person could do: read from the newest builds, forecast, profile and zoo.

The arithmetic and the words are in `loopcast.reflection.costs` and `loopcast.reflection.hints`.
"""

from loopcast.dataops.quality.fitness import MEANINGS
from loopcast.loop.profile import CONTROLS
from loopcast.loop.project import Project
from loopcast.loop.zoos.experiment import LEADERBOARDS
from loopcast.loop.zoos.forces import FORECASTS, ZOO_DOCUMENTS, BuildRequest, list_builds, newest_in_force
from loopcast.loop.zoos.verdicts import Verdict, list_verdicts
from loopcast.reflection.costs import ActionCost, BuildCost, estimate_costs
from loopcast.reflection.evidence import Evidence
from loopcast.reflection.hints import Signal, give_hints

NEWEST_BUILDS, NEWEST_VERDICTS = 5, 10
MOST_SIGNALS = 5
CPU_SECONDS = "cpu_s"


def read_costs(project: Project, evidence: Evidence, *, version: str) -> tuple[ActionCost, ...]:
    """Return what each action is expected to take and to bring.

    Args:
        project: the use case.
        evidence: of the decision.
        version: the version it is taken after.
    """
    verdicts = {verdict.build: verdict for verdict in list_verdicts(project, last=NEWEST_VERDICTS)}
    builds = [
        _read_cost(project, request, verdicts.get(request.build))
        for request in list_builds(project, last=NEWEST_BUILDS)
        if request.imported is None
    ]
    forecast = project.store.outputs.manifest(FORECASTS, version)
    learned = forecast.facts.get(CPU_SECONDS) if forecast and forecast.pins.get("state_digest") else None
    return estimate_costs(builds, retrain_s=learned, judgement=evidence.judgement)


def read_hints(project: Project, evidence: Evidence, *, version: str) -> tuple[str, ...]:
    """Return what a person could do, from the evidence, the newest profile and the zoo in force.

    Args:
        project: the use case.
        evidence: of the decision.
        version: the version it is taken after.
    """
    target = project.use_case.target.name
    if not evidence.judgement.is_worse:
        return give_hints(evidence, signals=(), target=target, importances={})
    in_force = newest_in_force(project)
    outputs = project.store.outputs
    known = outputs.read_document(ZOO_DOCUMENTS, in_force.digest, with_arrays=False) if in_force else {}
    signals = _read_signals(project, version)
    return give_hints(evidence, signals=signals, target=target, importances=known.get("importances", {}))


def _read_cost(project: Project, request: BuildRequest, verdict: Verdict | None) -> BuildCost:
    manifest = project.store.outputs.manifest(LEADERBOARDS, request.build)
    gain = None
    if verdict and verdict.champion_mae and verdict.challenger_mae is not None:
        gain = 100.0 * (1.0 - verdict.challenger_mae / verdict.champion_mae)
    return BuildCost(request.search, manifest.facts.get(CPU_SECONDS) if manifest else None, gain)


def _read_signals(project: Project, version: str) -> tuple[Signal, ...]:
    """Return what the newest profile finds not to be as it used to be, the clearest first, one per variable."""
    newest = next(iter(project.store.outputs.walk_back(CONTROLS, version)), None)
    if newest is None or not newest.rows:
        return ()
    table = project.store.outputs.read(CONTROLS, newest.partition, newest.number).sort_values("score", ascending=False)
    rows = table.drop_duplicates("variable").head(MOST_SIGNALS)
    found = zip(rows["variable"], rows["rule"], rows["timestamp"], strict=True)
    return tuple(Signal(name, MEANINGS.get(rule, rule), f"{since:%Y-%m-%d %H:%M}") for name, rule, since in found)
