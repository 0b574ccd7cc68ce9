"""Logins by day, plan, country and version: on the last day those of Team in Brazil fail three times as often as usual."""

import numpy as np
import pyarrow as pa

PLANS, COUNTRIES, VERSIONS = (
    ("Free", "Team", "Business"),
    ("Brazil", "Chile", "Spain", "Japan", "Kenya", "Italy"),
    ("4.1", "4.2", "5.0"),
)


def logins():
    random = np.random.default_rng(31)
    rows = {"day": [], "plan": [], "country": [], "version": [], "logins": [], "failed": []}
    for day in range(12):
        for p, plan in enumerate(PLANS):
            for c, country in enumerate(COUNTRIES):
                for v, version in enumerate(VERSIONS):
                    n = int(random.poisson(80 + 40 * (p == 0) - 8 * c))
                    rate = 0.05 * (1 + 0.3 * v) * (2.6 if day == 11 and (p, c) == (1, 0) else 1.0)
                    rows["day"].append(f"2026-03-{day + 1:02d}")
                    rows["plan"].append(plan)
                    rows["country"].append(country)
                    rows["version"].append(version)
                    rows["logins"].append(n)
                    rows["failed"].append(int(random.binomial(n, rate)))
    return pa.table(rows)


def orders():
    """Orders of one hour with their forecast: those of partner C by app fell by half."""
    random = np.random.default_rng(32)
    rows = {"channel": [], "partner": [], "region": [], "orders": [], "forecast": []}
    for channel in ("app", "web", "shop"):
        for partner in "ABCDE":
            for region in ("north", "south", "east", "west"):
                due = float(np.round(np.exp(random.normal(5.5, 0.8)), 1))
                seen = due * (0.5 if (channel, partner) == ("app", "C") else 1.0) * (1 + 0.03 * random.normal())
                for name, value in zip(rows, (channel, partner, region, round(seen), due), strict=True):
                    rows[name].append(value)
    return pa.table(rows)


FILES = {"logins.csv": logins, "hour.csv": orders}
FILE = "logins.csv"
OPTIONS = {
    "dims": ("plan", "country", "version"), "bad": "failed", "total": "logins", "time": "day",
}  # fmt: skip
NUMBER = "bad"
