"""Orders of 400 shoppers over a year, and contracts of 500 subscribers by the month."""

import numpy as np
import pyarrow as pa


def orders():
    random = np.random.default_rng(21)
    rows = []
    for i in range(400):
        at, rate, stops = random.uniform(0, 180), random.gamma(0.9, 1 / 45), random.beta(1, 6)
        mean = random.gamma(6, 8)
        while at < 365:
            rows.append((f"S{i:03d}", int(at), round(float(random.gamma(5, mean / 5)), 2)))
            if random.random() < stops:
                break
            at += random.exponential(1 / rate)
    who, day, amount = zip(*rows, strict=True)
    days = np.datetime64("2025-10-01") + np.array(day).astype("timedelta64[D]")
    return pa.table({"shopper": who, "ordered": days.astype(str), "amount": amount})


def subscriptions():
    random = np.random.default_rng(22)
    start = np.datetime64("2024-10-01") + random.integers(0, 700, 500).astype("timedelta64[D]")
    months = random.geometric(random.beta(1, 9, 500))
    end = start + np.round(months * 30.4375).astype("timedelta64[D]")
    over = end < np.datetime64("2026-10-01")
    return pa.table(
        {
            "account": [f"A{i:03d}" for i in range(500)],
            "signed": start.astype(str),
            "cancelled": np.where(over, end.astype(str), ""),
            "fee": np.round(random.gamma(4, 5, 500), 2),
        }
    )


FILES = {"orders.csv": orders, "subscriptions.csv": subscriptions}
FILE = "orders.csv"
OPTIONS = {"customer": "shopper", "time": "ordered", "amount": "amount"}
NUMBER = "amount"
