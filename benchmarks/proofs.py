"""Effects on the treated beside the peers: same input, same answer, seconds in one run."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.measuring import Row, median
from benchmarks.peers import ask
from regard.statistics import placebos
from regard.statistics.counterfactuals import fits
from regard.statistics.placebos import Block
from regard.statistics.staggered import staggered

SMOKING = Path(__file__).parents[2] / "shared/data/prop99_smoking/smoking.csv"
FRAME = """
import pandas as pd
y, treated, before = given["y"], given["treated"], int(given["before"])
n, total = y.shape
unit, when = np.repeat(np.arange(n), total), np.tile(np.arange(total), n)
"""
DIFF_DIFF = (
    FRAME
    + """
from diff_diff import SyntheticDiD
d = pd.DataFrame({"unit": unit, "time": when, "y": y.ravel(), "treated": treated[unit].astype(int)})
began = time.perf_counter()
found = SyntheticDiD(variance_method="placebo", n_bootstrap=int(given["draws"]), seed=1).fit(
    d, outcome="y", treatment="treated", unit="unit", time="time", post_periods=list(range(before, total)))
told(time.perf_counter() - began, [float(found.att), float(found.se)])
"""
)
AZCAUSAL = (
    FRAME
    + """
from azcausal.core.error import Placebo
from azcausal.core.panel import CausalPanel
from azcausal.estimators.panel.sdid import SDID
from azcausal.util import to_panels
d = pd.DataFrame({"unit": unit, "time": when, "y": y.ravel(), "on": (treated[unit] & (when >= before)).astype(int)})
began = time.perf_counter()
panel = CausalPanel(to_panels(d, "time", "unit", ["y", "on"])).setup(outcome="y", intervention="on")
estimator = SDID()
result = estimator.fit(panel)
estimator.error(result, Placebo(n_samples=int(given["draws"])))
told(time.perf_counter() - began, [float(result.effect.value), float(result.effect.se)])
"""
)
PYSYNCON = (
    FRAME
    + """
from pysyncon import Synth
own = int(np.flatnonzero(treated)[0])
frame = pd.DataFrame(y[:, :before].T)
x0, x1 = frame.drop(columns=own), frame[own]
flat = frame.std(axis=1).to_numpy() ** 2
began = time.perf_counter()
synth = Synth()
synth.fit(X0=x0, X1=x1, Z0=x0, Z1=x1, custom_V=flat)
seconds = time.perf_counter() - began
weights = np.zeros(n)
weights[x0.columns] = np.asarray(synth.W)
told(seconds, [float((y[own] - weights @ y)[before:].mean())])
"""
)
GROUPS = """
import pandas as pd
from diff_diff import CallawaySantAnna
y, starts = given["y"], given["starts"]
n, total = y.shape
first = np.where(starts < total, starts, 0)
d = pd.DataFrame({"unit": np.repeat(np.arange(n), total), "time": np.tile(np.arange(total), n), "y": y.ravel(),
                  "first": np.repeat(first, total)})
began = time.perf_counter()
found = CallawaySantAnna(control_group="never_treated", n_bootstrap=0, base_period="universal").fit(
    d, outcome="y", unit="unit", time="time", first_treat="first", aggregate="all")
told(time.perf_counter() - began, [float(found.overall_att), float(found.overall_se)])
"""


def california() -> Block:
    """Proposition 99 as a block."""
    lines = SMOKING.read_text("utf-8").splitlines()
    names = lines[0].split(",")
    rows = [dict(zip(names, line.split(","), strict=True)) for line in lines[1:]]
    states = sorted({r["state"] for r in rows})
    y = np.full((len(states), 31), np.nan)
    for row in rows:
        y[states.index(row["state"]), int(float(row["year"])) - 1970] = float(row["cigsale"])
    return Block(outcomes=y, before=19, treated=np.array([s == "California" for s in states]), published=True)


def low_rank(donors: int = 100, treated: int = 10, before: int = 120, after: int = 20) -> Block:
    """The panel of the authors' coverage check, drawn once."""
    rng, n, total = np.random.default_rng(1), donors + treated, before + after
    load = rng.poisson(np.sqrt(rng.permutation(n) + 1)[:, None] / math.sqrt(n), (n, 2))
    factor = rng.poisson(np.sqrt(np.arange(1, total + 1))[:, None] / math.sqrt(total), (total, 2))
    e = rng.normal(size=(n, total))
    for t in range(1, total):
        e[:, t] = 0.7 * e[:, t - 1] + math.sqrt(0.51) * e[:, t]
    y = load @ factor.T + 10 * (rng.permutation(n) + 1)[:, None] / n + 10 * np.arange(1, total + 1) / total + e / 2
    on = np.arange(n) >= donors
    y[on, before:] += 1
    return Block(outcomes=y, before=before, treated=on, published=True)


