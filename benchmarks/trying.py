"""`regard try` on files of 10,000 rows, from the shell: start of the process, reading, answer and printing included."""

from __future__ import annotations

import os
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pyarrow import csv

from benchmarks.measuring import REGARD, Row, median, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

ROWS = 10_000
TARGET = 2.0
DAY = np.timedelta64(1, "D")
FIRST = np.datetime64("2024-01-01")


def _days(rng: Generator, n: int, span: int) -> list[str]:
    return [str(d) for d in FIRST + rng.integers(0, span, n) * DAY]


def answers(rng: Generator) -> dict[str, object]:
    """NPS answers of 6,000 people over two years, by plan and region."""
    plan = rng.choice(["free", "team", "large"], ROWS, p=[0.6, 0.3, 0.1])
    score = np.clip(np.rint(rng.normal(7 + (plan == "large"), 2.2)), 0, 10).astype(int)
    return {
        "answered": _days(rng, ROWS, 700), "customer": [f"C{i}" for i in rng.integers(0, 6_000, ROWS)],
        "nps": score, "plan": plan, "region": rng.choice(["north", "south", "east", "west"], ROWS),
    }  # fmt: skip


def parts(rng: Generator) -> dict[str, object]:
    """A score and twelve parts of the experience that move together, rated 1 to 5."""
    mood = rng.normal(0, 0.6, ROWS)
    rated = np.clip(np.rint(3.5 + mood[:, None] + rng.normal(0, 0.9, (ROWS, 12))), 1, 5).astype(int)
    score = np.clip(np.rint(2 + rated @ np.linspace(0.02, 0.25, 12) + rng.normal(0, 1, ROWS)), 0, 10).astype(int)
    return {"score": score} | {f"part_{i}": rated[:, i] for i in range(12)}


def orders(rng: Generator) -> dict[str, object]:
    """Orders of some 3,000 shoppers over two years."""
    who, day, amount = [], [], []
    for i in range(20_000):
        at, rate, stops = rng.uniform(0, 400), rng.gamma(0.9, 1 / 60), rng.beta(1, 5)
        while at < 730 and len(who) < ROWS:
            who.append(f"S{i:05d}")
            day.append(int(at))
            amount.append(round(float(rng.gamma(5, 8)), 2))
            if rng.random() < stops:
                break
            at += rng.exponential(1 / rate)
    return {"shopper": who, "ordered": [str(d) for d in FIRST + np.array(day) * DAY], "amount": amount}


def lives(rng: Generator) -> dict[str, object]:
    """Contracts with start, end, reason and fee."""
    start = FIRST + rng.integers(0, 700, ROWS) * DAY
    end = start + np.rint(rng.weibull(1.2, ROWS) * 400).astype(int) * DAY
    over = end < FIRST + 760 * DAY
    reason = rng.choice(["price", "moved", "service", ""], ROWS, p=[0.4, 0.2, 0.3, 0.1])
    return {
        "account": [f"A{i}" for i in range(ROWS)], "signed": [str(d) for d in start],
        "cancelled": [str(d) if o else "" for d, o in zip(end, over, strict=True)],
        "reason": [r if o else "" for r, o in zip(reason, over, strict=True)],
        "fee": rng.gamma(4, 5, ROWS).round(2), "plan": rng.choice(["free", "team"], ROWS),
    }  # fmt: skip


def panel(rng: Generator, units: int = 250) -> dict[str, object]:
    """250 shops by 40 weeks; one of them changed something in the last ten."""
    times = ROWS // units
    common = np.cumsum(rng.normal(0, 0.15, (2, times)), axis=1)
    wait = 6 + rng.normal(0, 1, (units, 1)) + rng.normal(1, 0.4, (units, 2)) @ common
    wait += rng.normal(0, 0.3, (units, times))
    wait[0, times - 10 :] -= 1.2
    weeks = [str(FIRST + 7 * t * DAY) for t in range(times)]
    return {
        "shop": np.repeat([f"shop {i}" for i in range(units)], times), "week": weeks * units,
        "minutes": wait.ravel().round(3),
    }  # fmt: skip


def rolled(rng: Generator) -> dict[str, object]:
    """500 regions by 20 quarters, rolled out in four waves, one in five never."""
    start = rng.choice([6, 9, 12, 15, 20], 500)
    effect = 0.4 * np.maximum(0, np.arange(20) - start[:, None] + 1)
    score = 40 + rng.normal(0, 5, (500, 1)) + rng.normal(0, 1, (500, 20)) + effect
    quarters = [
        str(d) for d in np.arange(np.datetime64("2020-01"), np.datetime64("2025-01"), 3).astype("datetime64[D]")
    ]
    since = ["" if s == 20 else quarters[s] for s in start]
    return {
        "region": np.repeat([f"R{i}" for i in range(500)], 20), "quarter": quarters * 500,
        "nps": score.ravel().round(3), "live_since": np.repeat(since, 20),
    }  # fmt: skip


