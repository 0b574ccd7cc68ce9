"""Products beside each other at every stage: each measure, all comparisons corrected, claims among like customers."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from msgspec import Meta

from regard.journey.afterwards import afterwards
from regard.journey.alike import among_like
from regard.journey.stagerows import ASKED, StageRows
from regard.statistics.comparisons import holm
from regard.statistics.estimates import Estimate, refusal
from regard.statistics.proportions import linked_difference, mean, net_mean, wilson
from regard.wording import duration, number, percent, signed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.signals.ask import Ask
    from regard.signals.stepscope import Stepped

LEAST = 20
"""Fewest customers of a product, and of all others, for a measure to be compared."""
HITS = 5
"""Fewest who met a thing, and who did not, for shares to be compared."""
MOST = 12
"""Products told; the most used."""
CLEAR = 0.05
ADJUSTED = 10
"""Most claims looked at again among like customers."""
MOST_TOLD = 40
ENDS = "(nothing for a week)"
NAMES = {"errors": "errors", "help": "help asked for", "gone": "getting further", "days": "time", "score": "score"}
LIKE = re.compile(r"product|offer|app\b|brand|service|line", re.IGNORECASE)
"""Names that a dimension of products usually has."""
MEASURES = {"errors": -1, "help": -1, "gone": -1, "days": -1, "score": 1}
"""Measures, and whether more of it is better."""
SHARES = {"help", "gone"}
"""Measures that are yes or no for each customer."""
IN = {"errors": "share", "help": "share", "gone": "share", "days": "days", "score": "score"}
"""What each measure is counted in."""
MEASURE, DIFFERENCE = {"unit": "measured"}, {"unit": "difference"}
TOLD = {
    "errors": "of steps met an error", "help": f"asked for help within {ASKED} days", "gone": "got no further",
    "days": "days to a later stage", "score": "then scored",
}  # fmt: skip


class StageBeside(msgspec.Struct, frozen=True, kw_only=True):
    """One measure of one product at one stage, beside all other products."""

    stage: Annotated[str, Meta(description="The stage.")]
    product: Annotated[str, Meta(description="The product, or the label compared by.")]
    measure: Annotated[
        str,
        Meta(
            description="errors: of each customer's steps; help, gone: of customers; days: typical; score: its metric."
        ),
    ]
    customers: Annotated[int, Meta(description="Customers of whom it is known.")] = 0
    measured_in: Annotated[str, Meta(description="What the measure is: a share, days, or a score.")] = ""
    value: Annotated[float | None, Meta(description="The measure; days as a geometric mean.", extra=MEASURE)] = None
    low: Annotated[float | None, Meta(description="Lower end of its interval.", extra=MEASURE)] = None
    high: Annotated[float | None, Meta(description="Upper end.", extra=MEASURE)] = None
    rest: Annotated[float | None, Meta(description="The same of all other products together.", extra=MEASURE)] = None
    difference: Annotated[
        float | None, Meta(description="This less the others; of days, how much longer as a share.", extra=DIFFERENCE)
    ] = None
    difference_low: Annotated[
        float | None, Meta(description="Lower end of the interval of the difference.", extra=DIFFERENCE)
    ] = None
    difference_high: Annotated[float | None, Meta(description="Upper end.", extra=DIFFERENCE)] = None
    adjusted: Annotated[
        float | None, Meta(description="p-value, corrected for all comparisons; empty where too few to compare.")
    ] = None
    verdict: Annotated[
        str, Meta(description="best, better or worse than the others beyond chance; empty: it cannot be told.")
    ] = ""
    alike: Annotated[
        float | None,
        Meta(description="The difference among like customers; told of what is beyond chance.", extra=DIFFERENCE),
    ] = None
    alike_low: Annotated[float | None, Meta(description="Lower end of its interval.", extra=DIFFERENCE)] = None
    alike_high: Annotated[float | None, Meta(description="Upper end.", extra=DIFFERENCE)] = None
    alike_told: Annotated[str, Meta(description="Whether it holds among like customers, or why that is not known.")] = (
        ""
    )


@dataclass(frozen=True, kw_only=True)
class Products:
    """What the question works on: rows by stage and product, and what codes mean."""

    ask: Ask
    stepped: Stepped
    lived: StageRows
    by: str
    names: tuple[str, ...]
    stages: tuple[str, ...]
    metric: str

    def places(self) -> Iterator[tuple[int, list[int]]]:
        """Stages somebody was seen at, each with its products in the order of use."""
        for stage in range(len(self.stages)):
            codes, n = np.unique(self.lived.label[self.lived.stage == stage], return_counts=True)
            if len(codes):
                yield stage, [int(c) for _, c in sorted(zip(-n, codes, strict=True))]


def values_of(ask: Ask, lived: StageRows, metric: str, then: int) -> dict[str, NDArray[np.float64]]:
    """Each measure of each row as it is averaged: shares as 0 and 1, days as logarithms, scores in points."""
    after = afterwards(ask, lived.customer, lived.at, metric=metric, days=then)
    score = np.where(np.isfinite(after.score), (after.score > 50) * 100.0, np.nan) if metric == "csat" else after.score
    errors = lived.failed / np.maximum(lived.times, 1)
    if not errors.any():
        errors = np.full(len(lived), np.nan)  # nobody says when one is met
    days = np.log(np.maximum(lived.days, 1 / 1440))
    found = {"errors": errors, "help": lived.asked, "gone": lived.gone, "days": days, "score": score}
    if not np.nansum(lived.asked):
        found["help"] = np.full(len(lived), np.nan)
    return found


def _level(measure: str, x: NDArray[np.float64], metric: str) -> Estimate:
    """The measure of some rows, in its own unit."""
    if measure in SHARES:
        return wilson(float(x.sum()), len(x), least=LEAST)
    if measure == "score" and metric == "nps":
        return net_mean(x / 100, least=LEAST).times(100)
    found = mean(x, least=LEAST)
    if measure == "errors" and not found.refused:
        found = replace(found, low=max(found.low, 0.0), high=min(found.high, 1.0))
    return found


def compared(made: Products, values: dict[str, NDArray[np.float64]]) -> tuple[tuple[StageBeside, ...], int]:
    """Every product against all others at every stage, by every measure, all corrected together."""
    rows: list[StageBeside] = []
    p: list[float] = []
    seconds: list[tuple[int, float]] = []
    pairs = {(made.stages[s], m) for s, codes in made.places() if len(codes) == 2 for m in MEASURES}
    for stage, codes in made.places():
        for measure, sign in MEASURES.items():
            first = len(rows)
            for code in codes:
                row, chance = _row(made, values[measure], (stage, code, measure))
                if row is not None:
                    rows.append(row)
                    # Of two products the one is the other's mirror: it is one comparison.
                    p.append(chance if len(codes) > 2 or len(rows) - first < 2 else math.nan)
            seconds += _second(made, values[measure], rows[first:], first, sign=sign, two=len(codes) == 2)
    every = holm(np.array([*p, *(chance for _, chance in seconds)]))
    best = {i: q for (i, _), q in zip(seconds, every[len(p) :], strict=True)}
    told = []
    for i, row in enumerate(rows):
        q = every[i] if math.isfinite(p[i]) else _mirror(rows, every, i)
        verdict = ""
        if math.isfinite(q) and q <= CLEAR and row.difference is not None:
            better = row.difference * MEASURES[row.measure] > 0
            alone = best.get(i, 1.0) <= CLEAR or (row.stage, row.measure) in pairs
            verdict = "worse" if not better else "best" if alone else "better"
        told.append(msgspec.structs.replace(row, adjusted=float(q) if math.isfinite(q) else None, verdict=verdict))
    return tuple(told), int(np.isfinite(every).sum())


def _mirror(rows: list[StageBeside], every: NDArray[np.float64], i: int) -> float:
    """The corrected p-value of the row before, where it is the same comparison of two."""
    same = i > 0 and (rows[i - 1].stage, rows[i - 1].measure) == (rows[i].stage, rows[i].measure)
    return float(every[i - 1]) if same and rows[i].difference is not None else math.nan


def _row(made: Products, x: NDArray[np.float64], place: tuple[int, int, str]) -> tuple[StageBeside | None, float]:
    """One product's measure at one stage beside all others', and the chance of such a difference."""
    stage, code, measure = place
    known = (made.lived.stage == stage) & np.isfinite(x)
    own, others = known & (made.lived.label == code), known & (made.lived.label != code)
    if not own.any():
        return None, math.nan
    here, rest = (_level(measure, x[m], made.metric) for m in (own, others))
    row = StageBeside(
        stage=made.stages[stage], product=made.names[code], measure=measure, measured_in=IN[measure],
        customers=int(own.sum()),
        value=_shown(measure, here.value), low=_shown(measure, here.low),
        high=_shown(measure, here.high), rest=_shown(measure, rest.value),
    )  # fmt: skip
    apart = _apart(made, x, own, others, measure)
    if apart.refused:
        return row, math.nan
    write = np.expm1 if measure == "days" else float
    told = msgspec.structs.replace(
        row, difference=float(write(apart.value)), difference_low=float(write(apart.low)),
        difference_high=float(write(apart.high)),
    )  # fmt: skip
    return told, apart.p


def _apart(
    made: Products, x: NDArray[np.float64], own: NDArray[np.bool_], others: NDArray[np.bool_], measure: str
) -> Estimate:
    """The difference of two sets of rows; customers in both count once in its error."""
    who = made.lived.customer
    found = linked_difference(x[own], who[own], x[others], who[others], least=LEAST)
    hits = float(x[own].sum() + x[others].sum())
    few = measure in SHARES and min(hits, own.sum() + others.sum() - hits) < HITS
    return refusal(f"fewer than {HITS} met it, or did not", n=found.n, method=found.method) if few else found


def _second(
    made: Products, x: NDArray[np.float64], rows: Sequence[StageBeside], first: int, *, sign: int, two: bool
) -> list[tuple[int, float]]:
    """The best of a stage and measure against the second best: its place among all rows, and the chance of it."""
    able = [(k, r) for k, r in enumerate(rows) if r.difference is not None and r.value is not None]
    if len(able) < 2:
        return []
    able.sort(key=lambda item: (-(item[1].value or 0.0) * sign, item[1].product))
    (k, best), (_, second) = able[0], able[1]
    if two:
        return []
    stage = made.stages.index(best.stage)
    known = (made.lived.stage == stage) & np.isfinite(x)
    own, other = (known & (made.lived.label == made.names.index(r.product)) for r in (best, second))
    found = _apart(made, x, own, other, best.measure)
    return [] if found.refused else [(first + k, found.p)]


def _shown(measure: str, value: float) -> float | None:
    """In its own unit; none where it is refused."""
    if not math.isfinite(value):
        return None
    return float(math.exp(value)) if measure == "days" else float(value)


def size_of(row: StageBeside) -> float:
    """How far a difference is from none, by the width of its interval."""
    if row.difference is None or row.difference_low is None or row.difference_high is None:
        return 0.0
    return abs(row.difference) / max(row.difference_high - row.difference_low, 1e-9)


HOLDS, FALLS = "holds among like customers", "cannot be told among like customers"


def held_again(
    made: Products, values: dict[str, NDArray[np.float64]], rows: tuple[StageBeside, ...]
) -> Iterator[StageBeside]:
    """Rows beyond chance once more, among like customers; the clearest of them where there are many."""
    clear = sorted((r for r in rows if r.verdict), key=lambda r: (r.verdict != "best", -size_of(r)))[:ADJUSTED]
    for row in rows:
        if row not in clear:
            yield row
            continue
        there = made.lived.stage == made.stages.index(row.stage)
        ours = made.lived.label[there] == made.names.index(row.product)
        x = values[row.measure][there]
        found = among_like(made.ask, made.stepped, made.lived.only(there), x, ours, by=made.by)
        if found.refused:
            yield msgspec.structs.replace(row, alike_told=f"not known: {found.refused}")
            continue
        write = np.expm1 if row.measure == "days" else float
        same = found.clear and (found.value > 0) == ((row.difference or 0.0) > 0)
        yield msgspec.structs.replace(
            row, alike=float(write(found.value)), alike_low=float(write(found.low)),
            alike_high=float(write(found.high)), alike_told=HOLDS if same else FALLS,
        )  # fmt: skip


def said(row: StageBeside, metric: str) -> str:
    """A measure and that of the others in words."""
    here, rest = (written(row.measure, v, metric) for v in (row.value, row.rest))
    if row.measure == "days":
        return f"{here} to a later stage, {rest} with all others"
    if row.measure == "score":
        return f"{metric.upper() if len(metric) <= 4 else metric} {here} then, {rest} with all others"
    return f"{here} {TOLD[row.measure]}, {rest} with all others"


def written(measure: str, value: float | None, metric: str) -> str:
    """A measure as people read it."""
    if value is None:
        return "–"
    if measure in SHARES or measure == "errors":
        return percent(value)
    if measure == "days":
        return duration(value * 86_400)
    return signed(round(value)) if metric == "nps" else number(round(value, 1))
