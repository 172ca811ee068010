"""Deterioration: false alarms a year while nothing changes, and power and delay on planted changes.

Real zoos of quick members are built, then retrained, asked and judged every day. The test's constants were chosen on
other seeds (100 to 109), on EPF NP and DE and on the demo; the seeds here were looked at only to be reported.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pandas as pd
from bench_data import find_data
from history import keep
from scipy.signal import lfilter

from loopcast.dataops.frequency import Horizon
from loopcast.dataops.table import TableSpec, Variable
from loopcast.experimentation.backtest import backtest
from loopcast.reflection.change import Blocks, find_change, find_limit
from loopcast.reflection.deterioration import Judgement, judge
from loopcast.zoo.build import build_zoo
from loopcast.zoo.panel import Panel, panel_from_frame
from loopcast.zoo.predict import predict
from loopcast.zoo.retrain import retrain
from loopcast.zoo.spec import MemberSpec, ZooSpec
from loopcast.zoo.zoo import BinPromise, Zoo

Floats = npt.NDArray[np.float64]

HOURS, WARM_UP, LOOK_BACK, WINDOW = 24, 120, 100, 60  # days, days, days, versions
NAIVES = (MemberSpec("seasonal_naive", {"period": 24}), MemberSpec("seasonal_naive", {"period": 168}))
MEMBERS = (*NAIVES, MemberSpec("linear"))
PHIS = (0.0, 0.5, 0.9)
BEFORE, DELAYS = 14, (14, 28, 56)
TABLE = TableSpec("when", "h", "load", (Variable("load"), Variable("temp", known_ahead=True)))
FIRST_SEED = 1_000
QUIET = 14  # versions without an alarm after which the next one is another


@dataclass(frozen=True)
class World:
    """A series with daily, weekly and yearly cycles, holidays, and heavy-tailed AR noise that is larger in winter.

    Args:
        phi: of the noise, from hour to hour.
        seed: of everything.
        days: its length.
        change_at: day from which on the following hold.
        level: shift of the target, in standard deviations of the noise.
        variance: factor of the noise's variance.
        is_dead: the predictor stands still.
    """

    phi: float
    seed: int
    days: int
    change_at: int = 1_000_000
    level: float = 0.0
    variance: float = 1.0
    is_dead: bool = False

    def make(self) -> pd.DataFrame:
        """Return the columns of `TABLE`."""
        rng, n = np.random.default_rng(self.seed), HOURS * self.days
        when = pd.date_range("2024-01-01", periods=n, freq="h", unit="us") + pd.Timedelta(days=int(rng.integers(365)))
        hour, year = when.hour.to_numpy(), 2 * np.pi * when.dayofyear.to_numpy() / 365.25
        noise = lfilter([np.sqrt(1 - self.phi**2)], [1, -self.phi], rng.standard_t(5, size=n) * np.sqrt(0.6))
        spread = 4.0 * (1 + 0.3 * np.cos(year)) * (1 + 0.3 * np.sin(2 * np.pi * (hour - 6) / HOURS))
        temp = 10 - 10 * np.cos(year) + lfilter([0.2], [1, -0.98], rng.normal(size=n))
        load = 100 + 20 * np.sin(2 * np.pi * (hour - 7) / HOURS) - 15 * (when.dayofweek >= 5) + 10 * np.cos(year)
        holidays = rng.choice(self.days, size=self.days * 11 // 365, replace=False)
        day = np.arange(n) // HOURS
        later = day >= self.change_at
        noise = noise * np.where(later, np.sqrt(self.variance), 1.0)
        load = load + 1.5 * temp + spread * noise - 12 * np.isin(day, holidays) + 4.0 * self.level * later
        if self.is_dead and later.any():
            temp = np.where(later, temp[int(np.argmax(later))], temp)
        return pd.DataFrame({"when": when, "load": load, "temp": temp})


@dataclass(frozen=True, eq=False)
class Day:
    """A version: its forecast with the actuals that came later, and what the zoo in force had promised."""

    cells: pd.DataFrame
    promise: tuple[BinPromise, ...]
    reference: pd.DataFrame
    born: int


def main(arguments: list[str] | None = None) -> None:
    """Print the tables."""
    options = parse(arguments)
    parts: dict[str, Callable[[], None]] = {
        "processes": lambda: report_processes(options.years),
        "quiet": lambda: report_quiet(options.years),
        "real": report_real,
        "power": lambda: report_power(options.series),
    }
    for part in options.parts or parts:
        parts[part]()


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__, epilog="Example: bench_deterioration.py --parts power")
    parser.add_argument("--parts", nargs="+", choices=("processes", "quiet", "real", "power"), help="default: all")
    parser.add_argument("--years", type=int, default=20, help="drift-free years of each kind")
    parser.add_argument("--series", type=int, default=8, help="series per planted change and phi")
    return parser.parse_args(arguments or [])


def play(frame: pd.DataFrame, table: TableSpec, *, start: int, days: int, rebuild: int | None) -> Iterator[Day]:
    """Yield version after version: retrained and asked every day, built anew every so often."""
    spec = ZooSpec(horizon=Horizon.parse("1D"), n_windows=28, members=MEMBERS)
    zoo: Zoo | None = None
    for day in range(start, start + days):
        if zoo is None or (rebuild and (day - start) % rebuild == 0):
            panel = view(frame, table, day, start)
            tested = backtest(panel, spec)
            zoo, reference, born = build_zoo(panel, spec, rolling=tested.rolling), tested.cells, day
        panel = view(frame, table, day, LOOK_BACK)
        zoo = retrain(zoo, panel)
        made = predict(zoo, panel)
        actual = frame[[table.timestamp, table.target]].set_axis(["timestamp", "actual"], axis=1)
        cells = made.forecasts.merge(actual.dropna(), on="timestamp")
        naive = made.members[made.members["member"].str.startswith("seasonal_naive")].merge(actual, on="timestamp")
        size = (naive["actual"] - naive["forecast"]).abs().groupby(naive["timestamp"]).mean()
        cells = cells.assign(
            forecast_version=f"v{day:08d}",
            error=cells["actual"] - cells["forecast"],
            naive_error=cells["timestamp"].map(size),
        )
        yield Day(cells, zoo.promise, reference, born)


def view(frame: pd.DataFrame, table: TableSpec, day: int, days: int) -> Panel:
    """Return what was known in the evening before a day: so many days, and the predictors of the day itself."""
    known = frame.iloc[HOURS * max(0, day - days) : HOURS * (day + 1)].copy()
    ahead = {v.name for v in table.variables if v.known_ahead}
    blind = [name for name in known.columns if name not in {table.timestamp, *ahead}]
    known.iloc[-HOURS:, [known.columns.get_loc(name) for name in blind]] = np.nan
    return panel_from_frame(known, table)


def judge_all(days: list[Day]) -> list[Judgement]:
    """Return the judgement after each version, of the zoo in force, on at most the newest sixty."""
    made = []
    for number, day in enumerate(days):
        newest = [one.cells for one in days[max(0, number - WINDOW + 1) : number + 1] if one.born == day.born]
        made.append(judge(pd.concat(newest), day.promise, reference=day.reference))
    return made


def count_alarms(judgements: list[Judgement]) -> int:
    """Return how many times an alarm began; one that comes back within `QUIET` versions is the same."""
    alarms, since = 0, QUIET
    for judgement in judgements:
        alarms += judgement.is_worse and since >= QUIET
        since = 0 if judgement.is_worse else since + 1
    return alarms


def report_quiet(years: int) -> None:
    """Print false alarms of real zoos on drift-free series."""
    for rebuild in (28, None):
        judgements, alarms, signs, spent = 0, 0, 0, 0.0
        by_phi = dict.fromkeys(PHIS, 0)
        for number in range(years):
            phi = PHIS[number % len(PHIS)]
            frame = World(phi, FIRST_SEED + number, WARM_UP + 366).make()
            days = list(play(frame, TABLE, start=WARM_UP, days=365, rebuild=rebuild))
            began = time.process_time()
            found = judge_all(days)
            spent += time.process_time() - began
            judgements, alarms = judgements + len(found), alarms + count_alarms(found)
            by_phi[phi] += count_alarms(found)
            signs += sum(any(sign.is_beyond for sign in one.signs) for one in found)
        words = f"rebuilt every {rebuild} days" if rebuild else "never rebuilt"
        print(
            f"{words}: {alarms} false alarms in {years} years, {alarms / years:.2f} a year "
            f"(by phi: {', '.join(f'{phi:g} {n}' for phi, n in by_phi.items())}); a sign of drift on "
            f"{100 * signs / judgements:.1f} % of versions; {1000 * spent / judgements:.1f} CPU ms a judgement",
            flush=True,
        )
        figures = {"false_alarms_per_year": alarms / years}
        keep(f"deterioration_quiet_{rebuild or 'never'}_{years}", figures, now=datetime.now(UTC), cpu_s=spent)


def report_real() -> None:
    """Print alarms on real data, rebuilt every 28 days; whether something had happened nobody has written down."""
    data = find_data("epf")
    for market in ("NP", "DE") if data else ():
        frame = pd.read_csv(data / f"{market}.csv.gz", parse_dates=["date"], index_col="date").asfreq("h")
        frame = frame.set_axis(["load", "a", "b"], axis=1).reset_index(names="when")
        variables = (Variable("load"), Variable("a", known_ahead=True), Variable("b", known_ahead=True))
        table, start = TableSpec("when", "h", "load", variables), len(frame) // HOURS - 729
        found = judge_all(list(play(frame, table, start=start, days=728, rebuild=28)))
        told = [one.explain().split(":")[0] for one in found if one.is_worse]
        print(f"EPF {market}, 728 days: {count_alarms(found)} alarms; {sorted(set(told))}", flush=True)


def report_power(series: int) -> None:
    """Print how often, and how soon, planted changes are named."""
    print(
        f"\nnamed within {DELAYS} versions, percent of {series} series, and median delay of those named in {DELAYS[-1]}"
    )
    print(f"{'planted':<28}" + "".join(f"{f'phi {phi:g}':>24}" for phi in PHIS))
    grown = {f"errors of the zoo +{pct} %": 1.0 + pct / 100.0 for pct in (10, 20, 50)}
    base = {phi: [_play_change(World(phi, FIRST_SEED + 500 + n, 0)) for n in range(series)] for phi in PHIS}
    for name, factor in grown.items():
        delays = {
            phi: [_delay([_grow(day, factor, n) for n, day in enumerate(days)]) for days in base[phi]] for phi in PHIS
        }
        _print_power(name, delays)
    planted = {
        "level + 1 sd": {"level": 1.0},
        "level + 3 sd": {"level": 3.0},
        "variance of the noise x 1.5": {"variance": 1.5},
        "variance of the noise x 4": {"variance": 4.0},
        "dead predictor": {"is_dead": True},
    }
    for name, change in planted.items():
        worlds = {phi: [replace(World(phi, FIRST_SEED + 500 + n, 0), **change) for n in range(series)] for phi in PHIS}
        _print_power(name, {phi: [_delay(_play_change(world)) for world in worlds[phi]] for phi in PHIS})


def _play_change(world: World) -> list[Day]:
    """Return the versions of a world that changes `BEFORE` versions after its zoo was built."""
    days = BEFORE + DELAYS[-1]
    frame = replace(world, days=WARM_UP + days + 1, change_at=WARM_UP + BEFORE).make()
    return list(play(frame, TABLE, start=WARM_UP, days=days, rebuild=None))


def _grow(day: Day, factor: float, number: int) -> Day:
    return day if number < BEFORE else replace(day, cells=day.cells.assign(error=factor * day.cells["error"]))


def _delay(days: list[Day]) -> tuple[int, int]:
    """Return after how many versions the alarm, and any sign of drift, came; 0 where it did not."""
    found = judge_all(days)[BEFORE:]
    alarm = next((number for number, one in enumerate(found, 1) if one.is_worse), 0)
    signs = ((number, one) for number, one in enumerate(found, 1) if any(sign.is_beyond for sign in one.signs))
    return alarm, next((number for number, _ in signs), 0)


def _print_power(name: str, delays: dict[float, list[tuple[int, int]]]) -> None:
    for part, words in enumerate(("", "  ... a sign of drift")):
        line = f"{words or name:<28}"
        for phi in PHIS:
            found = [one[part] for one in delays[phi]]
            shares = "/".join(f"{100 * np.mean([0 < delay <= most for delay in found]):.0f}" for most in DELAYS)
            named = [delay for delay in found if delay]
            line += f"{f'{shares}, {np.median(named):.0f}' if named else shares:>24}"
        print(line, flush=True)


def report_processes(years: int) -> None:
    """Print false alarms on simulated blocks themselves: fifty times as many years."""
    limit, n = find_limit(1.0 / 365.0), 365 * 50 * years // len(PHIS)
    alarms = {}
    for rho in (0.0, 0.2, 0.4):
        noise = np.random.default_rng(FIRST_SEED).standard_t(5, size=n) * np.sqrt(0.6)
        values = 0.3 * lfilter([np.sqrt(1 - rho**2)], [1, -rho], noise)
        alarms[rho] = _walk(values, limit) / (n / 365)
    told = ", ".join(f"rho {rho:g} {rate:.2f}" for rho, rate in alarms.items())
    print(f"simulated blocks (heavy tails, 28 in the reference, 28 versions a zoo), false alarms a year: {told}")


def _walk(values: Floats, limit: float) -> int:
    """Return how many alarms there are when each zoo lives for 28 blocks, after 28 of reference, or until its alarm."""
    alarms, origin = 0, 28
    for end in range(31, len(values)):
        if end - origin >= 28:
            origin = end
        after = values[origin : end + 1]
        before = Blocks(values[origin - 28 : origin], np.ones(28))
        change = find_change(before, Blocks(after, np.ones(len(after))), usual_spread=0.3, least=np.log(1.1))
        if change is not None and change.score > limit:
            alarms, origin = alarms + 1, end + 1
    return alarms


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
