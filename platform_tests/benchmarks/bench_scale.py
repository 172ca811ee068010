"""Build, retrain and predict of panels through ModelZoo, from one series to thousands: CPU seconds and peak memory."""

import argparse
import os
import resource
import subprocess
import sys
import time
import warnings

import numpy as np
import pandas as pd

from loopcast import ModelZoo

SIZES = ((1, 17_520), (100, 17_520), (1_000, 17_520), (10_000, 1_000))
HORIZON = 24


def main(arguments: list[str] | None = None) -> None:
    """Print one line per size, each measured in a process of its own, so that the peak memory is its own."""
    parser = argparse.ArgumentParser(description=__doc__, epilog="Example: bench_scale.py --sizes 100x17520")
    parser.add_argument("--sizes", nargs="+", default=[f"{n}x{length}" for n, length in SIZES], help="SERIESxROWS")
    parser.add_argument("--here", action="store_true", help="measure one size in this process")
    options = parser.parse_args(arguments or [])
    for size in options.sizes:
        if options.here:
            measure(*map(int, size.split("x")))
        else:
            own = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
            subprocess.run([sys.executable, __file__, "--here", "--sizes", size], check=True, env=own)


def measure(n_series: int, length: int) -> None:
    """Print CPU seconds of fit, update and predict, and the peak memory."""
    y = make_panel(n_series, length + HORIZON)
    hours = y.index.get_level_values("hour")
    end = hours.max() - pd.Timedelta(hours=HORIZON)
    known, new = y[hours <= end], y[hours > end]
    marks = [time.process_time()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        zoo = ModelZoo().fit(known, fh=range(1, HORIZON + 1))
        marks.append(time.process_time())
        made = zoo.predict()
        marks.append(time.process_time())
        zoo.update(new)
        marks.append(time.process_time())
    fit, predict, update = np.diff(marks)
    naive = np.abs(new.to_numpy() - y[(hours > end - pd.Timedelta(days=7)) & (hours <= end - pd.Timedelta(days=6))])
    error = np.abs(made.to_numpy() - new.to_numpy()).mean() / naive.to_numpy().mean()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{n_series} series x {length} rows: build {fit:.2f}, retrain {update:.2f}, predict {predict:.2f} CPU s; "
        f"per series {1e3 * fit / n_series:.2f}, {1e3 * update / n_series:.2f}, {1e3 * predict / n_series:.2f} CPU ms; "
        f"peak {peak:.2f} GB; error {error:.2f} of the weekly naive's; members {', '.join(zoo.zoo_.member_names)}",
        flush=True,
    )


def make_panel(n_series: int, length: int) -> pd.DataFrame:
    """Return hourly series with days, weeks, their own levels and noise with memory."""
    rng = np.random.default_rng(0)
    hour = np.arange(length)
    shape = np.sin(2 * np.pi * hour / 24 + rng.uniform(0, 6, (n_series, 1))) * rng.uniform(1, 3, (n_series, 1))
    week = rng.uniform(0, 2, (n_series, 1)) * (hour // 24 % 7 >= 5)
    noise = np.zeros((n_series, length))
    shocks = rng.normal(0, 0.3, (n_series, length))
    for step in range(1, length):
        noise[:, step] = 0.9 * noise[:, step - 1] + shocks[:, step]
    values = rng.uniform(10, 100, (n_series, 1)) + shape - week + noise
    names = [f"s{number:05d}" for number in range(n_series)]
    times = pd.date_range("2024-01-01", periods=length, freq="h")
    index = pd.MultiIndex.from_product([names, times], names=["series", "hour"])
    return pd.DataFrame({"y": values.ravel()}, index=index)


if __name__ == "__main__":
    main(sys.argv[1:])
