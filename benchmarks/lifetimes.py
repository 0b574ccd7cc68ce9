"""Models of lifetimes beside the package `lifetimes`: same customers, same answer, seconds in one run."""

from __future__ import annotations

import csv
import gzip
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np

from benchmarks.measuring import Row, median
from benchmarks.peers import ask
from regard.statistics import lifetimes, spend, worth
from regard.statistics.lifetimes import Histories

CDNOW = Path(__file__).parents[2] / "shared/data/cdnow/transactions_sample_2357.csv.gz"
UNTIL = date(1997, 9, 30).toordinal() / 7
FITTED = """
from lifetimes import {model}
began = time.perf_counter()
found = {model}(penalizer_coef=0.0).fit(given["repeats"], given["recency"], given["age"])
told(time.perf_counter() - began, [float(v) for v in found.params_.to_numpy()])
"""
SPENT = """
from lifetimes import GammaGammaFitter
began = time.perf_counter()
found = GammaGammaFitter(penalizer_coef=0.0).fit(given["times"], given["mean"])
told(time.perf_counter() - began, [float(v) for v in found.params_.to_numpy()])
"""


def measure() -> list[Row]:
    """BG/NBD, Pareto/NBD and Gamma-Gamma on the CDNOW sample; BG/NBD on twenty times as many customers made up."""
    bought = purchases()
    lived = lifetimes.histories(bought.customer, bought.time, UNTIL)
    times, mean = worth.repeat_spend(bought, UNTIL)
    some = times > 0
    many = made_up(50_000)
    return [
        _fitted("BG/NBD, CDNOW sample of 2,357 customers", lived, "bg/nbd", 2e-3),
        _fitted("Pareto/NBD, CDNOW sample of 2,357 customers", lived, "pareto/nbd", 2e-2),
        _beside(
            "Gamma-Gamma, 946 customers who bought again",
            lambda: spend.spending(times[some], mean[some]).fit.values,
            ask(SPENT, times=times[some], mean=mean[some]),
            0.02,
        ),
        _fitted("BG/NBD, 50,000 customers made up", many, "bg/nbd", 2e-3),
    ]


def purchases() -> worth.Bought:
    """The CDNOW sample."""
    with gzip.open(CDNOW, "rt") as file:
        rows = list(csv.DictReader(file))
    who = np.unique([r["customer_id"] for r in rows], return_inverse=True)[1].reshape(-1)
    week = np.array([date.fromisoformat(r["date"]).toordinal() for r in rows]) / 7
    return worth.bought(who, week, np.array([float(r["dollar_value"]) for r in rows]))


def made_up(n: int) -> Histories:
    """Customers of a BG/NBD world, no two alike."""
    rng = np.random.default_rng(1)
    age, rate = rng.uniform(20, 60, n), np.maximum(rng.gamma(0.6, 1 / 6, n), 1e-9)
    when = np.cumsum(rng.exponential(1, (n, 60)), axis=1) / rate[:, None]
    stops = rng.geometric(np.clip(rng.beta(1, 4, n), 1e-6, 1))
    inside = (when <= age[:, None]) & (np.arange(60) < stops[:, None])
    return Histories(repeats=inside.sum(axis=1).astype(float), recency=np.where(inside, when, 0).max(axis=1), age=age)


def _fitted(name: str, lived: Histories, model: lifetimes.Model, far: float) -> Row:
    theirs = {"bg/nbd": "BetaGeoFitter", "pareto/nbd": "ParetoNBDFitter"}[model]
    script = FITTED.replace("{model}", theirs)
    peer = ask(script, repeats=lived.repeats, recency=lived.recency, age=lived.age)
    return _beside(name, lambda: lifetimes.purchasing(lived, model=model).fit.values, peer, far)


def _beside(name: str, work: Callable[[], np.ndarray], peer: dict, far: float) -> Row:
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        answer = work()
        taken.append(time.perf_counter() - began)
    seconds, theirs = median(taken), peer["seconds"]
    same = bool(np.allclose(answer, peer["answer"], rtol=far))
    shown = ", ".join(f"{v:.3f}" for v in answer)
    return Row(
        name=name,
        figure=f"{seconds:.4f} s ({shown}), {theirs / seconds:.0f} times as fast",
        target="as fast as lifetimes, same answer",
        met=same and seconds <= theirs,
        command="python -m benchmarks lifetimes",
        runs=[seconds, theirs],
        note=f"lifetimes {theirs:.3f} s ({', '.join(f'{v:.3f}' for v in peer['answer'])})",
    )
