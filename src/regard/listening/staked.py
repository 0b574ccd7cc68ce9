"""What is at stake with each thing customers met: the one source of every such money, wherever it is told.

The whole base is looked at, whether it answered or not. Everybody lost in the last two years is held against like ones
of the same moment who stayed, by what both had met in the days before; what the base is expected to lose in a year is
then divided. What customers did themselves (used, reached, stopped using) is no cause here: little use is how somebody
leaves. Nor is their score, which stands between what they met and leaving.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
import pyarrow as pa
from msgspec import Meta

from regard.errors import Refusal
from regard.findings import Interval
from regard.listening.counted import metric_of
from regard.listening.facts import Asked, Fact, met
from regard.listening.lived import gain_of, lived_through, year_up_to
from regard.signals.silences import SILENT, silences
from regard.signals.tenures import MONTH, TERMS, day_of, days, stays
from regard.statistics import risksets
from regard.statistics.attributed import EACH, Attributed, attributed
from regard.statistics.risksets import RiskSets
from regard.statistics.stakes import stakes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.signals.ask import Ask
    from regard.signals.tenures import Stays
    from regard.statistics.estimates import Estimate, Floats, Whole

LOOKED_BACK = 730
"""Days of losses that ratios rest on."""
COUNTED = 365
"""Days of losses that are divided, and days ahead that money is told for."""
MOST_LOSSES = 1_000
MOST_ROWS = 5_000
THIN = 500
"""Losses below which what a thing met costs in points of the score helps to tell what it does."""
FEWEST, MOST = 4, 12
"""Compared with each one lost."""
SEEN = 1_000
"""Most customers of the base whose present is looked at."""
SIDE = 25
"""Rows each side of a fact needs."""
TWINS = 0.9
SEED = 20_261_126


class StakeRow(msgspec.Struct, frozen=True, kw_only=True):
    """What is at stake with one thing met; the rows add up to all that goes with any of them."""

    what: Annotated[str, Meta(description="What was met in the days before.")]
    value: Annotated[float | None, Meta(description="Money a year expected to be lost with it.")] = None
    interval: Annotated[Interval | None, Meta(description="Interval of that money.")] = None
    share: Annotated[float | None, Meta(description="Its share of the value lost in the last year.")] = None
    share_interval: Annotated[Interval | None, Meta(description="Interval of that share.")] = None
    ratio: Annotated[
        float | None, Meta(description="How many times as likely to be lost with it, shrunk; others held still.")
    ] = None
    ratio_interval: Annotated[Interval | None, Meta(description="Interval of that ratio.")] = None
    lost: Annotated[int, Meta(description="Customers lost in the last year who had met it.")] = 0
    beyond_chance: Annotated[bool, Meta(description="Whether its interval leaves zero out.")] = False
    name: Annotated[str, Meta(description="Its stable name.")] = ""


@dataclass(frozen=True, kw_only=True)
class Staked:
    """What is at stake, and with what.

    Attributes:
        facts: What was met that is divided, over all rows looked at.
        found: The division.
        sets: The rows: those lost beside like ones, then those of the base now.
        stay: The stay of each row.
        now: Rows that are the base at the end of the period.
        counted: Rows of losses that are divided.
        base: The stays.
        total: Money the base is expected to lose in a year as things are; refused where too few left.
        worth: What the base is worth a year.
        here: Customers in it.
        sampled: Losses there were, where not all were looked at; else 0.
    """

    facts: tuple[Fact, ...]
    found: Attributed
    sets: RiskSets
    stay: Whole
    now: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    base: Stays
    total: Estimate
    worth: float
    here: int
    sampled: int

    @property
    def refused(self) -> str:
        """Why nothing is divided; empty where it is."""
        return self.found.refused

    def totals(self, seed: int = SEED) -> Floats:
        """The money expected to be lost, in as many draws as the division has."""
        n = len(self.found.logs)
        if self.total.refused or not self.total.value > 0:
            return np.zeros(n)
        spread = self.total.error / self.total.value
        drawn: Floats = self.total.value * np.exp(
            spread * np.random.default_rng(seed).standard_normal(n) - spread**2 / 2
        )
        return drawn

    def rows(self) -> tuple[StakeRow, ...]:
        """The division as it is told everywhere, most money first."""
        if self.refused:
            return ()
        parts, totals = self.found.parts(tuple(range(len(self.facts)))), self.totals()
        some = bool(totals.any())
        lost = self.sets.lost & self.counted
        told = []
        for j, fact in enumerate(self.facts):
            share, ratio = self.found.shares[j], self.found.ratios[j]
            low, high = np.quantile(totals * parts[:, j], (0.025, 0.975))
            told.append(StakeRow(
                what=fact.words[0], name=fact.name, share=share.value, share_interval=Interval(share.low, share.high),
                value=self.total.value * share.value if some else None,
                interval=Interval(float(low), float(high)) if some else None, ratio=ratio.value,
                ratio_interval=Interval(ratio.low, ratio.high), lost=int((fact.bad & lost).sum()),
                beyond_chance=share.clear,
            ))  # fmt: skip
        return tuple(sorted(told, key=lambda r: (-(r.share or 0.0), r.name)))


def staked(ask: Ask, *, days: int = 90) -> Staked:
    """Read the base and divide what it loses; the same for every question of one reading of the log.

    Args:
        ask: Whose scope says which customers, and until when.
        days: Days before in which what was met counts.

    Raises:
        MissingDeclaration: It is not declared when a customer is lost.
        Refusal: Nobody is in the base, or nothing that could be met is known.
    """
    ask.need("base.lost", "it says when a customer is lost.")
    scope = msgspec.structs.replace(ask.scope, by="")
    own = replace(ask, package=__package__, scope=scope)
    return ask.view.once(("staked", *scope.key, days), lambda: _staked(own, days))


def _staked(ask: Ask, days: int) -> Staked:
    base, sets, of, lost = _looked_at(ask, days)
    here = np.flatnonzero(base.here)
    rng = np.random.default_rng(ask.seed)
    seen = here if len(here) <= SEEN else np.sort(rng.choice(here, SEEN, replace=False))
    stay = np.r_[of, seen]
    every = _met(ask, base, stay, np.r_[sets.at, np.full(len(seen), base.until)], days)
    now = np.r_[np.zeros(len(of), bool), np.ones(len(seen), bool)]
    facts = _divided(every, ~now, int(sets.lost.sum()))
    counted = base.left[stay] > base.until - COUNTED
    if (counted[~now] & sets.lost).sum() < EACH:
        counted = np.ones(len(stay), bool)
    worth = np.nan_to_num(base.value)
    valued = worth[of][sets.lost & counted[~now]].sum() > 0
    hints = _points(ask, facts, days) if int(sets.lost.sum()) < THIN else None
    found = attributed(
        np.column_stack([f.bad[~now] for f in facts]) if facts else np.zeros((len(of), 0), bool), sets.sets, sets.lost,
        base.customer[of], weight=worth[of] if valued else None, counted=counted[~now], hints=hints,
        beside=_beside(base, of, sets, [f.away[~now] for f in facts]), seed=ask.seed,
    )  # fmt: skip
    whole = RiskSets(
        row=stay, at=np.r_[sets.at, np.full(len(seen), base.until)], sets=np.r_[sets.sets, np.full(len(seen), -1)],
        lost=np.r_[sets.lost, np.zeros(len(seen), bool)],
    )  # fmt: skip
    tenure = (base.until - base.since[here]) / MONTH
    total = stakes(base.lived(), tenure, worth[here], COUNTED / MONTH, reasons=len(base.reasons)).total
    return Staked(
        facts=facts, found=found, sets=whole, stay=stay, now=now, counted=counted, base=base, total=total,
        worth=float(worth[here].sum()), here=len(here), sampled=lost if lost > MOST_LOSSES else 0,
    )  # fmt: skip


def _points(ask: Ask, facts: tuple[Fact, ...], days: int) -> Floats | None:
    """What each thing met costs in points of the declared score, where losses are few; none where no answers tell."""
    if not (ask.count("answer") or ask.count("review")):
        return None
    heard = replace(ask, scope=year_up_to(ask.scope))
    try:
        lived = lived_through(heard, metric=metric_of(heard, "", ""), days=days)
    except Refusal:
        return None
    gains = {w.fact.name: gain_of(w) for w in lived.weighed}
    found = np.array([gains.get(f.name, (0.0, 0.0)) for f in facts]).reshape(-1, 2)
    return found if (found[:, 0] > 0).any() else None


def _looked_at(ask: Ask, days_before: int) -> tuple[Stays, RiskSets, Whole, int]:
    """The base, the rows of those lost and like ones, the stay each row is of, and how many losses there were."""
    begins = ask.view.once(("staked_begins",), lambda: days(ask.table("staked_begins.sql"), "at"))
    first = float(begins[0]) + days_before if len(begins) and np.isfinite(begins[0]) else -np.inf
    early = max(day_of(ask.scope.until) - LOOKED_BACK, first)
    if ask.declarations.base.lost not in SILENT:
        base = stays(ask)
        chosen, lost = _some(ask, np.flatnonzero((base.left > early) & (base.left <= base.until)))
        term = np.array([TERMS.get(str(e), 0.0) for e in base.every])
        _, like = np.unique(base.every.astype(str), return_inverse=True)
        sets = risksets.of_stays(
            base.since, base.left, chosen, like=like.reshape(-1), term=term, controls=_controls(len(chosen)),
            seed=ask.seed,
        )  # fmt: skip
        return base, sets, sets.row, lost
    quiet = silences(ask)
    base, most = quiet.stays, ask.declarations.base.days
    for_good = ~(quiet.back - quiet.last <= most) & (quiet.last + most < base.until)
    chosen, lost = _some(ask, np.flatnonzero(for_good & (quiet.last + quiet.grace > early)))
    sets = risksets.of_pauses(
        quiet.last, quiet.back, chosen, who=base.customer[quiet.stay], grace=quiet.grace, most=most,
        controls=_controls(len(chosen)), seed=ask.seed,
    )  # fmt: skip
    return base, sets, quiet.stay[sets.row], lost


def _some(ask: Ask, lost: Whole) -> tuple[Whole, int]:
    if len(lost) <= MOST_LOSSES:
        return lost, len(lost)
    rng = np.random.default_rng(ask.seed)
    return np.sort(rng.choice(lost, MOST_LOSSES, replace=False)), len(lost)


def _controls(losses: int) -> int:
    return int(np.clip(MOST_ROWS // max(losses, 1) - 1, FEWEST, MOST))


def _met(ask: Ask, base: Stays, stay: Whole, at: Floats, days: int) -> tuple[Fact, ...]:
    """Everything known of what these customers had met before these moments."""
    n = len(stay)
    if not n:
        raise Refusal(
            "Nobody is in the base.", hint=f"Import what {ask.declarations.called_many} signed or bought, with ids."
        )
    nothing = pa.nulls(n, pa.string())
    when = pa.array((at * 86_400e6).astype(np.int64), pa.timestamp("us"))
    ask.keep("picked", pa.table({
        "id": np.arange(n), "customer": base.customer[stay], "at": when, "about": nothing, "response": nothing,
    }))  # fmt: skip
    early = datetime(1970, 1, 1) + timedelta(days=float(at.min()) - days - 1)
    asked = Asked(ids=np.arange(n), known=np.ones(n, bool), parameters={"days": days, "first": early}, days=days)
    return tuple(met(ask, asked))


def _divided(every: tuple[Fact, ...], of: NDArray[np.bool_], losses: int) -> tuple[Fact, ...]:
    """What was met, not done, on both sides often enough, and not the double of another; the most common ones."""
    usable = [f for f in every if min(f.bad[of].sum(), (~f.bad[of]).sum()) >= SIDE]
    usable.sort(key=lambda f: -int(f.bad[of].sum()))
    kept: list[Fact] = []
    for fact in usable:
        if all(_alike(fact.bad[of], other.bad[of]) < TWINS for other in kept):
            kept.append(fact)
    return tuple(kept[: max(losses // EACH, 0)])


def _alike(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float(abs(np.corrcoef(a, b)[0, 1]))


def _beside(base: Stays, of: Whole, sets: RiskSets, away: list[NDArray[np.bool_]]) -> Floats:
    """How long they had been there, what they are worth, and to whom a thing could not have happened."""
    months = (sets.at - base.since[of]) / MONTH
    columns = [months >= edge for edge in (1, 3, 6, 12, 24, 48)]
    value = base.value[of]
    known = value[np.isfinite(value)]
    if len(known):
        columns += [value > edge for edge in np.unique(np.quantile(known, (0.25, 0.5, 0.75)))]
    kept: list[Floats] = []
    for column in [*columns, *away]:
        if min(column.sum(), (~column).sum()) >= SIDE and all(_alike(column, k > 0) < TWINS for k in kept):
            kept.append(column.astype(float))
    return np.column_stack(kept) if kept else np.zeros((len(of), 0))
