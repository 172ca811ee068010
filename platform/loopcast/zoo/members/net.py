"""The net member: a few small networks with a linear skip, all steps at once, trained once and then a little every day.

Network, training and attribution are in `loopcast.zoo.net`; features are those of `loopcast.zoo.dictionary`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from loopcast.errors import ModelError
from loopcast.zoo.arrays import BoolArray, FloatArray, IntArray, as_floats, from_floats
from loopcast.zoo.columns import describe_columns, standardise
from loopcast.zoo.dictionary.choice import choose_dictionary
from loopcast.zoo.dictionary.examples import Examples, collect_examples, examples_from_document, extend_examples
from loopcast.zoo.members.base import Contributions, FittedMember, Json, Member, Offset, Situation, Term
from loopcast.zoo.net.attribution import integrated_gradients, mean_slope
from loopcast.zoo.net.shape import Shape, forward
from loopcast.zoo.net.training import Batches, Learning, Optimiser, train
from loopcast.zoo.panel import Panel
from loopcast.zoo.scaling import Scaling, share_out

LIMIT = 1456  # rows kept
FEWEST_ROWS = 180
FIRST, SECOND = 256, 128
BATCH = 64
EPOCHS, RATE, LEAST_RATE = 60, 1e-3, 1e-4
UPDATE_EPOCHS, UPDATE_RATE = 2, 2e-4
MOST_UPDATE_EPOCHS = 28
MEMORY = 365.0  # rows after which a row is drawn less often by a factor of e
FARTHEST = 6.0  # standard deviations from the mean that a feature counts at most
EXTREME = 20.0
EMPHASIS = 0.125
BEYOND = 1.0  # how far a forecast may lie outside of the targets learned from, on the learning scale


class Net(Member):
    """Small networks on the origin-level dictionary.

    `parameters`: `seed` of the start values and draws, default 0; `count` of networks whose forecasts are averaged,
    default 4.
    """

    kind = "net"
    accepts = frozenset({"seed", "count"})

    def fit(self, panel: Panel, situation: Situation, ends: IntArray) -> "FittedNet":
        """Return the networks after `EPOCHS` passes over the rows."""
        seed, count = int(self.parameters.get("seed", 0)), int(self.parameters.get("count", 4))
        dictionary = choose_dictionary(panel, situation, ends)
        examples = collect_examples(panel, situation, ends, dictionary, limit=LIMIT)
        fewest = int(examples.usable.sum(axis=1).min(initial=LIMIT))
        if fewest < FEWEST_ROWS:
            raise ModelError(f"found a series with {fewest} origins to learn from; a net member needs {FEWEST_ROWS}")
        described = [describe_columns(rows[ok]) for rows, ok in zip(examples.features, examples.usable, strict=True)]
        inputs = Inputs(np.stack([center for center, _ in described]), np.stack([spread for _, spread in described]))
        shape = Shape(len(dictionary.features), FIRST, SECOND, situation.steps)
        rng = np.random.default_rng((seed, 0))
        start = Optimiser.start(shape, (len(ends), count), rng)
        order = plan_epochs(examples.usable, EPOCHS, None, rng)
        rates = np.repeat(decay_rates(EPOCHS), len(order) // EPOCHS)
        state = train(shape, Learning(), start, make_batches(examples, inputs, order, rates), rng)
        return FittedNet(self.name, examples, inputs, shape, state, seed=seed, learned=0)


@dataclass(frozen=True, eq=False)
class Inputs:
    """How features become inputs, fixed when the networks were made.

    Args:
        center: means, shape (S, K).
        spread: standard deviations, 0 for a constant feature, shape (S, K).
    """

    center: FloatArray
    spread: FloatArray

    def of(self, features: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the inputs of features of shape (S, N, K)."""
        return standardise(features, self.center[:, None], self.spread[:, None], farthest=FARTHEST)


def decay_rates(epochs: int) -> FloatArray:
    """Return the learning rate of each epoch: half a cosine, not below a tenth of the first.

    References:
        Loshchilov and Hutter (2017), SGDR: stochastic gradient descent with warm restarts, equation 5.
    """
    return np.maximum(LEAST_RATE, RATE * 0.5 * (1.0 + np.cos(np.pi * np.arange(epochs) / epochs)))