def timed(work: Callable[[], list[float]], runs: int = 5) -> tuple[float, list[float]]:
    """Median seconds and the answer."""
    taken = []
    for _ in range(runs):
        began = time.perf_counter()
        answer = work()
        taken.append(time.perf_counter() - began)
    return median(taken), answer


def judged(block: Block) -> list[float]:
    found = placebos.judge(block)
    return [found.effect.value, float(found.space.fits.effect.std())]


def control(block: Block) -> list[float]:
    q = block.treated / block.treated.sum()
    found = fits(block.outcomes, block.before, q[None], (~block.treated)[None].astype(float), method="sc")
    return [float(found.effect[0])]


def measure() -> list[Row]:
    """All rows."""
    block, large = california(), low_rank()
    draws, both = {"draws": placebos.DRAWS}, {"diff-diff": DIFF_DIFF, "azcausal": AZCAUSAL}
    first, second = "SDID with placebo inference, Proposition 99", "SDID with 200 placebos, 110 by 140, 10 treated"
    third = "Synthetic control, Proposition 99, outcomes before alone"
    return [
        _row(first, block, judged, both, draws, alike=(1e-4, 2.0)),
        _row(second, large, judged, {"diff-diff": DIFF_DIFF}, draws, alike=(5e-3, 0.03)),
        _row(third, block, control, {"pysyncon": PYSYNCON}, {}, alike=(2e-3,)),
        _groups(),
    ]


def _row(
    name: str, block: Block, work: Callable[[Block], list[float]], scripts: dict[str, str], given: dict[str, int], *,
    alike: tuple[float, ...],
) -> Row:  # fmt: skip
    seconds, answer = timed(lambda: work(block))
    shared = {"y": block.outcomes, "treated": block.treated, "before": block.before} | given
    theirs = {peer: ask(script, **shared) for peer, script in scripts.items()}
    return _beside(name, (seconds, answer), theirs, alike)


def _beside(name: str, own: tuple[float, list[float]], theirs: dict[str, dict], alike: tuple[float, ...]) -> Row:
    seconds, answer = own
    same = all(
        abs(a - b) <= far for peer in theirs.values() for a, b, far in zip(answer, peer["answer"], alike, strict=True)
    )
    told = "; ".join(
        f"{peer} {t['seconds']:.3f} s ({', '.join(f'{v:.4f}' for v in t['answer'])})" for peer, t in theirs.items()
    )
    fastest = min(t["seconds"] for t in theirs.values())
    shown = ", ".join(f"{v:.4f}" for v in answer)
    return Row(
        name=name,
        figure=f"{seconds:.4f} s ({shown}), {fastest / seconds:.0f} times as fast",
        target="as fast as the fastest, same answer",
        met=same and seconds <= fastest,
        command="python -m benchmarks proof",
        runs=[seconds, *(t["seconds"] for t in theirs.values())],
        note=told,
    )


def _groups() -> Row:
    rng = np.random.default_rng(3)
    starts = np.repeat([4, 8, 12, 16], [120, 140, 140, 200])
    y = rng.normal(size=(600, 16)).cumsum(axis=1) + 0.3 * np.maximum(0, np.arange(16) - starts[:, None] + 1)

    def work() -> list[float]:
        found = staggered(y, starts)
        return [found.effect.value, found.effect.error]

    theirs = {"diff-diff": ask(GROUPS, y=y, starts=starts)}
    return _beside("Roll-out in three steps, 600 units by 16 times, by events too", timed(work), theirs, (1e-9, 2e-3))
