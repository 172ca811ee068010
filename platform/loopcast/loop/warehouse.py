"""Delivery into the warehouse: what is new in the lake is added, all is made anew where that is in doubt.

Here belongs what is delivered and what is new. Not here: the SQL (`loopcast.store.warehouse`), the file
(`loopcast.store.warehouse_file`), and when it happens (`loopcast.orchestration.automation`).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from loopcast.loop.project import Project
from loopcast.loop.tables import (
    DATASET,
    DECISIONS,
    OUTPUT_TABLES,
    QUARANTINE,
    VERSIONS,
    OutputTable,
    iter_dataset,
    list_layouts,
    tabulate_decisions,
    tabulate_refused,
    tabulate_versions,
)
from loopcast.store.records import sha256, to_canonical_json
from loopcast.store.version_records import VersionRecord
from loopcast.store.warehouse import TableLayout, Warehouse

FORMAT = 1  # to be raised when what is delivered changes otherwise than in its columns
LAYOUT = "layout"
PARTITIONS_AT_ONCE = 500


@dataclass(frozen=True)
class Delivery:
    """What was delivered.

    Args:
        version: the newest version delivered; None: there is none yet.
        is_full: whether everything was made anew.
        changed: tables with something new.
        tables: all tables and views: `table`, `kind`, `rows`, `description`.
    """

    version: str | None
    is_full: bool
    changed: tuple[str, ...]
    tables: pd.DataFrame


class _Deliverer:
    """One delivery of one use case."""

    def __init__(self, project: Project, connection: Any) -> None:
        self.project = project
        self.warehouse = Warehouse(connection, schema=project.name)
        self.layouts: Mapping[str, TableLayout] = {layout.name: layout for layout in list_layouts(project)}
        self.records = project.store.versions.records()
        self.changed: list[str] = []

    def begin(self, *, fresh: bool) -> bool:
        """Begin, and return whether all is made anew."""
        layout = sha256(
            to_canonical_json(
                {
                    "format": FORMAT,
                    "code": self.project.code_version,
                    "tables": [asdict(layout) for layout in self.layouts.values()],
                    "erasures": self.project.store.list_erasures(),
                }
            )
        )
        is_current = self.warehouse.delivered(LAYOUT) == {"": layout} and self._is_same_history() and not fresh
        if not is_current:
            self.warehouse.clear()
        self.warehouse.begin()
        if not is_current:
            self._make_tables()
            self.warehouse.remember(LAYOUT, {"": layout})
        return not is_current

    def _make_tables(self) -> None:
        """Make all tables and views, empty."""
        for table in self.layouts.values():
            self.warehouse.create(table)
        keys = self.project.store.spec.series_keys
        self.warehouse.create_newest(
            "latest_forecast", table="forecasts", keys=[*keys, "timestamp"], newest="forecast_version",
            description="the newest forecast of each timestamp",
        )  # fmt: skip
        self.warehouse.create_newest(
            "latest_accuracy", table="accuracy", keys=[*keys, "forecast_version", "timestamp"], newest="report",
            description="each forecast beside its actual, as scored last",
        )  # fmt: skip

    def deliver_dataset(self) -> None:
        """Replace the dataset where the newest version has another state."""
        newest = next((record for record in reversed(self.records) if record.status == "accepted"), None)
        if newest is None or self.warehouse.delivered(DATASET) == {"": newest.state_digest}:
            return
        self.warehouse.create(self.layouts[DATASET])
        for frame in iter_dataset(self.project, newest.version):
            self.warehouse.insert(self.layouts[DATASET], frame)
        self._note(DATASET, {"": newest.state_digest})

    def deliver_outputs(self, table: OutputTable) -> None:
        """Add the partitions that are new, replace those written again, remove those that are gone."""
        numbers = self.project.store.outputs.newest_numbers(table.output)
        wanted = {partition: str(number) for partition, number in numbers.items()}
        known = self.warehouse.delivered(table.name)
        for partition in sorted(known):
            if wanted.get(partition) != known[partition]:
                self.warehouse.delete(table.name, column=table.key, value=partition)
                self.warehouse.forget(table.name, partition)
                self.changed.append(table.name)
        new = sorted(partition for partition in wanted if wanted[partition] != known.get(partition))
        for at in range(0, len(new), PARTITIONS_AT_ONCE):
            self._insert(table, {partition: numbers[partition] for partition in new[at : at + PARTITIONS_AT_ONCE]})

    def deliver_versions(self) -> None:
        """Add the records of versions that are new."""
        known = int(self.warehouse.delivered(VERSIONS).get("count", "0"))
        if len(self.records) > known:
            self.warehouse.insert(self.layouts[VERSIONS], tabulate_versions(self.records[known:]))
            self._note(VERSIONS, {"count": str(len(self.records)), "digest": self.records[-1].digest})

    def deliver_decisions(self) -> None:
        """Add the decisions that are new."""
        new = tabulate_decisions(self.project, after=int(self.warehouse.delivered(DECISIONS).get("", "0")))
        if len(new):
            self.warehouse.insert(self.layouts[DECISIONS], new)
            self._note(DECISIONS, {"": str(new["number"].max())})

    def deliver_refused(self) -> None:
        """Replace the refused versions where there is any new claim or record, as they may repair any of them."""
        tag = f"{len(self.project.store.versions.claims())} {len(self.records)}"
        if self.warehouse.delivered(QUARANTINE) != {"": tag}:
            self.warehouse.create(self.layouts[QUARANTINE])
            self.warehouse.insert(self.layouts[QUARANTINE], tabulate_refused(self.project))
            self._note(QUARANTINE, {"": tag})

    def _insert(self, table: OutputTable, numbers: Mapping[str, int]) -> None:
        outputs = self.project.store.outputs
        manifests = [outputs.manifest_at(table.output, partition, number) for partition, number in numbers.items()]
        frames = [frame for manifest in manifests if len(frame := table.read(self.project, manifest))]
        if frames:
            self.warehouse.insert(self.layouts[table.name], pd.concat(frames, ignore_index=True))
        self._note(table.name, {partition: str(number) for partition, number in numbers.items()})

    def _is_same_history(self) -> bool:
        """Return whether the versions delivered are still those of the lake."""
        known = self.warehouse.delivered(VERSIONS)
        count = int(known.get("count", "0"))
        return count <= len(self.records) and (not count or self.records[count - 1].digest == known["digest"])

    def _note(self, item: str, tags: Mapping[str, str]) -> None:
        self.warehouse.remember(item, tags)
        self.changed.append(item)


def deliver(project: Project, connection: Any, *, fresh: bool = False) -> Delivery:
    """Bring a use case's schema up to the lake, and return what was done; done again it changes nothing.

    Args:
        project: the use case.
        connection: an open connection to a copy of the warehouse.
        fresh: make everything anew.

    Raises:
        StoreError: the warehouse cannot be written, or the lake not be read.
    """
    delivery = _Deliverer(project, connection)
    is_full = delivery.begin(fresh=fresh)
    delivery.deliver_dataset()
    for table in OUTPUT_TABLES:
        delivery.deliver_outputs(table)
    delivery.deliver_versions()
    delivery.deliver_decisions()
    delivery.deliver_refused()
    delivery.warehouse.commit()
    changed = tuple(delivery.layouts) if is_full else tuple(dict.fromkeys(delivery.changed))
    return Delivery(_newest(delivery.records), is_full, changed, delivery.warehouse.describe())


def _newest(records: list[VersionRecord]) -> str | None:
    return records[-1].version if records else None
