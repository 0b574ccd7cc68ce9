"""Seats scored by 700 passengers: legroom matters most, width loses when low, power is not on every plane.

And 900 reviews of a restaurant read for what they speak of: who speaks of the noise at all is unhappier, while how loud it
was makes little difference; what is said of the staff counts, not that it is said.
"""

import numpy as np
import pyarrow as pa


def seats():
    random = np.random.default_rng(4)
    n = 700
    mood = random.normal(size=n)
    made = {
        k: np.clip(np.round(3 + 0.5 * mood + random.normal(size=n)), 1, 5)
        for k in ("legroom", "width", "screen", "crew")
    }
    power = np.where(random.uniform(size=n) < 0.25, 0, np.clip(np.round(3 + 0.5 * mood + random.normal(size=n)), 1, 5))
    overall = (
        3.2
        + 0.9 * made["legroom"]
        - 1.4 * (made["width"] <= 2)
        + 0.3 * made["screen"]
        + 0.4 * mood
        + random.normal(size=n)
    )
    columns = {
        k: pa.array([None if random.uniform() < 0.04 else int(x) for x in v], pa.int64()) for k, v in made.items()
    }
    return pa.table(
        {
            "passenger": [f"P{i}" for i in random.integers(0, 500, n)], **columns, "power": power.astype(int),
            "overall": np.clip(np.round(overall), 1, 10).astype(int),
        }
    )  # fmt: skip


def tables():
    random = np.random.default_rng(9)
    n = 900
    made = {k: np.clip(np.round(3 + random.normal(size=n)), 1, 5) for k in ("food", "staff", "noise")}
    speaks = {"food": random.uniform(size=n) < 0.97, "staff": random.uniform(size=n) < 0.6}
    speaks["noise"] = random.uniform(size=n) < 0.35
    stars = (
        3.4
        + 0.5 * (made["food"] - 3)
        + 0.45 * np.where(speaks["staff"], made["staff"] - 3, 0)
        - 0.7 * speaks["noise"]
        + 0.6 * random.normal(size=n)
    )
    columns = {k: pa.array([int(x) if s else None for x, s in zip(v, speaks[k], strict=True)]) for k, v in made.items()}
    return pa.table(
        {"guest": [f"G{i}" for i in range(n)], **columns, "stars": np.clip(np.round(stars), 1, 5).astype(int)}
    )


FILES = {"seats.csv": seats, "tables.csv": tables}
FILE = "seats.csv"
OPTIONS = {
    "score": "overall", "parts": ("legroom", "width", "screen", "crew", "power"), "not_applicable": ("0",),
    "customer": "passenger",
}  # fmt: skip
NUMBER = "score"
