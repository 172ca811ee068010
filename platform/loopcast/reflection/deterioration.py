"""Deterioration: whether production is worse than the zoo promised, beyond chance.

Here belongs the judgement of scored forecasts against the zoo's own out-of-sample errors. What follows from it is the
decision's (`loopcast.reflection.decision`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from loopcast.reflection.blocks import WHOLE, Errors, Sequences, line_up, take_blocks
from loopcast.reflection.change import Blocks, find_change, find_limit
from loopcast.reflection.concept_drift import DriftSign, find_signs
from loopcast.zoo.zoo import BinPromise

USUAL_SPREAD = 0.3  # of the logarithm of a day's mean absolute error
NAIVE_SHARE = 0.7  # of what the seasonal naives miss by more than before is not the zoo's fault; by simulation
HARDER = 3.0  # times as hard as before is all that the seasonal naives can excuse
SIGN_SHARE = 0.1  # of the rate of false alarms: seasons move the spread of errors as well
LARGEST = 3.0  # a block twenty times as bad as promised, or as good, is as bad as any


@dataclass(frozen=True)
class Limits:
    """How sure a judgement must be.

    Args:
        tolerance_pct: percent that production errors may exceed the promise before it matters, however surely.
        window: newest versions over which errors are told while nothing is worse.
        min_scored_versions: versions with scored forecasts that a judgement takes.
        false_alarms_per_year: how often a zoo that is as promised may be taken for worse.
        versions_per_year: how many versions a year has.
    """

    tolerance_pct: float = 10.0
    window: int = 14
    min_scored_versions: int = 5
    false_alarms_per_year: float = 1.0
    versions_per_year: float = 365.0


@dataclass(frozen=True)
class BinJudgement:
    """One bin of samples ahead, or `all`.

    Args:
        bin: its name.
        n: scored forecasts that the errors below are of.
        production_mae: their mean absolute error, target's unit.
        promised_mae: what the zoo promised for as many of the same bins, target's unit.
        is_worse: whether the difference is beyond chance and tolerance.
        score: how far from chance, in standard deviations; 0 where nothing is beyond the tolerance.
        since: the first version from which on it is worse; None where it is not.
    """

    bin: str
    n: int
    production_mae: float
    promised_mae: float
    is_worse: bool
    score: float = 0.0
    since: str | None = None


@dataclass(frozen=True)
class Judgement:
    """Production errors of the newest versions beside what was promised.

    Args:
        is_worse: whether they are worse than promised, beyond chance and tolerance.
        since: the first version from which on they are; None where they are not.
        scored_versions: versions with scored forecasts that the errors below are of.
        production_mae: mean absolute error since then, else over the window, target's unit; None: nothing scored.
        promised_mae: the promise for the same bins, target's unit; None: there is none.
        score: how far the worst bin is from chance, in standard deviations; 0 where nothing is beyond the tolerance,
            None where it cannot be told.
        limit: what it must not exceed.
        bins: the same per bin, `all` first.
        signs: how errors differ from those of the backtest, whether or not they are worse.
        data_drift: variables whose own values are not as they were.
    """

    is_worse: bool = False
    since: str | None = None
    scored_versions: int = 0
    production_mae: float | None = None
    promised_mae: float | None = None
    score: float | None = None
    limit: float | None = None
    bins: tuple[BinJudgement, ...] = ()
    signs: tuple[DriftSign, ...] = ()
    data_drift: tuple[str, ...] = ()

    @property
    def excess_pct(self) -> float | None:
        """By how many percent production exceeds the promise."""
        if self.production_mae is None or not self.promised_mae:
            return None
        return 100.0 * (self.production_mae / self.promised_mae - 1.0)

    def explain(self) -> str:
        """Return in one line what was found: how errors compare, since when, where, and what has changed beside them.

        Examples:
            >>> Judgement(True, "v00000031", 4, 3.0, 2.0, 4.1, 3.0).explain()
            'worse than promised since v00000031: MAE 3 over 4 versions, promised 2 (+50 %), score 4.1 of at most 3'
        """
        if self.production_mae is None or self.promised_mae is None or self.excess_pct is None:
            return "nothing to judge: no forecast of the zoo in force has met its actuals yet"
        head = f"worse than promised since {self.since}" if self.is_worse else "as promised"
        found = f"MAE {self.production_mae:.4g} over {self.scored_versions} versions"
        score = "" if self.limit is None else f", score {self.score:.2g} of at most {self.limit:.3g}"
        line = f"{head}: {found}, promised {self.promised_mae:.4g} ({self.excess_pct:+.0f} %){score}"
        return "; ".join([line, *self.list_changes()])

    def list_changes(self) -> list[str]:
        """Return in words what may say why: the bins that are worse, signs of concept drift, data drift."""
        bins = [row.bin for row in self.bins[1:] if row.is_worse]
        changes = [f"bins {', '.join(bins)}"] if bins else []
        changes += [sign.explain() for sign in self.signs if sign.is_beyond]
        return changes + ([f"data drift in {', '.join(self.data_drift)}"] if self.data_drift else [])

    def to_dict(self) -> dict[str, Any]:
        """Return the judgement in JSON's own types."""
        told = {**asdict(self), "excess_pct": self.excess_pct, "data_drift": list(self.data_drift)}
        return {**told, "bins": [asdict(row) for row in self.bins], "signs": [asdict(row) for row in self.signs]}


