"""Small panels that the tests of zoo, experimentation and reflection share."""

import json

import numpy as np
import pandas as pd

from loopcast.dataops.frequency import Horizon
from loopcast.dataops.table import TableSpec, Variable
from loopcast.store.array_files import join_arrays, part_arrays
from loopcast.zoo.document import zoo_from_document, zoo_to_document
from loopcast.zoo.panel import Panel, panel_from_frame
from loopcast.zoo.spec import MemberSpec, ZooSpec
from loopcast.zoo.zoo import Zoo

HOURLY = TableSpec("when", "h", "load", (Variable("load"), Variable("temp"), Variable("wind", known_ahead=True)))
PANEL = TableSpec("when", "D", "sales", (Variable("sales"),), series_keys=("shop", "item"))
LINEAR = (
    MemberSpec("seasonal_naive", {"period": 24}),
    MemberSpec("seasonal_naive", {"period": 168}),
    MemberSpec("linear"),
    MemberSpec("linear", {"half_life_origins": 60}, label="linear_recent"),
)
DAY = ZooSpec(horizon=Horizon.parse("1D"), holidays="US", n_windows=6, members=LINEAR)
WEEK = ZooSpec(horizon=Horizon.parse(7), n_windows=8)


def hourly_frame(days: int = 60, *, seed: int = 0, start: str = "2026-01-05") -> pd.DataFrame:
    """Return a daily and weekly pattern plus the wind and noise, with a known wind for one more day."""
    rng = np.random.default_rng(seed)
    n = days * 24
    when = pd.date_range(start, periods=n, freq="h", unit="us")
    wind = rng.normal(10.0, 3.0, n)
    hour, weekend = when.hour.to_numpy(), when.dayofweek.to_numpy() >= 5
    load = 100 + 30 * np.sin(hour / 24 * 2 * np.pi) - 20 * weekend + 4 * wind + rng.normal(0, 1.0, n)
    return pd.DataFrame({"when": when, "load": load, "temp": rng.normal(5.0, 2.0, n), "wind": wind})


def hourly_panel(days: int = 60, *, seed: int = 0) -> Panel:
    """Return the panel of `hourly_frame`."""
    return panel_from_frame(hourly_frame(days, seed=seed), HOURLY)


def shop_frame(*, gaps: bool = False, seed: int = 1) -> pd.DataFrame:
    """Return three daily series with two keys and lengths 140, 90 and 30; the second is constant."""
    rng = np.random.default_rng(seed)
    parts = []
    for shop, item, length, level in (("a", "x", 140, 50.0), ("a", "y", 90, 7.0), ("b", "x", 30, 200.0)):
        when = pd.date_range("2026-05-20", periods=140, freq="D", unit="us")[-length:]
        season = np.zeros(length) if item == "y" else 5.0 * (when.dayofweek.to_numpy() == 5)
        noise = np.zeros(length) if item == "y" else rng.normal(0, 1.0, length)
        parts.append(pd.DataFrame({"shop": shop, "item": item, "when": when, "sales": level + season + noise}))
    frame = pd.concat(parts, ignore_index=True).astype({"shop": "str", "item": "str"})
    if gaps:
        frame.loc[rng.choice(len(frame), 20, replace=False), "sales"] = np.nan
        frame = frame.drop(index=[20, 21, 22, 150]).reset_index(drop=True)
    return frame


def shop_panel(*, gaps: bool = False) -> Panel:
    """Return the panel of `shop_frame`."""
    return panel_from_frame(shop_frame(gaps=gaps), PANEL)


def store_and_read(zoo: Zoo) -> tuple[str, Zoo]:
    """Return a zoo's document as it is stored, and the zoo that is read from it."""
    parted, arrays = part_arrays(zoo_to_document(zoo))
    text = json.dumps(parted, allow_nan=False)
    document = json.loads(text)
    return text, zoo_from_document(join_arrays(document, arrays) if arrays else document)


def sky_frame(days: int = 200, *, seed: int = 2) -> pd.DataFrame:
    """Return a daily series that a category known ahead moves by 20, and one that is measured does not."""
    rng = np.random.default_rng(seed)
    when = pd.date_range("2026-01-05", periods=days, freq="D", unit="us")
    sky = rng.choice(["clear", "rain", "snow"], days)
    visits = 100 + 20 * (sky == "clear") - 20 * (sky == "snow") + rng.normal(0, 1, days)
    mood = rng.choice(["good", "bad"], days)
    frame = pd.DataFrame({"when": when, "visits": visits, "sky": sky, "mood": mood}).astype({"sky": "str"})
    frame.loc[[3, days // 2], "sky"] = None
    return frame.astype({"mood": "str"})


SKY = TableSpec(
    "when", "D", "visits",
    (Variable("visits"), Variable("sky", kind="category", known_ahead=True), Variable("mood", kind="category")),
)  # fmt: skip


def sky_panel(days: int = 200) -> Panel:
    """Return the panel of `sky_frame`."""
    return panel_from_frame(sky_frame(days), SKY)
