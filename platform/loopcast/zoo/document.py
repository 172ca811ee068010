"""The zoo as readable JSON values and back, exact to the last bit. No pickles, no files.

Where documents are kept is the store's business.
"""

from dataclasses import asdict
from typing import Any

import numpy as np

from loopcast.errors import ModelError
from loopcast.zoo.arrays import as_floats, from_floats
from loopcast.zoo.intervals import Intervals
from loopcast.zoo.members.base import Offset, Situation
from loopcast.zoo.members.registry import member_from_document, member_to_document
from loopcast.zoo.rolling import Failure
from loopcast.zoo.spec import ZooSpec
from loopcast.zoo.zoo import Availability, BinPromise, Block, Zoo

FORMAT = "loopcast-zoo/1"
Json = dict[str, Any]


def zoo_to_document(zoo: Zoo) -> Json:
    """Return the zoo as JSON values; floats are kept bit for bit."""
    return {
        "format": FORMAT,
        "spec": zoo.spec.to_document(),
        "target": zoo.target,
        "frequency": zoo.frequency,
        "seasonal_periods": list(zoo.seasonal_periods),
        "series": [list(key) for key in zoo.series],
        "training_start": zoo.training_start,
        "training_end": zoo.training_end,
        "training_length": zoo.training_length,
        "promise": [asdict(row) for row in zoo.promise],
        "importances": dict(zoo.importances),
        "minimal_history": [asdict(offset) for offset in zoo.minimal_history],
        "availability": [asdict(item) for item in zoo.availability],
        "failures": [asdict(failure) for failure in zoo.failures],
        "blocks": [block_to_document(block) for block in zoo.blocks],
    }


def block_to_document(block: Block) -> Json:
    """Return one block as JSON values."""
    return {
        "situation": asdict(block.situation),
        "series": block.series.tolist(),
        "weights": as_floats(block.weights),
        "spread": as_floats(block.intervals.spread),
        "quantiles": as_floats(block.intervals.quantiles),
        "bounds": as_floats(block.bounds),
        "n_windows": block.n_windows,
        "first_index": block.first_index,
        "members": [member_to_document(member) for member in block.members],
    }


def zoo_from_document(document: Json) -> Zoo:
    """Return the zoo that `zoo_to_document` wrote.

    Raises:
        ModelError: the document is not a zoo of this format.
    """
    if document.get("format") != FORMAT:
        raise ModelError(f"found the format {document.get('format')!r}; expected {FORMAT}: build the zoo again")
    return Zoo(
        spec=ZooSpec.from_document(document["spec"]),
        target=document["target"],
        frequency=document["frequency"],
        seasonal_periods=tuple(document["seasonal_periods"]),
        series=tuple(tuple(key) for key in document["series"]),
        blocks=tuple(block_from_document(block) for block in document["blocks"]),
        promise=tuple(BinPromise(**row) for row in document["promise"]),
        training_start=document["training_start"],
        training_end=document["training_end"],
        training_length=document["training_length"],
        importances=dict(document["importances"]),
        minimal_history=tuple(Offset(**offset) for offset in document["minimal_history"]),
        # Zoos built before availability was written down demand nothing: they stay usable until the next build.
        availability=tuple(_to_availability(item) for item in document.get("availability", ())),
        failures=tuple(Failure(**failure) for failure in document["failures"]),
    )


def _to_availability(item: Json) -> Availability:
    return Availability(variable=item["variable"], first=tuple(item["first"]), ahead=tuple(item["ahead"]))


def block_from_document(document: Json) -> Block:
    """Return the block that `block_to_document` wrote."""
    return Block(
        situation=Situation(**document["situation"]),
        series=np.asarray(document["series"], dtype=np.int64),
        members=tuple(member_from_document(member) for member in document["members"]),
        weights=from_floats(document["weights"]),
        intervals=Intervals(from_floats(document["spread"]), from_floats(document["quantiles"])),
        bounds=from_floats(document["bounds"]),
        n_windows=document["n_windows"],
        first_index=document["first_index"],
    )