def days(rng: Generator) -> dict[str, object]:
    """Contacts by day over 27 years: no business has so many, but a file of 10,000 rows is one."""
    level = 500 + np.cumsum(rng.normal(0, 2, ROWS)) + 40 * np.sin(2 * np.pi * np.arange(ROWS) / 7)
    level[ROWS - 300 :] -= 60
    first = np.datetime64("1998-01-01")
    return {
        "day": [str(d) for d in first + np.arange(ROWS) * DAY],
        "contacts": (level + rng.normal(0, 12, ROWS)).round(1),
    }


def people(rng: Generator) -> dict[str, object]:
    """Who used a policy, what they spent, and six things known from before."""
    known = rng.normal(0, 1, (ROWS, 6))
    used = (rng.random(ROWS) < 1 / (1 + np.exp(1 - known[:, 0] - 0.5 * known[:, 1]))).astype(int)
    spent = 100 + 10 * known[:, 0] + 5 * known[:, 2] + 4 * used + rng.normal(0, 15, ROWS)
    return {"used": used, "spent": spent.round(2)} | {f"known_{i}": known[:, i].round(4) for i in range(6)}


def arms(rng: Generator) -> dict[str, object]:
    """Two arms, what they spent before and during."""
    arm, before = rng.choice(["old", "new"], ROWS), rng.gamma(2, 20, ROWS)
    return {
        "arm": arm, "before": before.round(2),
        "spent": (0.7 * before + rng.gamma(2, 10, ROWS) + 1.5 * (arm == "new")).round(2),
    }  # fmt: skip


def options(rng: Generator) -> dict[str, object]:
    """Options with value, chance and cost in ranges: a backlog nobody has, of 10,000."""
    value, cost = rng.lognormal(4.6, 0.7, ROWS), rng.lognormal(3.9, 0.6, ROWS)
    return {
        "option": [f"option {i}" for i in range(ROWS)], "value_low": (value * 0.5).round(1), "value": value.round(1),
        "value_high": (value * 1.9).round(1), "chance": rng.uniform(0.35, 0.85, ROWS).round(2),
        "cost_low": (cost * 0.8).round(1), "cost": cost.round(1), "cost_high": (cost * 1.7).round(1),
        "mentions": rng.integers(1, 200, ROWS),
    }  # fmt: skip


KNOWN = ",".join(f"known_{i}" for i in range(6))
TRIALS: tuple[tuple[str, str, Callable[[Generator], dict[str, object]], str], ...] = (
    ("scores", "answers", answers, "--score nps --time answered --customer customer --by plan"),
    ("drivers", "parts", parts, "--score score --parts " + ",".join(f"part_{i}" for i in range(12))),
    ("value", "orders", orders, "--customer shopper --time ordered --amount amount"),
    ("value", "lives", lives, "--customer account --start signed --end cancelled --amount fee"),
    ("churn", "lives", lives, "--customer account --start signed --end cancelled --reason reason --value fee"),
    ("proof", "panel", panel, "--unit shop --time week --outcome minutes --treated 'shop 0' --from 2024-07-29"),
    ("proof", "rolled", rolled, "--unit region --time quarter --outcome nps --treated live_since"),
    ("series", "days", days, "--time day --outcome contacts --from 2024-07-22"),
    ("effect", "people", people, f"--outcome spent --used used --covariates {KNOWN}"),
    ("experiment", "arms", arms, "--arm arm --outcome spent --before before"),
    (
        "priorities", "options", options,
        "--value value_low,value,value_high --cost cost_low,cost,cost_high --budget 100000",
    ),
)  # fmt: skip


def file_of(stem: str, made: Callable[[Generator], dict[str, object]], work: Path) -> Path:
    """The file, made once; always the same."""
    path = work / f"try-{stem}-{ROWS}.csv"
    if not path.exists():
        csv.write_csv(pa.table(made(np.random.default_rng(20_261_126))), path)
    return path


def measure(work: Path, *, times: int = 3, only: str = "") -> list[Row]:
    """One row per trial and file."""
    rows = []
    for name, stem, made, options_given in TRIALS:
        if only and only != name:
            continue
        command = [*REGARD, "try", name, str(file_of(stem, made, work)), *_words(options_given)]
        seconds, cpu, last = [], [], None
        for _ in range(times):
            before = os.times()
            started = time.perf_counter()
            last = run(command, sampled=False)
            seconds.append(time.perf_counter() - started)
            after = os.times()
            cpu.append(after.children_user + after.children_system - before.children_user - before.children_system)
        assert last is not None
        said = "answered" if last.code == 0 else "refused" if last.code == 3 else f"failed ({last.code})"
        rows.append(Row(
            name=f"`regard try {name}` on {ROWS:,} rows ({stem}), from the shell",
            figure=f"{median(seconds):.2f} s, {median(cpu):.2f} s of CPU; {said}", target=f"under {TARGET:g} s",
            met=last.code == 0 and median(seconds) < TARGET, command="python -m benchmarks trying", runs=seconds,
            note="" if last.code in {0, 3} else last.output[-500:],
        ))  # fmt: skip
    return rows


def _words(text: str) -> list[str]:
    return shlex.split(text)
