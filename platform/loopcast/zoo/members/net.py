"""The net member: a few small networks with a linear skip, all steps at once, trained once and then a little every day.

Network, training and attribution are in `loopcast.zoo.learning.net`; features are those of `loopcast.zoo.dictionary`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from loopcast.errors import ModelError
from loopcast.zoo.arrays import BoolArray, FloatArray, IntArray, from_floats
from loopcast.zoo.dictionary.choice import Memory, choose_dictionary
from loopcast.zoo.dictionary.dictionary import Dictionary
from loopcast.zoo.dictionary.rows import Rows, new_rows, past_rows, waiting
from loopcast.zoo.learning.columns import describe_columns, standardise
from loopcast.zoo.learning.net.attribution import integrated_gradients, mean_slope
from loopcast.zoo.learning.net.shape import Shape, forward
from loopcast.zoo.learning.net.training import Batches, Learning, Optimiser, train
from loopcast.zoo.learning.scaling import Scaling, share_out
from loopcast.zoo.members.base import (
    Contributions,
    FittedMember,
    Json,
    Member,
    Offset,
    Situation,
    Term,
    situation_from_document,
)
from loopcast.zoo.panel import Panel

LIMIT = 1456  # rows kept
FEWEST_ROWS = 20
FIRST, SECOND = 96, 48
BATCH = 64
EPOCHS, STEPS = 60, 1400  # passes of a fit, and steps that it takes at least: a short history needs more passes
RATE, LEAST_RATE = 1e-3, 1e-4
UPDATE_EPOCHS, UPDATE_RATE = 1, 2e-4
MOST_UPDATE_EPOCHS = 28
MEMORY = 365.0  # rows after which a row is drawn less often by a factor of e
FARTHEST = 6.0  # standard deviations from the mean that a feature counts at most
EXTREME = 20.0
LARGEST_HALF = 6e4  # what half precision can hold
STORED = {"features": np.float16, "rms": np.float16}  # all other arrays in single precision
EMPHASIS = 0.25  # power of a target's size that its errors count by
BEYOND = 1.0  # how far a forecast may lie outside of the targets learned from, on the learning scale


class Net(Member):
    """Small networks on the origin-level dictionary.

    `parameters`: `seed` of the start values and draws, default 0; `count` of networks whose forecasts are averaged,
    default 1; `epochs` of the fit, default as many as make `STEPS` steps; `level`, `spread`, `factor` of the scales,
    see `loopcast.zoo.dictionary.choice.Memory`.
    """

    kind = "net"
    accepts = frozenset({"seed", "count", "epochs", "level", "spread", "factor"})

    def fit(self, panel: Panel, situation: Situation, ends: IntArray) -> "FittedNet":
        """Return the networks after so many passes over the rows."""
        options = dict(self.parameters)
        seed, count = int(options.pop("seed", 0)), int(options.pop("count", 1))
        epochs = int(options.pop("epochs", 0))
        dictionary = choose_dictionary(panel, situation, ends, Memory(**options))
        lessons = Lessons.of(past_rows(panel, situation, ends, dictionary, limit=LIMIT))
        most = int(lessons.usable.sum(axis=1).max(initial=0))
        if most < FEWEST_ROWS:
            raise ModelError(f"found {most} origins to learn from; a net member needs {FEWEST_ROWS}")
        inputs = Inputs.of(lessons)
        shape = Shape(len(dictionary.features), FIRST, SECOND, situation.steps)
        rng = draw_from(seed, dictionary, 0)
        start = Optimiser.start(shape, (len(ends), count), rng)
        epochs = epochs or max(EPOCHS, -(-STEPS // count_steps(lessons.usable)))
        order = plan_epochs(lessons.usable, epochs, None, rng)
        rates = np.repeat(decay_rates(epochs), len(order) // epochs)
        nets = train(shape, Learning(), start, make_batches(lessons, inputs, order, rates), rng)
        state = NetState(lessons, inputs, shape, nets, learned=0)
        return FittedNet(self.name, situation, dictionary, state, seed=seed)


@dataclass(frozen=True, eq=False)
class Lessons:
    """The rows that are learned from, newest last; see `loopcast.zoo.dictionary.rows.Rows`.

    Args:
        features: shape (S, N, K), in half precision, as they are stored every day; all unknown in a row that is not
            learned from.
        targets: shape (S, N, H).
        scale: shape (S, N).
    """

    features: npt.NDArray[np.float16]
    targets: npt.NDArray[np.float32]
    scale: npt.NDArray[np.float32]

    @classmethod
    def of(cls, rows: Rows) -> "Lessons":
        """Return rows whose unusable ones are unknown as a whole."""
        usable = rows.usable
        features = np.where(usable[..., None], np.clip(rows.features, -LARGEST_HALF, LARGEST_HALF), np.nan)
        targets = np.where(usable[..., None], rows.targets, np.nan).astype(np.float32)
        return cls(features.astype(np.float16), targets, np.where(usable, rows.scale, np.nan).astype(np.float32))

    @property
    def usable(self) -> BoolArray:
        """Which rows can be learned from, shape (S, N)."""
        return np.isfinite(self.scale)

    def follow(self, newer: "Lessons") -> "Lessons":
        """Return these rows and newer ones, the newest `LIMIT` of them."""
        return Lessons(
            np.concatenate([self.features, newer.features], axis=1)[:, -LIMIT:],
            np.concatenate([self.targets, newer.targets], axis=1)[:, -LIMIT:],
            np.concatenate([self.scale, newer.scale], axis=1)[:, -LIMIT:],
        )


@dataclass(frozen=True, eq=False)
class Inputs:
    """How features become inputs, fixed when the networks were made.

    Args:
        center: means, shape (S, K).
        spread: standard deviations, 0 for a constant feature, shape (S, K).
    """

    center: FloatArray
    spread: FloatArray

    @classmethod
    def of(cls, lessons: Lessons) -> "Inputs":
        """Return the means and standard deviations of the rows learned from."""
        described = [describe_columns(rows.astype(np.float32)) for rows in lessons.features]
        return cls(np.stack([center for center, _ in described]), np.stack([spread for _, spread in described]))

    def make(self, features: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the inputs of features of shape (S, N, K)."""
        return standardise(features, self.center[:, None], self.spread[:, None], farthest=FARTHEST)


