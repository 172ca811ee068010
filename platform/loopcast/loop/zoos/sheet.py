"""A zoo as people look at it: when it was built and from what, and tables of what it is made of.

The tables are found in `loopcast.zoo.summary`; which zoo is in force in `loopcast.loop.zoos.forces`.
"""

from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from loopcast.loop.project import Project
from loopcast.loop.zoos.experiment import LEADERBOARDS, describe_history, describe_importances
from loopcast.loop.zoos.forces import list_zoos
from loopcast.loop.zoos.states import read_newest_of
from loopcast.zoo.summary import describe_members, describe_models, describe_terms


@dataclass(frozen=True, eq=False)
class ZooSheet:
    """What is told of a zoo.

    Args:
        facts: one value per name.
        tables: by title.
    """

    facts: dict[str, Any]
    tables: dict[str, pd.DataFrame]


def describe_zoo(project: Project, zoo: str | None, *, ahead: int, most_terms: int) -> ZooSheet:
    """Return a zoo as it is now, with what it has learned since it was built.

    Args:
        project: the use case.
        zoo: its key; None: the newest in force.
        ahead: the model whose terms are listed, by its samples ahead.
        most_terms: so many of them at most.

    Raises:
        NotFoundError: no such zoo was in force.
    """
    entry, models = read_newest_of(project, zoo)
    request = next((known for known in list_zoos(project) if known.zoo == entry.zoo), None)
    manifest = project.store.outputs.manifest(LEADERBOARDS, request.build) if request else None
    table = describe_models(models)
    chosen = table[table["samples_ahead"] == min(ahead, int(table["samples_ahead"].max()))]
    terms = describe_terms(models, model_index=int(chosen["model_index"].iloc[0]))
    title = f"terms_{chosen['samples_ahead'].iloc[0]}_ahead_from_{chosen['time_of_day'].iloc[0]}"
    facts = {
        "zoo": entry.zoo,
        "in_force_from": entry.from_version,
        "build": request.build if request else None,
        "built_on": request.version if request else None,
        "scope": manifest.pins.get("scope") if manifest else None,
        "digest": entry.digest,
        "target": models.target,
        "sampling_period": models.frequency,
        "seasonal_periods": list(models.seasonal_periods),
        "series": len(models.series),
        "difficulty": models.difficulty,
        "training_start": models.training_start,
        "training_end": models.training_end,
        "training_length": models.training_length,
        "learned_until": str(chosen["last_target"].iloc[0]),
        "lowest_forecast": float(min(block.bounds[:, 0].min() for block in models.blocks)),
        "highest_forecast": float(max(block.bounds[:, 1].max() for block in models.blocks)),
    }
    return ZooSheet(
        facts,
        {
            "members": describe_members(models),
            "promise": pd.DataFrame([asdict(row) for row in models.promise]),
            "models": table.drop(columns="block"),
            title: terms.head(most_terms),
            "importances": describe_importances(models),
            "minimal_history": describe_history(models),
            "failures": pd.DataFrame([asdict(failure) for failure in models.failures]),
        },
    )
