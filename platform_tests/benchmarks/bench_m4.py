"""M4 Hourly through ModelZoo: 414 series of integer time, 48 steps ahead, defaults only.

The data (`m4/hourly.parquet` in the folder LOOPCAST_BENCH_DATA) are those of Makridakis, Spiliotis and Assimakopoulos
(2020), The M4 Competition, with its measures: sMAPE, MASE, their mean relative to Naive2 (OWA), MSIS and coverage at
95 %.
"""

import argparse
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
from bench_data import find_data

from loopcast import ModelZoo

HORIZON, PERIOD, LEVEL = 48, 24, 0.95
NAIVE2 = (18.383, 2.395)


@dataclass(frozen=True, eq=False)
class Scores:
    """Means over all series; coverage in percent."""

    smape: float
    mase: float
    owa: float
    msis: float
    coverage_pct: float


def main(arguments: list[str] | None = None) -> None:
    """Print scores and CPU seconds of a build and a forecast of all series, per seed."""
    parser = argparse.ArgumentParser(description=__doc__, epilog="Example: bench_m4.py --series 50")
    parser.add_argument("--series", type=int, default=None, help="only the first so many")
    parser.add_argument("--seeds", type=int, default=3, help="how many seeds")
    options = parser.parse_args(arguments or [])
    data = find_data("m4")
    if data is None:
        return
    y, actual = read_hourly(pd.read_parquet(data / "hourly.parquet"), options.series)
    for seed in range(options.seeds):
        begun = time.process_time()
        zoo = ModelZoo(random_state=seed).fit(y, fh=range(1, HORIZON + 1))
        built = time.process_time()
        point, ends = zoo.predict(), zoo.predict_interval(coverage=LEVEL)
        spent = time.process_time()
        found = score(y, actual, point.to_numpy(), ends.to_numpy())
        print(
            f"seed {seed}, {len(actual)} series: OWA {found.owa:.4f} (goal .365, best published .410), "
            f"sMAPE {found.smape:.3f}, MASE {found.mase:.3f}, MSIS {found.msis:.2f} (goal 5.5), "
            f"95 % covers {found.coverage_pct:.1f} %, "
            f"fit {built - begun:.1f} + predict {spent - built:.1f} CPU s, members {', '.join(zoo.zoo_.member_names)}"
        )


def read_hourly(table: pd.DataFrame, n_series: int | None) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the training part as a panel of integer time, and the actuals of shape (series, 48)."""
    names = table["unique_id"].unique()[:n_series]
    table = table[table["unique_id"].isin(names)].sort_values(["unique_id", "ds"], kind="stable")
    test = table["split"] == "test"
    train = table[~test].set_index(["unique_id", "ds"])[["y"]]
    return train, table.loc[test, "y"].to_numpy().reshape(-1, HORIZON)


def score(y: pd.DataFrame, actual: np.ndarray, point: np.ndarray, ends: np.ndarray) -> Scores:
    """Return the competition's measures.

    Args:
        y: training panel.
        actual: shape (series, 48).
        point: forecasts, series by series, shape (series * 48, 1).
        ends: lower and upper ends, shape (series * 48, 2).
    """
    forecast = point.reshape(actual.shape)
    lower, upper = ends[:, 0].reshape(actual.shape), ends[:, 1].reshape(actual.shape)
    groups = y.groupby(level=0, sort=False)["y"]
    scale = groups.apply(lambda values: np.abs(values.to_numpy()[PERIOD:] - values.to_numpy()[:-PERIOD]).mean())
    scale = scale.to_numpy()[:, None]
    smape = float((200 * np.abs(actual - forecast) / (np.abs(actual) + np.abs(forecast))).mean())
    mase = float((np.abs(actual - forecast) / scale).mean())
    tail = 2 / (1 - LEVEL)
    missed = np.maximum(lower - actual, 0) + np.maximum(actual - upper, 0)
    return Scores(
        smape=smape,
        mase=mase,
        owa=(smape / NAIVE2[0] + mase / NAIVE2[1]) / 2,
        msis=float(((upper - lower + tail * missed) / scale).mean()),
        coverage_pct=float(100 * ((actual >= lower) & (actual <= upper)).mean()),
    )


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