def judgement_from_dict(told: Mapping[str, Any]) -> Judgement:
    """Return the judgement that `to_dict` has written down.

    Examples:
        >>> judgement_from_dict(Judgement(True, "v00000003", 9, 2.0, 1.0).to_dict()).excess_pct
        100.0
    """
    bins = tuple(BinJudgement(**row) for row in told["bins"])
    signs = tuple(DriftSign(**row) for row in told["signs"])
    plain = {name: value for name, value in told.items() if name not in ("bins", "signs", "data_drift", "excess_pct")}
    return Judgement(**plain, bins=bins, signs=signs, data_drift=tuple(told["data_drift"]))


def judge(
    cells: pd.DataFrame,
    promise: Sequence[BinPromise],
    limits: Limits | None = None,
    *,
    reference: pd.DataFrame,
) -> Judgement:
    """Return whether the newest scored forecasts are worse than promised.

    A forecast is a block, and its number the logarithm of its mean absolute error over what was promised for the same
    cells, less a share of that by which the seasonal naives miss more than they did: days that are harder for anybody
    (a season, a holiday) are not the zoo's fault alone.
    Chance is told by how the blocks of the zoo's own backtest differ, and by how often the question is asked.

    Args:
        cells: scored forecasts of the zoo in force: `forecast_version`, `timestamp`, `samples_ahead`, `bin`, `error`,
            the series keys, and `naive_error` where it is known.
        promise: of the zoo in force.
        limits: how sure it must be.
        reference: the zoo's own out-of-sample errors, from which chance is calibrated: the backtest of its build
            (`loopcast.schemas.backtest_schema`), of which the combination and the seasonal naives count; empty where
            there is none.

    References:
        See `loopcast.reflection.change.find_change`.
    """
    limits = limits or Limits()
    if cells.empty or not promise:
        return Judgement()
    sequences = line_up(cells, promise, reference)
    after = sequences.after
    if not len(after.error):
        return Judgement()
    rate = limits.false_alarms_per_year / limits.versions_per_year
    bins = [str(name) for name in dict.fromkeys(after.bin)]
    asked = [WHOLE, *bins] if len(bins) > 1 else [WHOLE]
    limit = find_limit(rate / len(asked))
    judged = tuple(_judge_bin(name, sequences, promise, limits, limit=limit) for name in asked)
    signs = find_signs(sequences, rate=SIGN_SHARE * rate)
    return replace(_sum_up(judged, after, limits), limit=limit, signs=signs)


