"""The effect on the treated beside DoubleML: same rows, same columns, same answer, seconds in one run; and the
commands of experiments, adjusted effects and series on ten thousand rows, from the shell."""

from __future__ import annotations

import csv
import math
import os
import resource
import time
from pathlib import Path

import numpy as np

from benchmarks.measuring import REGARD, Row, median, run
from benchmarks.peers import ask
from regard.statistics.adjusted import effect_on_treated
from regard.statistics.overlap import Covariate, design

ROWS = 100_000
DOUBLEML = """
import pandas as pd
from doubleml import DoubleMLData, DoubleMLIRM
from sklearn.linear_model import LinearRegression, LogisticRegression
x, y, d = given["x"], given["y"], given["d"]
frame = pd.DataFrame(x, columns=[f"x{i}" for i in range(x.shape[1])]).assign(y=y, d=d)
np.random.seed(1)
began = time.perf_counter()
model = DoubleMLIRM(DoubleMLData(frame, "y", "d"), ml_g=LinearRegression(),
                    ml_m=LogisticRegression(C=100.0, max_iter=1000), n_folds=5, score="ATTE")
model.fit()
told(time.perf_counter() - began, [float(model.coef[0]), float(model.se[0])])
"""
EFFECT = 0.5


def customers(rng: np.random.Generator, rows: int):
    """Customers who chose by amounts and labels; the effect is 0.5."""
    x = rng.normal(size=(rows, 8))
    one, two = rng.choice(list("abcdef"), rows), rng.choice(list("uvwxyz"), rows)
    lean = 0.5 * x[:, 0] - 0.4 * x[:, 1] + 0.4 * (one == "b") - 0.5
    used = (rng.uniform(size=rows) < 1 / (1 + np.exp(-lean))).astype(float)
    y = x[:, 0] + 0.5 * x[:, 1] * x[:, 2] + (one == "b") + EFFECT * used + rng.normal(size=rows)
    known = [Covariate(name=f"x{i}", values=x[:, i]) for i in range(8)]
    return y, used, [*known, *(Covariate(name=n, values=v, is_label=True) for n, v in (("one", one), ("two", two)))]


def measure(work: Path, *, rows: int = ROWS) -> list[Row]:
    """All rows of this table."""
    return [beside_doubleml(rows), *from_the_shell(work)]


def beside_doubleml(rows: int) -> Row:
    """AIPW on the treated with the same columns, five folds each."""
    y, used, known = customers(np.random.default_rng(1), rows)
    columns = design(known, most=rows // 40).columns
    ours, theirs, seconds = [], [], 0.0
    for _ in range(3):
        began = time.perf_counter()
        found = effect_on_treated(y, used, known, repeats=1)
        ours.append(time.perf_counter() - began)
        told = ask(DOUBLEML, x=columns, y=y, d=used)
        theirs.append(told["seconds"])
    seconds, peer = median(ours), median(theirs)
    value, error = told["answer"]
    same = abs(found.effect.value - value) < 0.5 * error and math.isclose(found.effect.error, error, rel_tol=0.1)
    return Row(
        name=f"effect on the treated, {rows:,} rows, {columns.shape[1]} columns, beside DoubleML",
        figure=f"{seconds:.2f} s against {peer:.2f} s, {peer / seconds:.1f} times as fast",
        target="same answer, as fast or faster",
        met=same and seconds <= peer,
        command="python -m benchmarks effects",
        runs=[*ours, *theirs],
        note=f"{found.effect.value:.4f} ({found.effect.error:.4f}) against {value:.4f} ({error:.4f}); ours with "
        "overlap, balance, entropy balancing and sensitivity",
    )  # fmt: skip


def from_the_shell(work: Path) -> list[Row]:
    """Each command on a file of 10,000 rows, start included."""
    rng, n = np.random.default_rng(2), 10_000
    y, used, known = customers(rng, n)
    people, test, days = work / "people.csv", work / "arms.csv", work / "days.csv"
    with people.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["y", "used", *(c.name for c in known)])
        out.writerows(zip(y, used.astype(int), *(c.values for c in known), strict=True))
    with test.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["arm", "bought", "before"])
        out.writerows(zip(rng.choice(["control", "new"], n), rng.integers(0, 2, n), rng.normal(size=n), strict=True))
    hours = np.datetime64("2025-01-01T00:00") + np.arange(n).astype("timedelta64[h]")
    with days.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["hour", "calls"])
        out.writerows(zip(hours.astype(str), rng.poisson(40, n), strict=True))
    names = ",".join(c.name for c in known)
    asked = {
        "effect": [str(people), "--outcome", "y", "--used", "used", "--covariates", names],
        "experiment": [str(test), "--arm", "arm", "--outcome", "bought", "--before", "before", "--looks", "20"],
        "series": [str(days), "--time", "hour", "--outcome", "calls", "--from", "2026-01-15"],
    }
    rows = []
    for name, words in asked.items():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        runs = [run([*REGARD, "try", name, *words, "--json"], sampled=False) for _ in range(3)]
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) / 3
        seconds = median([r.seconds for r in runs])
        rows.append(
            Row(
                name=f"regard try {name}, {n:,} rows, from the shell",
                figure=f"{seconds:.2f} s, {cpu:.2f} s CPU", target="under 2 s",
                met=seconds < 2 and all(r.code == 0 for r in runs), command="python -m benchmarks effects",
                runs=[r.seconds for r in runs],
                note=f"{os.getloadavg()[0]:.0f} processes ran on {os.cpu_count()} cores",
            )
        )  # fmt: skip
    return rows
