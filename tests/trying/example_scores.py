"""Answers to a survey over a year: 600 customers of three plans, some of whom answer twice."""

import numpy as np
import pyarrow as pa


def answers():
    random = np.random.default_rng(11)
    n = 900
    who = random.integers(0, 600, n)
    plan = np.array(["Free", "Team", "Business"])[who % 3]
    day = np.datetime64("2025-10-01") + random.integers(0, 365, n).astype("timedelta64[D]")
    later = (day > np.datetime64("2026-04-01")).astype(float)
    score = np.clip(np.round(random.normal(7.3 + (who % 3) * 0.5 + 0.4 * later, 2.2, n)), 0, 10).astype(int)
    return pa.table({"customer": [f"C{w:04d}" for w in who], "date": day.astype(str), "plan": plan, "nps": score})


def census():
    return pa.table({"plan": ["Free", "Team", "Business"], "n": [5200, 2900, 900]})


FILES = {"answers.csv": answers, "census.csv": census}
FILE = "answers.csv"
OPTIONS = {"score": "nps", "kind": "nps", "customer": "customer"}
NUMBER = "score"
