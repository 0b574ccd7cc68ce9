"""Two designs of a sign-up page, drawn half and half; what each customer had bought before is known."""

import numpy as np
import pyarrow as pa


def test():
    random = np.random.default_rng(20)
    n = 3000
    variant = np.where(random.uniform(size=n) < 0.5, "new", "control")
    before = np.round(random.gamma(2.0, 20.0, n), 2)
    spent = np.round(0.8 * before + random.gamma(2.0, 12.0, n) + 4.0 * (variant == "new"), 2)
    bought = np.where(random.uniform(size=n) < 0.30 + 0.06 * (variant == "new"), "yes", "no")
    seen = np.datetime64("2026-03-01T00:00") + (np.arange(n) * 17).astype("timedelta64[m]")
    return pa.table(
        {
            "customer": [f"C{i:05d}" for i in range(n)], "seen_at": seen.astype(str), "variant": variant,
            "bought": bought, "spent": spent, "spent_before": before,
        }
    )  # fmt: skip


FILES = {"test.csv": test}
FILE = "test.csv"
OPTIONS = {"arm": "variant", "outcome": "spent", "before": "spent_before"}
NUMBER = "outcome"
