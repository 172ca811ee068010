"""A source with its position, for tests that ask it again and again as the platform does."""

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from loopcast.dataops.table import TableSpec, Variable
from loopcast.sources.batch import NOWHERE, Fetched
from loopcast.sources.fetch import Question, fetch
from loopcast.use_case.sources import Polled
from made_use_case import NOW

SPEC = TableSpec(timestamp="at", frequency="h", target="count", variables=(Variable("count"), Variable("promotion")))


class Reader:
    """A source with its position, which moves with every fetch as if each batch were claimed."""

    def __init__(self, source: Polled, **environment: str) -> None:
        self.source, self.position, self.environment = source, NOWHERE, environment
        self.claimed: set[str] = set()

    def look(self) -> Fetched:
        """Return what is new without taking it."""
        return fetch(Question(self.source, self.position, SPEC, self.environment, NOW, self.claimed.intersection))

    def fetch(self) -> Fetched:
        """Return what is new and take it."""
        found = self.look()
        self.position = found.position
        if found.batch is not None:
            self.claimed.add(found.batch.key)
        return found

    def frame(self) -> Any:
        """Return the rows that are new as a frame, None where there are none."""
        batch = self.fetch().batch
        if batch is None:
            return None
        frame = pq.read_table(pa.BufferReader(batch.content)).to_pandas()
        assert len(frame) == batch.rows
        return frame
