"""Which kinds of correction there are, by name, in the order in which they are applied.

A correction's own code does not belong here.
"""

from importlib import import_module

from loopcast.errors import ModelError
from loopcast.zoo.corrections.base import Correction, FittedCorrection, Json

KINDS = {
    "boosted": ("loopcast.zoo.corrections.boosted", "Boosted", "FittedBoosted"),
    "bias": ("loopcast.zoo.corrections.bias", "Bias", "FittedBias"),
}


def all_corrections() -> tuple[Correction, ...]:
    """Return every kind of correction, in the order in which they are applied."""
    return tuple(getattr(import_module(module), name)() for module, name, _ in KINDS.values())


def correction_to_document(correction: FittedCorrection) -> Json:
    """Return the fitted correction as JSON values, with its kind."""
    return {"kind": correction.kind, "state": correction.to_document()}


def correction_from_document(document: Json) -> FittedCorrection:
    """Return the correction that `correction_to_document` wrote.

    Raises:
        ModelError: no such kind.
    """
    if document["kind"] not in KINDS:
        raise ModelError(f"found the correction {document['kind']!r}; expected one of {sorted(KINDS)}")
    module, _, name = KINDS[document["kind"]]
    fitted: type[FittedCorrection] = getattr(import_module(module), name)
    return fitted.from_document(document["state"])
