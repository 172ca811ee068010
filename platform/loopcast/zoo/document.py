"""The zoo as readable JSON values and back, exact to the last bit. No pickles, no files.

What people rather read in numbers is there, what they do not (state, large panels) are numpy arrays at their places.
Where documents are kept, and arrays beside them, is the store's business; older formats are in `document_v1`.
"""

from dataclasses import asdict, fields
from typing import Any

import numpy as np

from loopcast.errors import ModelError
from loopcast.zoo.arrays import as_floats, as_times, from_floats, from_times
from loopcast.zoo.corrections.registry import correction_from_document, correction_to_document
from loopcast.zoo.document_v1 import upgrade
from loopcast.zoo.intervals import Intervals
from loopcast.zoo.members.base import Offset, situation_from_document
from loopcast.zoo.members.registry import member_from_document, member_to_document
from loopcast.zoo.quantile_table import GRID
from loopcast.zoo.regime import MemberChoice
from loopcast.zoo.rolling import Failure
from loopcast.zoo.spec import MemberSpec, ZooSpec
from loopcast.zoo.weights import WeightState
from loopcast.zoo.zoo import Availability, BinPromise, Block, Pending, Zoo

FORMAT = "loopcast-zoo/2"
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
        "difficulty": zoo.difficulty,
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
        "learned": weights_to_document(block.learned),
        "corrections": [correction_to_document(correction) for correction in block.corrections],
        "intervals": intervals_to_document(block.intervals),
        "bounds": as_floats(block.bounds),
        "until": as_times(block.until),
        "pending": pending_to_document(block.pending),
        "choices": [choice_to_document(choice) for choice in block.choices],
        "n_windows": block.n_windows,
        "first_index": block.first_index,
        "members": [member_to_document(member) for member in block.members],
    }


def zoo_from_document(document: Json) -> Zoo:
    """Return the zoo that `zoo_to_document` wrote, in this format or an earlier one.

    Raises:
        ModelError: the document is not a zoo of a format that is known.
    """
    document = upgrade(document)
    if document.get("format") != FORMAT:
        raise ModelError(f"found the format {document.get('format')!r}; expected {FORMAT}: build the zoo again")
    return Zoo(
        spec=ZooSpec.from_document(document["spec"]),
        target=document["target"],
        frequency=document["frequency"],
        seasonal_periods=tuple(document["seasonal_periods"]),
        series=tuple(tuple(key) for key in document["series"]),
        blocks=tuple(block_from_document(block) for block in document["blocks"]),
        promise=promise_from_document(document),
        training_start=document["training_start"],
        training_end=document["training_end"],
        training_length=document["training_length"],
        importances=dict(document["importances"]),
        minimal_history=tuple(Offset(**offset) for offset in document["minimal_history"]),
        # Zoos built before availability was written down demand nothing: they stay usable until the next build.
        availability=tuple(_to_availability(item) for item in document.get("availability", ())),
        failures=tuple(Failure(**failure) for failure in document["failures"]),
        difficulty=document.get("difficulty"),
    )


def promise_from_document(document: Json) -> tuple[BinPromise, ...]:
    """Return what the zoo of a document promised; every format says it alike."""
    return tuple(BinPromise(**row) for row in document["promise"])


def _to_availability(item: Json) -> Availability:
    return Availability(variable=item["variable"], first=tuple(item["first"]), ahead=tuple(item["ahead"]))


def block_from_document(document: Json) -> Block:
    """Return the block that `block_to_document` wrote."""
    return Block(
        situation=situation_from_document(document["situation"]),
        series=np.asarray(document["series"], dtype=np.int64),
        members=tuple(member_from_document(member) for member in document["members"]),
        learned=weights_from_document(document["learned"]),
        corrections=tuple(correction_from_document(correction) for correction in document["corrections"]),
        intervals=intervals_from_document(document["intervals"]),
        bounds=from_floats(document["bounds"]),
        until=from_times(document["until"]),
        pending=pending_from_document(document["pending"]),
        choices=tuple(choice_from_document(choice) for choice in document["choices"]),
        n_windows=document["n_windows"],
        first_index=document["first_index"],
    )


def intervals_to_document(intervals: Intervals) -> Json:
    """Return spreads, quantiles and the errors behind them as JSON values."""
    return {
        "delay": intervals.delay,
        "probabilities": as_floats(GRID),
        "quantiles": as_floats(intervals.table),
        "shift": as_floats(intervals.shift),
        "spread": as_floats(intervals.spread),
        "errors": intervals.errors.astype(np.float32),  # they are rounded to it
    }


def intervals_from_document(document: Json) -> Intervals:
    """Return what `intervals_to_document` wrote."""
    return Intervals(
        errors=from_floats(document["errors"]),
        shift=from_floats(document["shift"]),
        delay=document["delay"],
        spread=from_floats(document["spread"]),
        table=from_floats(document["quantiles"]),
    )


def weights_to_document(learned: WeightState) -> Json:
    """Return what is known of the members' errors as JSON values."""
    return {item.name: as_floats(getattr(learned, item.name)) for item in fields(WeightState)}


def weights_from_document(document: Json) -> WeightState:
    """Return what `weights_to_document` wrote."""
    return WeightState(**{name: from_floats(values) for name, values in document.items()})


def pending_to_document(pending: Pending) -> Json:
    """Return pending forecasts as JSON values."""
    return {
        "origins": as_times(pending.origins),
        "shape": list(pending.forecasts.shape),
        "forecasts": as_floats(pending.forecasts.ravel()),
        "stages": as_floats(pending.stages.ravel()),
        "is_blind": pending.is_blind,
    }


def pending_from_document(document: Json) -> Pending:
    """Return what `pending_to_document` wrote."""
    n_series, n_windows, steps, n_members = document["shape"]
    return Pending(
        from_times(document["origins"]).reshape(n_series, n_windows),
        from_floats(document["forecasts"]).reshape(n_series, n_windows, steps, n_members),
        from_floats(document["stages"]).reshape(n_series, n_windows, steps, -1 if n_series * n_windows else 1),
        document.get("is_blind", False),
    )


def choice_to_document(choice: MemberChoice) -> Json:
    """Return whether a member takes part, and why, as JSON values."""
    return {
        "spec": choice.spec.to_document(),
        "taken": choice.taken,
        "reason": choice.reason,
        "prior": choice.prior,
    }


def choice_from_document(document: Json) -> MemberChoice:
    """Return what `choice_to_document` wrote."""
    return MemberChoice(**{**document, "spec": MemberSpec.from_document(document["spec"])})