def plan_epochs(usable: BoolArray, epochs: int, memory: float | None, rng: np.random.Generator) -> IntArray:
    """Return the rows of each step, shape (steps, S, batch).

    Args:
        usable: which rows can be learned from, shape (S, N).
        epochs: passes.
        memory: rows after which a row is drawn less often by a factor of e; None: each row once a pass.
        rng: source of the draws.
    """
    count = int(usable.sum(axis=1).max())
    size = min(BATCH, count)
    steps = max(1, (count + size // 2) // size)
    passes = [np.stack([_draw(row, count, memory, rng) for row in usable]) for _ in range(epochs)]
    padded = [np.concatenate([rows, rows], axis=1)[:, : steps * size] for rows in passes]
    order = np.stack(padded).reshape(epochs, len(usable), steps, size)
    return np.asarray(np.moveaxis(order, 1, 2).reshape(epochs * steps, len(usable), size))


def _draw(usable: BoolArray, count: int, memory: float | None, rng: np.random.Generator) -> IntArray:
    rows = np.flatnonzero(usable)
    if memory is None:
        return np.resize(rng.permutation(rows), count)
    share = np.exp((rows - len(usable)) / memory)
    return np.asarray(rng.choice(rows, size=count, p=share / share.sum()))


def make_batches(examples: Examples, inputs: Inputs, order: IntArray, rates: FloatArray) -> Batches:
    """Return inputs and targets with weights that grow with the target's distance from its median."""
    targets = examples.targets
    distance = np.minimum(np.abs(np.sinh(np.nan_to_num(targets))), EXTREME)
    importance = (1.0 + distance**2) ** EMPHASIS
    known = np.isfinite(targets)
    mean = importance.sum(axis=(1, 2), where=known) / np.maximum(known.sum(axis=(1, 2)), 1)
    weight = (importance / mean[:, None, None]).astype(np.float32)
    return Batches(inputs.of(examples.features), targets, weight, order, rates)


class FittedNet(FittedMember):
    """See `Net`."""

    kind = "net"

    def __init__(
        self,
        name: str,
        examples: Examples,
        inputs: Inputs,
        shape: Shape,
        state: Optimiser,
        *,
        seed: int,
        learned: int,
    ) -> None:
        """Keep rows, networks, and how many rows were learned since the fit."""
        self.name, self.examples, self.inputs, self.shape, self.state = name, examples, inputs, shape, state
        self.seed, self.learned = seed, learned

    def update(self, panel: Panel, ends: IntArray) -> "FittedNet":
        """Return the networks after two more passes per new row, in which recent rows are drawn more often."""
        examples, fresh = extend_examples(self.examples, panel, ends, limit=LIMIT)
        if not fresh:
            return self
        learned = self.learned + fresh
        rng = np.random.default_rng((self.seed, learned))
        epochs = min(UPDATE_EPOCHS * fresh, MOST_UPDATE_EPOCHS)
        order = plan_epochs(examples.usable, epochs, MEMORY, rng)
        batches = make_batches(examples, self.inputs, order, np.full(len(order), UPDATE_RATE))
        state = train(self.shape, Learning(), self.state, batches, rng)
        return FittedNet(self.name, examples, self.inputs, self.shape, state, seed=self.seed, learned=learned)

    def predict(self, panel: Panel, origins: IntArray) -> FloatArray:
        """Return the mean of the networks' forecasts."""
        z, _, _ = forward(self._parameters(), self._inputs(panel, origins))
        return np.asarray(self._scaling.inverse(self._bound(z)).mean(axis=1))

    def contributions(self, panel: Panel, origins: IntArray) -> Contributions:
        """Return one term per feature, the constant, and what the bounds took away, each the mean of the networks'."""
        base, addends = integrated_gradients(self._parameters(), self._inputs(panel, origins))
        constant, shared = share_out(self._scaling, base, addends)
        z = base + addends.sum(axis=-1)
        cut = self._scaling.inverse(self._bound(z)) - self._scaling.inverse(z)
        features = self.examples.dictionary.features
        terms = (*(Term(f.name, f.variable) for f in features), Term("constant", ""), Term("bound", ""))
        parts = np.concatenate([shared, constant[..., None], cut[..., None]], axis=-1)
        return Contributions(terms=terms, addends=parts.mean(axis=1))

    def offsets(self) -> tuple[Offset, ...]:
        """Return what the features look at."""
        return self.examples.dictionary.offsets()

    def importances(self) -> Mapping[str, float]:
        """Return the shares of the mean absolute slopes at the newest rows."""
        x = self.inputs.of(self.examples.features[:, -BATCH:]).astype(np.float64)[:, None]
        weight = mean_slope(self._parameters(), x)
        total = {self.examples.dictionary.target: 1e-12}
        for feature, value in zip(self.examples.dictionary.features, weight, strict=True):
            total[feature.variable] = total.get(feature.variable, 0.0) + float(value)
        whole = sum(total.values())
        return {variable: 100.0 * value / whole for variable, value in total.items()}

    def to_document(self) -> Json:
        """Return sizes as JSON values, and rows and networks as arrays."""
        return {
            "name": self.name,
            "seed": self.seed,
            "learned": self.learned,
            "hidden": [self.shape.first, self.shape.second],
            "center": as_floats(self.inputs.center),
            "spread": as_floats(self.inputs.spread),
            "examples": self.examples.to_document(),
            "weights": self.state.weights,
            "mean": self.state.mean,
            "square": self.state.square,
            "step": self.state.step,
        }

    @classmethod
    def from_document(cls, document: Json) -> "FittedNet":
        """Return the member that `to_document` wrote."""
        examples = examples_from_document(document["examples"])
        dictionary = examples.dictionary
        arrays = [np.asarray(document[name], dtype=np.float32) for name in ("weights", "mean", "square")]
        return cls(
            document["name"],
            examples,
            Inputs(from_floats(document["center"]), from_floats(document["spread"])),
            Shape(len(dictionary.features), *document["hidden"], dictionary.steps),
            Optimiser(*arrays, document["step"]),
            seed=document["seed"],
            learned=document["learned"],
        )

    @property
    def _scaling(self) -> Scaling:
        return self.examples.scalings[self.examples.dictionary.target]

    def _parameters(self) -> tuple[FloatArray, ...]:
        return self.shape.views(self.state.weights.astype(np.float64))

    def _inputs(self, panel: Panel, origins: IntArray) -> FloatArray:
        values = self.examples.dictionary.values(panel, origins, self.examples.scalings)
        return np.asarray(self.inputs.of(values)[:, None])

    def _bound(self, z: FloatArray) -> FloatArray:
        known = np.isfinite(self.examples.targets)
        low = np.min(self.examples.targets, axis=(1, 2), where=known, initial=np.inf) - BEYOND
        high = np.max(self.examples.targets, axis=(1, 2), where=known, initial=-np.inf) + BEYOND
        return np.clip(z, low[:, None, None, None], high[:, None, None, None])
