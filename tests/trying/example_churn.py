"""Customers of three years: some left for a price, some for bugs, some closed; some never said why."""

import numpy as np
import pyarrow as pa


def customers():
    random = np.random.default_rng(31)
    n = 600
    start = np.datetime64("2023-10-01") + random.integers(0, 1000, n).astype("timedelta64[D]")
    plan = random.choice(["Free", "Team", "Business"], n, p=[0.5, 0.3, 0.2])
    late = random.poisson(0.6, n)
    hazard = np.array([0.0009, 0.0006, 0.0004])[np.searchsorted(["Business", "Free", "Team"], plan)] * np.exp(
        0.3 * late
    )
    life = random.exponential(1 / hazard)
    end = start + life.astype("timedelta64[D]")
    over = end < np.datetime64("2026-10-01")
    why = random.choice(["price", "bugs", "closed", ""], n, p=[0.4, 0.25, 0.2, 0.15])
    return pa.table(
        {
            "customer": [f"C{i:03d}" for i in range(n)],
            "signed": start.astype(str),
            "cancelled": np.where(over, end.astype(str), ""),
            "why": np.where(over, why, ""),
            "plan": plan,
            "late deliveries": late,
            "a year": np.round(random.gamma(3, 400, n)),
        }
    )


FILES = {"customers.csv": customers}
FILE = "customers.csv"
OPTIONS = {
    "customer": "customer",
    "start": "signed",
    "end": "cancelled",
    "reason": "why",
    "value": "a year",
    "parts": ("plan", "late deliveries"),
}
NUMBER = "value"
