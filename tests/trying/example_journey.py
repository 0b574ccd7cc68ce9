"""Six hundred customers who sign up and look for help; since March more of them find the article and fewer call."""

import numpy as np
import pyarrow as pa


def events():
    random = np.random.default_rng(11)
    rows = []
    for i in range(600):
        now = i % 2 == 1
        at = np.datetime64("2026-03-01T06:00" if now else "2026-02-01T06:00", "s") + int(
            random.integers(0, 20 * 86_400)
        )
        steps, plan = ["signup", "setup"], ["team", "solo", "large"][int(random.integers(0, 3))]
        if random.uniform() < 0.3:
            steps.append("setup")
        if random.uniform() < 0.7:
            steps.append("help opened")
            reads = random.uniform() < (0.65 if now else 0.35)
            steps.append("article read" if reads else "called")
            if random.uniform() < 0.6:
                steps.append("setup")
        if random.uniform() < 0.8:
            steps.append("first order")
        for step in steps:
            rows.append(
                (f"C{i:04d}", str(at), step, "yes" if step == "setup" and random.uniform() < 0.12 else "no", plan)
            )
            at = at + int(random.integers(60, 7200))
    names = ("user", "at", "name", "failed", "plan")
    return pa.table({n: pa.array([r[k] for r in rows]) for k, n in enumerate(names)})


FILES = {"events.csv": events}
FILE = "events.csv"
OPTIONS = {"customer": "user", "time": "at", "event": "name", "before_after": "2026-03-01"}
NUMBER = "time"
