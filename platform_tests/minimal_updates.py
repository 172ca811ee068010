"""A second store with an imported zoo and nothing but the minimal history: what the tests of minimal updates share."""

import pandas as pd

from loopcast.loop.minimal import describe_minimal
from loopcast.loop.production import VersionForecast, forecast_version
from loopcast.loop.project import Project
from loopcast.loop.zoos.forces import ZOO_DOCUMENTS, list_in_force, put_in_force
from made_use_case import NOW, send


def import_zoo(source: Project, target: Project) -> None:
    """Put the newest zoo of one use case in force in another, as its document."""
    entry = list_in_force(source)[-1]
    digest = target.store.outputs.write_document(
        ZOO_DOCUMENTS, source.store.outputs.read_document(ZOO_DOCUMENTS, entry.digest)
    )
    put_in_force(target, entry.zoo, digest=digest, from_version="v00000001", now=NOW)


def forecast_new(project: Project, rows: pd.DataFrame) -> VersionForecast:
    version = send(project, rows)
    assert project.store.versions.settle(version, now=NOW).status == "accepted"
    made = forecast_version(project, version, now=NOW)
    assert made is not None
    return made


def only(frame: pd.DataFrame, project: Project) -> pd.DataFrame:
    """Return the rows and values of the newest version that `loopcast minimal` names."""
    spec, out = project.store.spec, frame.copy()
    for row in describe_minimal(project):
        first, last = (pd.Timestamp(row[end]) for end in ("from", "to"))
        if first.tzinfo:
            first, last = (moment.tz_convert("UTC").tz_localize(None) for moment in (first, last))
        inside = out[spec.timestamp].between(first, last)
        out[row["variable"]] = out[row["variable"]].where(inside)
    return out.dropna(subset=list(spec.variable_names), how="all")
