"""The Numenta Anomaly Benchmark's own scoring, as its paper and program tell it.

Lavin and Ahmad (2015), *Evaluating Real-time Anomaly Detection Algorithms: the Numenta Anomaly Benchmark*, and
numenta/NAB (`nab/sweeper.py`, standard profile): the first detection inside a window counts by how early it is (by a
scaled sigmoid), each missed window costs 1, each detection outside costs up to .11 by how far it lies behind the last
window; the first 15 % of a series (of at most 5,000 steps) are not scored. The threshold is the one that scores best
over all series, as there. A score of 0 is a detector that says nothing, 100 one that finds each window at its first
step. On the whole corpus of 58 series relative entropy comes to 54.6427 here, to the digit what is published there.
"""

from __future__ import annotations

import csv
import gzip
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

HERE = Path(__file__).parents[2] / "shared/data/nab"
MISSED, FALSE = 1.0, 0.11
PROBATION, LONGEST = 0.15, 5000


@dataclass(frozen=True, kw_only=True)
class Series:
    """One series of the benchmark: times as datetimes, values, windows as (first, last) row."""

    name: str
    times: list[datetime]
    values: np.ndarray
    windows: tuple[tuple[int, int], ...]

    @property
    def quiet(self) -> int:
        """Rows at the start that are not scored."""
        return int(min(np.floor(PROBATION * len(self.values)), PROBATION * LONGEST))

    @property
    def step(self) -> float:
        """Usual seconds from row to row."""
        gaps = np.diff([t.timestamp() for t in self.times])
        return float(np.median(gaps))


def real(where: Path = HERE) -> list[Series]:
    """The real series with their windows."""
    rows: dict[str, tuple[list[datetime], list[float]]] = {}
    with gzip.open(where / "real_series.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            times, values = rows.setdefault(row["series"], ([], []))
            times.append(datetime.fromisoformat(row["timestamp"]))
            values.append(float(row["value"]))
    windows = json.loads((where / "combined_windows.json").read_text())
    return [of(name, times, values, windows.get(name, [])) for name, (times, values) in rows.items()]


def of(name: str, times: list[datetime], values: list[float], windows: list[list[str]]) -> Series:
    """One series from its rows and its windows as the label file writes them."""
    where = {t: i for i, t in reversed(list(enumerate(times)))}
    ends = [tuple(where[datetime.fromisoformat(at)] for at in pair) for pair in windows]
    return Series(name=name, times=times, values=np.array(values), windows=tuple(ends))


def sigmoid(position: np.ndarray) -> np.ndarray:
    """The scaled sigmoid: near 1 at the left end of a window (-1), 0 at its right end, -1 far behind."""
    return np.where(position > 3, -1.0, 2 / (1 + np.exp(5 * np.minimum(position, 3.0))) - 1)


def weights(series: Series) -> tuple[np.ndarray, np.ndarray]:
    """What a detection at each row is worth, and the window it lies in (-1 outside, -2 not scored)."""
    n = len(series.values)
    worth, inside = np.full(n, -FALSE), np.full(n, -1)
    for k, (left, right) in enumerate(series.windows):
        width = right - left + 1
        rows = np.arange(left, right + 1)
        worth[rows] = sigmoid(-(right - rows + 1) / width) / sigmoid(np.array(-1.0))
        inside[rows] = k
        later = np.arange(right + 1, series.windows[k + 1][0] if k + 1 < len(series.windows) else n)
        worth[later] = FALSE * sigmoid((later - right) / max(width - 1, 1))
    inside[: series.quiet] = -2
    return worth, inside


@dataclass(frozen=True, kw_only=True)
class Scored:
    """A detector's score over the corpus, and the threshold it was reached at."""

    score: float
    threshold: float
    found: int
    windows: int
    outside: int


def scored(corpus: list[Series], scores: list[np.ndarray], *, threshold: float | None = None) -> Scored:
    """The corpus's score at a threshold; None takes the best one, as NAB's optimizer does."""
    parts = [(s, *weights(series)) for s, series in zip(scores, corpus, strict=True)]
    offset = np.cumsum([0] + [len(series.windows) for series in corpus])
    score = np.concatenate([p[0] for p in parts])
    worth = np.concatenate([p[1] for p in parts])
    window = np.concatenate([np.where(p[2] >= 0, p[2] + o, p[2]) for p, o in zip(parts, offset, strict=False)])
    several = len({int(w) for w in window if w >= 0})
    total = int(offset[-1])
    use = (window != -2) & np.isfinite(score)
    order = np.argsort(-score[use], kind="stable")
    s, w, k = score[use][order], worth[use][order], window[use][order]
    best, now, outside = {}, -MISSED * several, 0
    found = Scored(score=0.0, threshold=np.inf, found=0, windows=total, outside=0)
    for i in range(len(s)):
        if k[i] < 0:
            now += w[i]
            outside += 1
        else:
            before = best.get(k[i], -MISSED)
            now += max(w[i] - before, 0.0)
            best[k[i]] = max(before, w[i])
        if i + 1 < len(s) and s[i + 1] == s[i]:
            continue
        if threshold is not None and s[i] < threshold:
            break
        # NAB's perfect detector finds every window of the label file; its silent one misses those that are scored.
        value = float(100 * (now + MISSED * several) / (total + MISSED * several))
        if threshold is not None or value > found.score:
            found = Scored(score=value, threshold=float(s[i]), found=len(best), windows=total, outside=outside)
    return found


def windowed_gaussian(x: np.ndarray, window: int = 6400, slide: int = 100) -> np.ndarray:
    """NAB's windowed Gaussian: the chance of a value nearer the mean of the last 6,400 (a number tuned there)."""
    from scipy.special import ndtr  # noqa: PLC0415 - only here

    out = np.zeros(len(x))
    for i in range(1, len(x)):
        if i <= window:
            low, high = 0, i
        else:
            low = (i - window) // slide * slide
            high = low + window
        mean, spread = _moments(x, low, high)
        z = (x[i] - mean) / spread
        out[i] = 1 - ndtr(-abs(z))
    return out


def _moments(x: np.ndarray, low: int, high: int) -> tuple[float, float]:
    part = x[low:high]
    return float(part.mean()), float(part.std()) or 1e-6


def relative_entropy(x: np.ndarray, *, bins: int = 5, window: int = 52) -> np.ndarray:
    """Relative entropy against the windows seen so far (Wang and others 2011, *Statistical techniques for online
    anomaly detection in data centers*), with NAB's parameters; the range of the whole series is known beforehand."""
    from scipy.stats import chi2  # noqa: PLC0415 - only here

    out, known, times = np.zeros(len(x)), np.zeros((0, bins)), np.zeros(0)
    size = (x.max() - x.min()) / bins
    if size == 0:
        return out
    limit = chi2.isf(0.01, bins - 1)
    cells = np.ceil((x - x.min()) / size)
    for i in range(window - 1, len(x)):
        shares = np.histogram(cells[i + 1 - window : i + 1], bins=bins, range=(0, bins), density=True)[0]
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(shares > 0, shares * np.log(shares / known), 0.0)
        apart = 2 * window * terms.sum(axis=1)
        near = int(np.argmin(apart)) if len(apart) else -1
        if near >= 0 and apart[near] < limit:
            times[near] += 1
            out[i] = float(times[near] <= 1)
        else:
            out[i] = float(len(known) > 0)
            known, times = np.vstack([known, shares]), np.append(times, 1.0)
    return out
