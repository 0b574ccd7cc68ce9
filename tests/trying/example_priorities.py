"""Twelve options of a product team, with ranges, one that needs another and two that exclude each other."""

import numpy as np
import pyarrow as pa


def options():
    random = np.random.default_rng(12)
    value, cost = random.lognormal(4.6, 0.7, 12), random.lognormal(3.9, 0.6, 12)
    chance = random.uniform(0.35, 0.85, 12)
    names = [f"option {c}" for c in "abcdefghijkl"]
    return pa.table(
        {
            "option": names,
            "value_low": np.round(value * 0.5, 1),
            "value": np.round(value, 1),
            "value_high": np.round(value * 1.9, 1),
            "chance": np.round(chance, 2),
            "cost_low": np.round(cost * 0.8, 1),
            "cost": np.round(cost, 1),
            "cost_high": np.round(cost * 1.7, 1),
            "needs": ["", "option a", *[""] * 10],
            "excludes": [*[""] * 4, "option d", *[""] * 7],
            "mentions": random.integers(1, 200, 12),
        }
    )


FILES = {"options.csv": options}
FILE = "options.csv"
OPTIONS = {"value": "value_low,value,value_high", "cost": "cost_low,cost,cost_high", "budget": 250}
NUMBER = "value"
