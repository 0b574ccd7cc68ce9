"""Subsets of counts held against their own past, told."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from regard.errors import Refusal
from regard.findings import Caution, Interval
from regard.statistics.naming import Named, Values
from regard.statistics.peeling import Disruption, Disruptions, begins, disruptions, interval_of, over_time
from regard.trying.cubed import Cut, told
from regard.trying.subset_rows import LeastRow, OtherRow, PartRow, PeriodRow, SubsetRow, SubsetTrial
from regard.trying.trials import Check
from regard.wording import count, listed, number, percent, sentence, signed, times

if TYPE_CHECKING:
    from regard.trying.subset_rows import Subset

METHOD = (
    "scan over all combinations against their own past at the mix of now (Kulldorff 1997), overdispersion from "
    "history, null drawn with shared shocks; named by a mixed model"
)
LEAST_ROWS, FEWEST = 2, 20
RED = 0.05
SEED = 8


def trial_of(cut: Cut, what: str, noun: str, *, signs: tuple[int, ...], level: float) -> SubsetTrial:
    """The trial of counts: scan, names, what would have been seen.

    Raises:
        Refusal: Too little to compare.
    """
    past = cut.past
    assert past is not None  # noqa: S101 the caller's case
    if past.shares and (past.total.sum() < FEWEST or past.past_total.sum() < FEWEST or past.past_bad.sum() < 1):
        raise Refusal(
            f"Too little to compare: {count(past.total.sum(), 'row')} now, {count(past.past_total.sum(), 'row')} "
            f"before with {count(past.past_bad.sum(), 'bad one')}.",
            hint="Bring more of the past, or a longer period with --every.",
        )
    if len(cut.cube) < LEAST_ROWS or not past.bad.sum() + past.past_bad.sum():
        raise Refusal("There is one combination only, or nothing ever happened.", hint="Name more columns with --dims.")
    each = level / len(signs)
    found = [disruptions(cut.cube, past, level=each, sign=s, seed=SEED) for s in signs]
    place = min(range(len(signs)), key=lambda i: found[i].first.p)
    return _Told(cut, found[place], what=what, noun=noun, sign=signs[place], sides=len(signs), level=level).trial()


class _Told:
    """One scan in words and rows."""

    def __init__(
        self, cut: Cut, found: Disruptions, *, what: str, noun: str, sign: int, sides: int, level: float
    ) -> None:
        self.cut, self.what, self.noun, self.found, self.sign, self.sides = cut, what, noun, found, sign, sides
        self.level = level
        assert cut.past is not None  # noqa: S101 the caller's case
        self.past = cut.past
        self.p = min(1.0, sides * found.first.p)

    def trial(self) -> SubsetTrial:
        found, change = self.found, self.found.change
        rows = tuple(self.row(d, d.alarm.p) for d in found.found) or self.suspect()
        first = rows[0] if rows else None
        green = change.p > RED / self.sides
        shares = self.past.shares
        whole = self.past.bad.sum() / max(found.first.due[0], 1e-12)
        return SubsetTrial(
            answer=self.answer(rows, green=green), estimate=first.ratio if first else None,
            interval=Interval(low=first.low, high=first.high) if first and first.low and first.high else None,
            n=self.cut.rows, method=METHOD, checks=self.checks(), cautions=self.cautions(),
            facts=self.facts(green=green), next_step=self.step(), disrupted=bool(found.found), p=self.p,
            level=self.level, combinations=len(self.cut.cube), total_green=green, whole_ratio=float(whole),
            change=change.now - change.before if shares else None, mix=change.mix if shares else None,
            rate=change.rate if shares else None, season=change.season if shares else None, now=self.now(),
            rows=rows, alternatives=self.others(),
            within=self.parts(), least=self.least(), periods=self.periods(),
        )  # fmt: skip

    def now(self) -> str:
        return self.cut.periods[-1] if self.cut.periods else ""

    def row(self, each: Disruption, p: float) -> SubsetRow:
        named = each.named
        low, high = interval_of(self.past, self.found.expected, named)
        since = begins(self.past, self.found.expected, named, sign=self.sign)
        return self.filled(
            self.cut.named(named.values), named, low=low, high=high, p=min(1.0, self.sides * p),
            probability=named.weight, since=self.cut.periods[since], same_as=self.same(named), disrupted=True,
        )  # fmt: skip

    def filled(self, subset: Subset, named: Named, **more: object) -> SubsetRow:
        size, shares = self.cut.size, self.past.shares
        return SubsetRow(
            text=sentence(told(subset)), subset=subset, seen=named.seen * size, expected=named.due * size,
            ratio=named.ratio, total=named.total if shares else None,
            rate=named.seen / named.total if shares and named.total else None,
            usual=named.due / named.total if shares and named.total else None, **more,  # type: ignore[arg-type]
        )  # fmt: skip

    def suspect(self) -> tuple[SubsetRow, ...]:
        """The most suspicious cell, where nothing rang."""
        alarm, cube = self.found.first, self.cut.cube
        if not np.isfinite(alarm.score[alarm.cell]):
            return ()
        cell = alarm.cell
        values: Values = {d: (v,) for d, v in cube.values(cell).items()}
        leaves = np.zeros(len(cube.codes), bool)
        leaves[cube.leaves(cell)] = True
        named = Named(values=values, leaves=leaves, score=0.0, weight=math.nan, seen=float(alarm.seen[cell]),
                      due=float(alarm.due[cell]), total=float(self.past.total[leaves].sum()))  # fmt: skip
        low, high = interval_of(self.past, self.found.expected, named)
        return (self.filled(self.cut.named(values), named, low=low, high=high, p=self.p, disrupted=False),)

    def same(self, named: Named) -> Subset:
        """Values of other dimensions that all of its leaves share."""
        codes = self.cut.cube.codes[named.leaves]
        shared: Values = {
            d: (int(codes[0, d]),)
            for d in range(codes.shape[1])
            if d not in named.values and (codes[:, d] == codes[0, d]).all() and len(self.cut.labels[d]) > 1
        }
        return self.cut.named(shared)

    def others(self) -> tuple[OtherRow, ...]:
        rows = []
        for each in self.found.found:
            for named in each.naming.alternatives:
                subset = self.cut.named(named.values)
                rows.append(OtherRow(
                    text=sentence(told(subset)), subset=subset,
                    instead_of=sentence(told(self.cut.named(each.named.values))), seen=named.seen * self.cut.size,
                    expected=named.due * self.cut.size, ratio=named.ratio, probability=named.weight,
                ))  # fmt: skip
        return tuple(rows)

    def parts(self) -> tuple[PartRow, ...]:
        rows, size = [], self.cut.size
        for each in self.found.found:
            within = sentence(told(self.cut.named(each.named.values)))
            for part in each.naming.worse_within:
                subset = self.cut.named({part.dimension: (part.value,)})
                rows.append(PartRow(
                    text=sentence(told(subset)), subset=subset, within=within, seen=part.seen * size,
                    expected=part.due * size, ratio=part.seen / part.due if part.due else math.inf,
                ))  # fmt: skip
        return tuple(rows)

    def least(self) -> tuple[LeastRow, ...]:
        return tuple(
            LeastRow(total=x.total, expected=x.due * self.cut.size, ratio=x.ratio if math.isfinite(x.ratio) else None)
            for x in self.found.least
        ) if self.past.shares else ()  # fmt: skip

    def periods(self) -> tuple[PeriodRow, ...]:
        if not self.found.found:
            return ()
        bad, due, total = over_time(self.past, self.found.expected, self.found.found[0].named.leaves)
        size, shares = self.cut.size, self.past.shares
        return tuple(
            PeriodRow(period=self.cut.periods[t], seen=float(bad[t] * size), expected=float(due[t] * size),
                      total=float(total[t]) if shares else None)
            for t in range(len(bad))
        )  # fmt: skip

    def answer(self, rows: tuple[SubsetRow, ...], *, green: bool) -> str:
        if not self.found.found:
            worst = rows[0] if rows else None
            nearest = f"; nearest is {told(worst.subset)}, {times(worst.ratio)} as expected" if worst else ""
            return (
                f"Nothing we can see is disrupted among {count(len(self.cut.cube), 'combination')} "
                f"(p {_p(self.p)}{nearest}). {self.would()}"
            ).strip()
        first, size = rows[0], self.cut.size
        who = f"{number(first.total)} {self.noun} with {told(first.subset)}" if self.past.shares else told(first.subset)
        what = f"{number(first.seen)} {self.what}" if size == 1.0 else f"{self.what} of {number(first.seen)}"
        since = f" since {first.since}" if first.since else ""
        more = f"; {count(len(rows) - 1, 'further subset')}" if len(rows) > 1 else ""
        state = "the total is green" if green else "the total is red, too"
        return (
            f"{sentence(who)} {'have' if self.past.shares else 'shows'} {what}, {times(first.ratio)} as many as "
            f"the {number(first.expected)} expected,{since} (p {_p(first.p)} over all combinations); {state}{more}."
        )

    def would(self) -> str:
        rows = [r for r in self.least() if r.ratio is not None]
        if not rows:
            return ""
        row = rows[len(rows) // 2]
        return f"A subset of {number(row.total)} would have been seen from {times(row.ratio)} its usual rate on."

    def facts(self, *, green: bool) -> tuple[str, ...]:
        change, facts = self.found.change, []
        if self.past.shares:
            season = f"season {_points(change.season)}, " if change.season else ""
            facts.append(
                f"The total went from {percent(change.before)} to {percent(change.now)} "
                f"({_points(change.now - change.before)} points): mix {_points(change.mix)}, {season}rate "
                f"{_points(change.rate)}; it is {'within' if green else 'beyond'} what it strays by itself."
            )
        others = self.others()
        if others:
            facts.append(f"It may be instead: {listed((told(o.subset) for o in others), most=3, last='or')}.")
        worse = self.parts()
        if worse:
            told_parts = (f"{told(p.subset)} ({times(p.ratio)} as expected)" for p in worse)
            facts.append(f"Worse within: {listed(told_parts, most=3)}.")
        elif self.would() and self.found.found:
            facts.append(self.would())
        return tuple(facts[:3])

    def checks(self) -> tuple[Check, ...]:
        found, expected = self.found, self.found.expected
        several = expected.periods >= 3
        checks = [Check(
            name="history", passed=several, value=float(expected.periods),
            text=f"{count(expected.periods, 'earlier period')} tell what leaves, values and the total stray by "
            "themselves." if several else f"{count(expected.periods, 'earlier period')} cannot tell what values stray "
            "by from period to period; 5 % is assumed.",
        )]  # fmt: skip
        if self.past.shares:
            mixed = abs(found.change.mix) > abs(found.change.rate) and abs(found.change.mix) > 0.005
            checks.append(Check(
                name="mix", passed=not mixed, value=found.change.mix,
                text="Most of the total's change is of other customers, not of worse service." if mixed
                else "The total's change is not mainly one of mix.",
            ))  # fmt: skip
        spread = math.sqrt(expected.by_value)
        checks.append(Check(
            name="shared_shocks", passed=None, value=spread,
            text=f"From period to period values stray by {percent(spread)} and the total by "
            f"{percent(math.sqrt(expected.shared))} by themselves; this is allowed for.",
        ))  # fmt: skip
        return tuple(checks)

    def cautions(self) -> tuple[Caution, ...]:
        told_ = [Caution(code="season" if "season" in note else "searched", text=note) for note in self.cut.notes]
        if self.found.first.p * self.found.first.replicas < 3 and self.found.found:
            floor = self.sides / (self.found.first.replicas + 1)
            told_.append(Caution(code="least_p", text=f"p is no smaller than {number(floor, 3)} with "
                                 f"{self.found.first.replicas} draws of the null; it is not exact there."))  # fmt: skip
        if self.cut.by_row:
            told_.append(Caution(
                code="rows_apart", text="Rows count as independent of each other; name the --customer where one has "
                "several.",
            ))  # fmt: skip
        return tuple(told_)

    def step(self) -> str:
        if not self.found.found:
            return "Bring more of the past or gather longer periods to see smaller disruptions."
        if self.others():
            return "Ask one of these customers, and look at what the alternatives do not share."
        return "Look at what else changed at that time: a release, a partner, a price."


def _points(share: float) -> str:
    return signed(100 * share, 1)


def _p(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"= {number(value, 3)}" if value >= 0.001 else "< 0.001"
