"""M4 Hourly through ModelZoo: 414 series of integer time, 48 steps ahead, defaults only.

The data (`m4/hourly.parquet` in the folder LOOPCAST_BENCH_DATA) are those of Makridakis, Spiliotis and Assimakopoulos
(2020), The M4 Competition, with its measures: sMAPE, MASE, their mean relative to Naive2 (OWA), MSIS and coverage at
95 %.
"""

import argparse
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from bench_data import find_data
from history import keep
from peers import boost_on_lags

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
    peer = measure_peer(y, actual)
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
        figures = {**asdict(found), "cpu_s": spent - begun}
        keep(f"m4_hourly_{len(actual)}_series", figures, now=datetime.now(UTC), cpu_s=spent - begun, peer=peer)


def measure_peer(y: pd.DataFrame, actual: np.ndarray) -> dict[str, float]:
    """Return the scores and CPU seconds of one LightGBM on lags; it has no intervals."""
    begun = time.process_time()
    point = boost_on_lags(
        [values.to_numpy() for _, values in y.groupby(level=0, sort=False)["y"]], HORIZON, season=PERIOD
    )
    spent = time.process_time() - begun
    found = score(y, actual, point.reshape(-1, 1), np.repeat(point.reshape(-1, 1), 2, axis=1))
    return {"smape": found.smape, "mase": found.mase, "owa": found.owa, "cpu_s": spent}


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