def _sum_up(bins: tuple[BinJudgement, ...], after: Errors, limits: Limits) -> Judgement:
    """Return the judgement over all bins, of which the worst speaks for all."""
    worse = [row for row in bins if row.is_worse]
    since = min((row.since for row in worse if row.since is not None), default=None)
    told = after.since(since or _first_of_window(after, limits))
    return Judgement(
        is_worse=bool(worse),
        since=since,
        scored_versions=int((told.counts > 0).sum()),
        production_mae=float(np.abs(told.error).mean()),
        promised_mae=float(told.expected.mean()),
        score=max(row.score for row in bins),
        bins=bins,
    )


def _first_of_window(after: Errors, limits: Limits) -> str:
    """Return the first version of the window."""
    return after.names[int(np.flatnonzero(after.counts > 0)[-limits.window :][0])]


def _judge_bin(
    name: str, sequences: Sequences, promise: Sequence[BinPromise], limits: Limits, *, limit: float
) -> BinJudgement:
    """Return the judgement of one bin."""
    before, after = (
        errors if name == WHOLE else errors.select(errors.bin == name) for errors in (sequences.before, sequences.after)
    )
    comparable = np.isfinite(before.naive).any() and np.isfinite(after.naive).any()
    usual = float(np.nanmean(before.naive)) if comparable else float("nan")
    blocks, names = _weigh(after, usual_naive=usual)
    known = _weigh(before, usual_naive=usual)[0] if len(before.error) else _trust(promise, name, after)
    least = float(np.log1p(limits.tolerance_pct / 100.0))
    change = find_change(known, blocks, usual_spread=USUAL_SPREAD, least=least)
    since = names[change.first] if change is not None else None
    told = after.since(since or _first_of_window(after, limits))
    found, due = float(np.abs(told.error).mean()), float(told.expected.mean())
    is_worse = (
        change is not None
        and change.score > limit
        and int((after.counts > 0).sum()) >= limits.min_scored_versions
        and found > due * (1.0 + limits.tolerance_pct / 100.0)
    )
    score = max(0.0, change.score) if change is not None else 0.0
    return BinJudgement(name, len(told.error), found, due, is_worse, score, since if is_worse else None)


def _weigh(errors: Errors, *, usual_naive: float) -> tuple[Blocks, list[str]]:
    """Return by how much each block's errors exceed what was expected, as logarithms.

    Args:
        errors: of one bin.
        usual_naive: error of the seasonal naives in the backtest, target's unit; NaN: not to be compared with.
    """
    size, expected = errors.mean(np.abs(errors.error)), errors.mean(errors.expected)
    least = max(float(np.nanmax(expected)), float(np.nanmax(size))) * np.exp(-2.0 * LARGEST)
    if least <= 0.0:  # all forecasts are exact, as was promised
        return take_blocks(errors, size)
    ratio = np.log(np.maximum(size, least) / np.maximum(expected, least))
    if usual_naive > 0.0:
        harder = np.clip(errors.mean(errors.naive) / usual_naive, 1.0 / HARDER, HARDER)
        ratio = ratio - NAIVE_SHARE * np.nan_to_num(np.log(harder))
    return take_blocks(errors, np.clip(ratio, -LARGEST, LARGEST))


def _trust(promise: Sequence[BinPromise], name: str, after: Errors) -> Blocks:
    """Return the promise as one block that stands for as many as it was made on, where no backtest is known.

    The mean logarithm of errors lies below the logarithm of their mean by half their variance.
    """
    n = next((row.n for row in promise if row.bin == name), 1)
    usual = max(1.0, float(np.median(after.counts[after.counts > 0])))
    return Blocks(np.array([-0.5 * USUAL_SPREAD**2]), np.array([max(1.0, n / usual)]))
