"""Day-ahead electricity prices through ModelZoo: every midnight the next 24 hours, then the day's retrain.

The data (`epf/NP.csv.gz`, ... in the folder LOOPCAST_BENCH_DATA) are Lago et al. (2021), Zenodo 4624805. Prices are
known up to the day before, both predictors for the whole target day; the test is the last 728 days.
"""

import argparse
import time
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from bench_data import find_data
from history import keep

from loopcast import ModelZoo

TEST_DAYS, HOURS = 728, 24
LEVELS = (50, 80, 90, 95)
REFERENCES = {"NP": (1.55, 1.631, 1.577), "DE": (3.20, 3.330, 3.263)}  # goal, published ensembles, trial recipe


def main(arguments: list[str] | None = None) -> None:
    """Print the mean absolute error, CPU seconds and the intervals' coverage and width, per market and seed."""
    options = parse(arguments)
    data = find_data("epf")
    for market in options.markets if data else ():
        frame = pd.read_csv(data / f"{market}.csv.gz", parse_dates=["date"], index_col="date").asfreq("h")
        for seed in range(options.seeds):
            report(market, seed, *play(frame, options.days, seed))


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__, epilog="Example: run.py epf -- --markets NP --days 60")
    parser.add_argument("--markets", nargs="+", default=["NP", "DE"], help="names of files in epf/")
    parser.add_argument("--days", type=int, default=TEST_DAYS, help="only the first so many days of the test")
    parser.add_argument("--seeds", type=int, default=3, help="how many seeds")
    return parser.parse_args(arguments or [])


def play(frame: pd.DataFrame, days: int, seed: int) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Return actuals (days, 24), quantiles (days, 24, K), and CPU seconds of the build and of a day.

    Args:
        frame: price first, then the predictors.
        days: days to forecast.
        seed: of the zoo.
    """
    y, x = frame.iloc[:, 0], frame.iloc[:, 1:]
    start = len(frame) - TEST_DAYS * HOURS
    begun = time.process_time()
    zoo = ModelZoo(random_state=seed).fit(y[:start], X=x[:start], fh=range(1, HOURS + 1))
    built = time.process_time()
    made = []
    for first in range(start, start + days * HOURS, HOURS):
        day = slice(first, first + HOURS)
        point = zoo.predict(X=x[day])
        ends = zoo.predict_interval(X=x[day], coverage=[level / 100 for level in LEVELS])
        made.append(np.column_stack([point, ends]))
        zoo.update(y[day], X=x[day])
    spent = time.process_time() - built
    actual = y.to_numpy()[start : start + days * HOURS].reshape(days, HOURS)
    return actual, np.stack(made), built - begun, spent / days


def report(market: str, seed: int, actual: np.ndarray, made: np.ndarray, build_s: float, day_s: float) -> None:
    """Print one line of errors and one of intervals."""
    error = np.abs(actual - made[..., 0])
    goal, published, trial = REFERENCES.get(market, (np.nan, np.nan, np.nan))
    print(
        f"{market} seed {seed}, {len(actual)} days: MAE {error.mean():.3f} "
        f"(goal {goal:.2f}, published {published:.3f}, trial {trial:.3f}), "
        f"build {build_s:.1f} CPU s, {day_s:.3f} CPU s a day"
    )
    for number, level in enumerate(LEVELS):
        lower, upper = made[..., 1 + 2 * number], made[..., 2 + 2 * number]
        inside = ((actual >= lower) & (actual <= upper)).mean()
        print(f"  {level} %: covers {100 * inside:.1f} %, mean width {(upper - lower).mean():.2f}")
    coverage = [
        ((actual >= made[..., 1 + 2 * k]) & (actual <= made[..., 2 + 2 * k])).mean() for k in range(len(LEVELS))
    ]
    figures = {"mae": error.mean(), "build_cpu_s": build_s, "day_cpu_s": day_s}
    figures |= {f"coverage_{level}": share for level, share in zip(LEVELS, coverage, strict=True)}
    name = f"epf_{market}_{len(actual)}_days_seed_{seed}"
    keep(name, figures, now=datetime.now(UTC), cpu_s=build_s + len(actual) * day_s, peer={"mae": published})


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