@dataclass(frozen=True, eq=False)
class NetState:
    """What is learned.

    Args:
        lessons: rows that updates draw from.
        inputs: how features become inputs.
        shape: sizes of the networks.
        nets: networks and optimiser.
        learned: rows learned since the fit.
    """

    lessons: Lessons
    inputs: Inputs
    shape: Shape
    nets: Optimiser
    learned: int


def draw_from(seed: int, dictionary: Dictionary, learned: int) -> np.random.Generator:
    """Return the source of a member's draws: another one for every scale, and for every update."""
    return np.random.default_rng((seed, dictionary.scale.level, dictionary.scale.spread, learned))


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
    count, steps = int(usable.sum(axis=1).max()), count_steps(usable)
    size = min(BATCH, count)
    passes = [np.stack([_draw(row, count, memory, rng) for row in usable]) for _ in range(epochs)]
    padded = [np.concatenate([rows, rows], axis=1)[:, : steps * size] for rows in passes]
    order = np.stack(padded).reshape(epochs, len(usable), steps, size)
    return np.asarray(np.moveaxis(order, 1, 2).reshape(epochs * steps, len(usable), size))


def count_steps(usable: BoolArray) -> int:
    """Return the steps of one pass over rows, of which those that can be learned from are marked, shape (S, N)."""
    count = int(usable.sum(axis=1).max())
    size = min(BATCH, count)
    return max(1, (count + size // 2) // size)


def _draw(usable: BoolArray, count: int, memory: float | None, rng: np.random.Generator) -> IntArray:
    rows = np.flatnonzero(usable) if usable.any() else np.array([0])  # its targets are unknown: nothing is learned
    if memory is None:
        return np.resize(rng.permutation(rows), count)
    share = np.exp((rows - len(usable)) / memory)
    return np.asarray(rng.choice(rows, size=count, p=share / share.sum()))


def make_batches(lessons: Lessons, inputs: Inputs, order: IntArray, rates: FloatArray) -> Batches:
    """Return inputs and targets with weights that grow with a target's distance from its median, in its own unit."""
    targets = lessons.targets
    known = np.isfinite(targets)
    distance = np.minimum(np.abs(np.sinh(np.where(known, targets, 0.0))), EXTREME)
    scale = np.where(lessons.usable, lessons.scale, 0.0)[..., None]
    importance = (np.sqrt(1.0 + distance**2) * scale) ** EMPHASIS
    mean = importance.sum(axis=(1, 2), where=known) / np.maximum(known.sum(axis=(1, 2)), 1)
    weight = (importance / np.where(mean > 0, mean, 1.0)[:, None, None]).astype(np.float32)
    return Batches(inputs.make(lessons.features.astype(np.float32)), targets, weight, order, rates)


class FittedNet(FittedMember):
    """See `Net`."""

    kind = "net"

    def __init__(self, name: str, situation: Situation, dictionary: Dictionary, state: NetState, *, seed: int) -> None:
        """Keep what was learned."""
        self.name, self.situation, self.dictionary, self.state, self.seed = name, situation, dictionary, state, seed
        self.shape = state.shape

    def update(self, panel: Panel, ends: IntArray, *, since: IntArray) -> "FittedNet":
        """Return the networks after another pass per new row, in which recent rows are drawn more often."""
        newer = Lessons.of(new_rows(panel, self.situation, self.dictionary, ends, since))
        if not newer.usable.any():
            return self
        fresh = newer.scale.shape[1]
        before, lessons = self.state, self.state.lessons.follow(newer)
        learned = before.learned + fresh
        rng = draw_from(self.seed, self.dictionary, learned)
        order = plan_epochs(lessons.usable, min(UPDATE_EPOCHS * fresh, MOST_UPDATE_EPOCHS), MEMORY, rng)
        batches = make_batches(lessons, before.inputs, order, np.full(len(order), UPDATE_RATE))
        nets = train(self.shape, Learning(), before.nets, batches, rng)
        state = NetState(lessons, before.inputs, self.shape, nets, learned)
        return FittedNet(self.name, self.situation, self.dictionary, state, seed=self.seed)

    def predict(self, panel: Panel, origins: IntArray) -> FloatArray:
        """Return the mean of the networks' forecasts."""
        features, scaling = self.dictionary.values(panel, origins)
        z, _, _ = forward(self._parameters(), self.state.inputs.make(features)[:, None])
        return np.asarray(self._invert(self._bound(z), scaling).mean(axis=1))

    def contributions(self, panel: Panel, origins: IntArray) -> Contributions:
        """Return one term per feature, the constant, and what the bounds took away, each the mean of the networks'."""
        features, scaling = self.dictionary.values(panel, origins)
        base, addends = integrated_gradients(self._parameters(), self.state.inputs.make(features)[:, None])
        wide = Scaling(*(np.broadcast_to(part[:, None], base.shape[:3]) for part in (scaling.center, scaling.scale)))
        constant, shared = share_out(wide, base, addends)
        cut = wide.inverse(self._bound(base + addends.sum(axis=-1))) - constant - shared.sum(axis=-1)
        terms = (*(Term(f.name, f.variable) for f in self.dictionary.features), Term("constant", ""), Term("bound", ""))
        parts = np.concatenate([shared, constant[..., None], cut[..., None]], axis=-1)
        return Contributions(terms=terms, addends=parts.mean(axis=1))

    def offsets(self) -> tuple[Offset, ...]:
        """Return what the features look at, from the row that an update learns."""
        return self.dictionary.offsets(waiting(self.situation) * self.situation.stride)

    def importances(self) -> Mapping[str, float]:
        """Return the shares of the mean absolute slopes at the newest rows."""
        return self.dictionary.share_importance(self._slopes())

    def term_importances(self) -> tuple[tuple[Term, ...], FloatArray]:
        """Return the same by feature, alike at all steps."""
        weight = self._slopes()[None] + 1e-12
        terms = tuple(Term(feature.name, feature.variable) for feature in self.dictionary.features)
        return terms, 100.0 * weight / weight.sum()

    def _slopes(self) -> FloatArray:
        x = self.state.inputs.make(self.state.lessons.features[:, -BATCH:].astype(np.float64))[:, None]
        return mean_slope(self._parameters(), x)

    def to_document(self) -> Json:
        """Return the dictionary and the seed as JSON values, and rows and networks as arrays."""
        state = self.state
        return {
            "name": self.name,
            "situation": asdict(self.situation) | {"periods": list(self.situation.periods)},
            "dictionary": self.dictionary.to_document(),
            "seed": self.seed,
            "learned": state.learned,
            "step": state.nets.step,
            "hidden": [self.shape.first, self.shape.second],
            "lessons": {name: getattr(state.lessons, name) for name in ("features", "targets", "scale")},
            "inputs": {name: getattr(state.inputs, name) for name in ("center", "spread")},
            "nets": {name: getattr(state.nets, name) for name in ("weights", "rms")},
        }

    @classmethod
    def from_document(cls, document: Json) -> "FittedNet":
        """Return the member that `to_document` wrote."""
        lessons = Lessons(**{name: _read(document["lessons"], name) for name in ("features", "targets", "scale")})
        nets = {name: _read(document["nets"], name) for name in ("weights", "rms")}
        inputs = Inputs(**{name: from_floats(values) for name, values in document["inputs"].items()})
        dictionary = Dictionary.from_document(document["dictionary"])
        first, second = document["hidden"]
        shape = Shape(len(dictionary.features), first, second, dictionary.steps)
        state = NetState(lessons, inputs, shape, Optimiser(**nets, step=document["step"]), document["learned"])
        situation = situation_from_document(document["situation"])
        return cls(document["name"], situation, dictionary, state, seed=document["seed"])

    def _parameters(self) -> tuple[FloatArray, ...]:
        return self.shape.views(self.state.nets.weights.astype(np.float64))

    def _invert(self, z: FloatArray, scaling: Scaling) -> FloatArray:
        """Return networks' outputs of shape (S, M, O, H) in the target's unit."""
        return np.asarray(np.sinh(z) * scaling.scale[:, None, :, None] + scaling.center[:, None, :, None])

    def _bound(self, z: FloatArray) -> FloatArray:
        targets = self.state.lessons.targets
        known = np.isfinite(targets)
        low = np.min(targets, axis=(1, 2), where=known, initial=np.inf) - BEYOND
        high = np.max(targets, axis=(1, 2), where=known, initial=-np.inf) + BEYOND
        bounded = np.clip(z, low[:, None, None, None], high[:, None, None, None])
        return np.where(np.isfinite(low)[:, None, None, None], bounded, np.nan)


def _read(document: Json, name: str) -> npt.NDArray[Any]:
    return np.asarray(document[name], dtype=STORED.get(name, np.float32))
