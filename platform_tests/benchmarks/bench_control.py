"""Average run lengths of the control charts on white noise and after shifts, next to the textbook's."""

import numpy as np
import numpy.typing as npt

from loopcast.dataops.quality.control_charts import (
    NELSON,
    WESTERN_ELECTRIC,
    Cusum,
    Ewma,
    any_rule,
    trace_cusum,
    trace_ewma,
)

SEQUENCES, LENGTH = 5_000, 800
SHIFTS = (0.0, 0.5, 1.0, 2.0)
# Champ and Woodall (1987), table 1, has no row at 0.5; Lucas and Saccucci (1990), table 3, with steady limits;
# Montgomery (2013), table 9.3 for the CUSUM and 6.3 for one point beyond three sigma.
TEXTBOOK = {
    "rule 1": (370.4, 155.2, 43.9, 6.3),
    "Western Electric 1-4": (91.75, None, 9.22, 3.13),
    "CUSUM k=0.5 h=5": (465.0, 38.0, 10.4, 4.01),
    "EWMA 0.1, 2.814": (500.0, 31.3, 10.3, 4.36),
}

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def main() -> None:
    """Print a row per chart: average run length with its standard error, and the textbook's in brackets."""
    noise = np.random.default_rng(0).normal(size=(SEQUENCES, LENGTH))
    print(f"{SEQUENCES} sequences of at most {LENGTH} points; average run length +- standard error (textbook)")
    print(f"{'chart':<28}" + "".join(f"{f'shift {shift:g}':>22}" for shift in SHIFTS))
    for name in (*TEXTBOOK, "Nelson 1-8", "EWMA, widening limits"):
        cells = []
        for shift, known in zip(SHIFTS, TEXTBOOK.get(name, (None,) * 4), strict=True):
            length, error = measure(signal(name, noise + shift))
            cells.append(f"{length:.1f} +- {error:.1f}" + (f" ({known:g})" if known else ""))
        print(f"{name:<28}" + "".join(f"{cell:>22}" for cell in cells), flush=True)


def signal(name: str, z: Floats) -> Flags:
    """Return where a chart signals."""
    if name == "rule 1":
        return WESTERN_ELECTRIC["western_electric_1"](z)
    if name.startswith(("Western", "Nelson")):
        return any_rule(z, NELSON if name.startswith("Nelson") else WESTERN_ELECTRIC)
    if name.startswith("CUSUM"):
        return np.asarray(np.maximum(*trace_cusum(z, slack=Cusum().slack)) > Cusum().limit)
    steps = np.arange(1, z.shape[-1] + 1)
    share = 1.0 if "widening" not in name else 1.0 - (1.0 - Ewma().weight) ** (2 * steps)
    limit = Ewma().width * np.sqrt(Ewma().weight / (2.0 - Ewma().weight) * share)
    return np.asarray(np.abs(trace_ewma(z, weight=Ewma().weight)) > limit)


def measure(signals: Flags) -> tuple[float, float]:
    """Return points watched per first signal, and its standard error: run lengths are nearly exponential."""
    found = signals.any(axis=-1)
    watched = np.where(found, signals.argmax(axis=-1) + 1, signals.shape[-1])
    length = float(watched.sum() / found.sum())
    return length, length / float(np.sqrt(found.sum()))
