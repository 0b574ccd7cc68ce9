"""Shops by month, one of which got a second till; the same as regions rolled out one after the other."""

import numpy as np
import pyarrow as pa

MONTHS = np.arange(np.datetime64("2024-01"), np.datetime64("2026-01"))


def shops():
    """24 shops for 24 months; Lakeside got its till in July 2025, and waiting fell by 1.5 minutes."""
    random = np.random.default_rng(7)
    names = ["Lakeside", *(f"Shop {i:02d}" for i in range(1, 24))]
    common = np.cumsum(random.normal(0, 0.15, (2, 24)), axis=1)
    load = random.normal(1, 0.4, (24, 2))
    wait = 6 + random.normal(0, 1, (24, 1)) + load @ common + random.normal(0, 0.25, (24, 24))
    wait[0, 18:] -= 1.5
    return pa.table(
        {
            "shop": np.repeat(names, 24),
            "month": np.tile(MONTHS.astype(str), 24),
            "minutes": wait.ravel().round(3),
            "second_till": (np.repeat(np.arange(24) == 0, 24) & (np.tile(np.arange(24), 24) >= 18)).astype(int),
        }
    )


def regions():
    """40 regions for 12 quarters: two waves of a roll-out and the rest later; the effect grows by 0.5 a quarter."""
    random = np.random.default_rng(8)
    quarters = np.arange(np.datetime64("2023-01"), np.datetime64("2026-01"), 3)
    starts = np.repeat([4, 8, 12], [12, 12, 16])
    effect = 0.5 * np.maximum(0, np.arange(12) - starts[:, None] + 1)
    score = 40 + random.normal(0, 5, (40, 1)) + random.normal(0, 1, (40, 12)) + effect
    since = ["" if s == 12 else str(quarters[s].astype("datetime64[D]")) for s in starts]
    return pa.table(
        {
            "region": np.repeat([f"R{i:02d}" for i in range(40)], 12),
            "quarter": np.tile(quarters.astype("datetime64[D]").astype(str), 40),
            "nps": score.ravel().round(3),
            "live_since": np.repeat(since, 12),
        }
    )


FILES = {"shops.csv": shops, "regions.csv": regions}
FILE = "shops.csv"
OPTIONS = {"unit": "shop", "time": "month", "outcome": "minutes", "treated": ("Lakeside",), "from_": "2025-07"}
NUMBER = "outcome"
