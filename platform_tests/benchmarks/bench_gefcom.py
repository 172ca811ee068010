"""Hourly load a month ahead (GEFCom2014-L, tasks 4-9) through ModelZoo: 99 quantiles, no weather of the target month.

The data (`gefcom2014_load/` in the folder LOOPCAST_BENCH_DATA) are Hong et al. (2016), International Journal of
Forecasting 32(3). Each task forecasts one month from the load before it; timestamps mark the end of their hour.
"""

import time
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from bench_data import find_data
from history import keep

from loopcast import ModelZoo
from loopcast.zoo.measures import interval_coverage, pinball_loss

PROBABILITIES = np.arange(1, 100) / 100.0
YEAR = 2011
BEST = {4: 10.44, 5: 8.91, 6: 7.39, 7: 4.26, 8: 5.39, 9: 6.19}  # of all teams, per task
BENCHMARK = {4: 18.74, 5: 22.76, 6: 13.22, 7: 8.36, 8: 10.92, 9: 16.99}  # the organisers'


def main() -> None:
    """Print the pinball loss per task, next to the best of each task and the organisers' benchmark."""
    data = find_data("gefcom2014_load")
    if data is None:
        return
    frame = pd.read_parquet(data / "gefcom2014_l_until_2011-06.parquet")
    frame = frame.set_index(pd.DatetimeIndex(frame.pop("timestamp")) - pd.Timedelta(hours=1)).asfreq("h")
    load, weather = frame["load"], frame.drop(columns="load").mean(axis=1).to_frame("temperature")
    print(f"{'task':>4}{'month':>9}{'pinball':>9}{'best':>7}{'bench':>7}{'MAE':>7}{'80 %':>7}{'98 %':>7}{'CPU s':>7}")
    rows = [play(load, weather, task) for task in BEST]
    mean = np.mean([row[0] for row in rows])
    best, bench = np.mean(list(BEST.values())), np.mean(list(BENCHMARK.values()))
    print(f"mean {mean:.2f}; mean of the best of each task {best:.2f}, of the organisers' benchmark {bench:.2f}")
    ahead = sum(row[0] < BEST[task] for row, task in zip(rows, BEST, strict=True))
    print(f"better than the best of all teams in {ahead} of {len(rows)} tasks")
    figures = {f"pinball_task_{task}": row[0] for task, row in zip(BEST, rows, strict=True)}
    peer = {"mean_pinball": bench, "mean_pinball_best_per_task": best}
    cpu_s = sum(row[1] for row in rows)
    keep("gefcom2014_load", {"mean_pinball": mean, **figures}, now=datetime.now(UTC), cpu_s=cpu_s, peer=peer)


def play(load: pd.Series, weather: pd.DataFrame, task: int) -> tuple[float, float]:
    """Print and return a task's pinball loss and CPU seconds."""
    start = pd.Timestamp(YEAR, task - 3, 1)
    actual = load[start : start + pd.offsets.MonthEnd(1) + pd.Timedelta(hours=23)]
    begun = time.process_time()
    known = slice(None, start - pd.Timedelta(hours=1))
    zoo = ModelZoo(holidays="US", measured=["temperature"])
    zoo.fit(load[known], X=weather[known], fh=np.arange(1, len(actual) + 1))
    y_true, quantiles = actual.to_numpy(), zoo.predict_quantiles(alpha=PROBABILITIES.tolist()).to_numpy()
    error = np.abs(y_true - zoo.predict().to_numpy()).mean()
    spent = time.process_time() - begun
    loss = pinball_loss(y_true, quantiles, PROBABILITIES)
    ends = ((quantiles[:, 9], quantiles[:, 89]), (quantiles[:, 0], quantiles[:, 98]))
    inside = [interval_coverage(y_true, lower, upper) for lower, upper in ends]
    print(
        f"{task:>4}{start.strftime('%Y-%m'):>9}{loss:>9.2f}{BEST[task]:>7.2f}{BENCHMARK[task]:>7.2f}{error:>7.1f}"
        f"{inside[0]:>7.1f}{inside[1]:>7.1f}{spent:>7.1f}",
        flush=True,
    )
    return loss, spent


if __name__ == "__main__":
    main()
