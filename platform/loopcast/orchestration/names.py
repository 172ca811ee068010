"""Names that Dagster knows a use case by: asset keys, partition spaces, jobs, sensors, tags.

Nothing else: what stands behind the names is in the sibling modules.
"""

from dataclasses import dataclass

import dagster as dg

# Run tags. USE_CASE is on every run of ours; TURN names the version of a turn; TURNS_OF is what `dagster.yaml` keeps
# to one run at a time, so that versions come in order while a long build never holds them up; REFLECTED says that the
# run reflects by itself; DUE names the order or decision that a reflection is to carry out.
USE_CASE = "loopcast/use_case"
TURN = "loopcast/turn"
TURNS_OF = "loopcast/turns_of"
REFLECTED = "loopcast/reflected"
DUE = "loopcast/due"

# Pools, one run at a time each unless the UI says otherwise (Deployment > Concurrency). Experiments are the long ones:
# however many use cases rebuild at once, places are left for turns. A delivery waits for no other with a place taken.
EXPERIMENTS, DELIVERIES = "experiments", "deliveries"
# Of the runs that wait, turns come first: before a backfill of a thousand versions, too.
FIRST = {"dagster/priority": "10"}

OVERVIEW = dg.AssetKey(["overview"])  # of all use cases


@dataclass(frozen=True)
class Names:
    """All names of one use case.

    Args:
        use_case: name of the use case.
    """

    use_case: str

    def asset(self, noun: str) -> dg.AssetKey:
        """Key of an asset: two levels, the use case and a noun."""
        return dg.AssetKey([self.use_case, noun])

    @property
    def versions(self) -> dg.DynamicPartitionsDefinition:
        """One key per dataset version, `v00000001` onwards."""
        return dg.DynamicPartitionsDefinition(name=f"{self.use_case}_versions")

    @property
    def builds(self) -> dg.DynamicPartitionsDefinition:
        """One key per experiment, `b0001` onwards; an experiment may fail."""
        return dg.DynamicPartitionsDefinition(name=f"{self.use_case}_builds")

    @property
    def zoos(self) -> dg.DynamicPartitionsDefinition:
        """One key per zoo, `z0001` onwards; added only when an experiment has passed its gate."""
        return dg.DynamicPartitionsDefinition(name=f"{self.use_case}_zoos")

    @property
    def turn(self) -> str:
        """The job that takes one version through the whole chain."""
        return f"{self.use_case}_turn"

    @property
    def rebuild(self) -> str:
        """The job that runs one experiment."""
        return f"{self.use_case}_rebuild"
