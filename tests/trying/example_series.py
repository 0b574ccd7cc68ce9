"""Calls by month over seven years, with a season; a new help page went up in March 2025."""

import numpy as np
import pyarrow as pa


def calls():
    random = np.random.default_rng(22)
    n = 84
    t = np.arange(n)
    months = (np.datetime64("2019-01") + t).astype(str)
    orders = 2000 + 6 * t + 150 * np.sin(2 * np.pi * t / 12) + 60 * random.normal(size=n)
    calls = (
        0.2 * orders + 25 * np.cos(2 * np.pi * t / 12) + np.cumsum(random.normal(size=n)) + 8 * random.normal(size=n)
    )
    calls = calls - 60 * (t >= 74)
    return pa.table(
        {"month": [f"{m}-01" for m in months], "calls": np.round(calls, 0), "orders": np.round(orders, 0)}
    )  # fmt: skip


FILES = {"calls.csv": calls}
FILE = "calls.csv"
OPTIONS = {"time": "month", "outcome": "calls", "from0": "2025-03-01", "controls": ("orders",)}
NUMBER = "outcome"
