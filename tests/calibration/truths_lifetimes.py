"""Made-up truths for lifetimes: buying without contract, contracts, staying and leaving, what is at risk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from held import Ends, Held, held

from regard.statistics import contracts, hazards, lifetimes, matched, renewing, spend, stakes, survival, worth
from regard.statistics.estimates import LEVEL
from regard.statistics.foretold import Foretold, foretold
from regard.statistics.lifetimes import Histories
from regard.statistics.reliability import reliability, total_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

R, ALPHA, A, B = 0.8, 6.0, 1.0, 4.0
S, BETA = 0.6, 12.0
MOST = 150


def times(rng: Generator, n: int, *, model: str = "bg/nbd", change: float = 1.0, at: float = 1e9):
    """Moments of repeat purchases since the first, infinite after the customer stopped: shape (n, MOST), and rates.

    From the moment `at` on everybody buys `change` times as fast.
    """
    rate = np.maximum(rng.gamma(R, 1 / ALPHA, n), 1e-9)
    when = np.cumsum(rng.exponential(1, (n, MOST)), axis=1) / rate[:, None]
    when = np.where(when > at, at + (when - at) / change, when)
    if model == "bg/nbd":
        stops = rng.geometric(np.clip(rng.beta(A, B, n), 1e-6, 1))
        return np.where(np.arange(MOST) < stops[:, None], when, np.inf), rate
    stops = rng.exponential(1 / np.maximum(rng.gamma(S, 1 / BETA, n), 1e-9))
    return np.where(when < stops[:, None], when, np.inf), rate


def seen(when, age) -> Histories:
    """What is known of purchases at an age."""
    inside = when <= age[:, None]
    recency = np.where(inside, when, 0.0).max(axis=1)
    return Histories(repeats=inside.sum(axis=1).astype(float), recency=recency, age=age)


def total_ahead(rng: Generator, n: int, model: str, level: float) -> float:
    when, _ = times(rng, n, model=model)
    age = rng.uniform(20, 40, n)
    lived = seen(when, age)
    found = lifetimes.purchasing(lived, model=model)
    if found.refused:
        return Held(1.0)  # a refusal is no wrong interval; the table tells how many there were
    seed = int(rng.integers(1e9))

    def at(level: float):
        return worth.forecast(found, lived, 26.0, level=level, draws=200, seed=seed).total_purchases

    return held(at(level), ((when > age[:, None]) & (when <= age[:, None] + 26)).sum(), at)


def expected_of_new(rng: Generator, n: int, level: float) -> float:
    when, _ = times(rng, n)
    found = lifetimes.purchasing(seen(when, rng.uniform(20, 40, n)))
    truth = lifetimes.Purchasing(model="bg/nbd", repeaters=n, fit=fixed(R, ALPHA, A, B))

    def year(model) -> float:
        return float(lifetimes.expected_of_new(model, np.array([52.0]))[0])

    drawn = [year(lifetimes.Purchasing(model="bg/nbd", repeaters=n, fit=fixed(*p))) for p in found.fit.draws(200, rng)]
    return among(year(found), drawn, year(truth), level)


def among(value: float, drawn, truth: float, level: float) -> float:
    """Whether the truth lies among the draws, at a level."""

    def at(level: float) -> Ends:
        return Ends(value, *np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2]))

    return held(at(level), truth, at)


def fixed(*values: float):
    from regard.statistics.likelihood import Fit

    k = len(values)
    return Fit(values=np.array(values), covariance=np.zeros((k, k)), loglik=0.0, slope=0.0, n=1)


def paying(rng: Generator, n: int, tie: float = 0.0):
    """Spend of Gamma-Gamma with p 6, q 4, v 15; `tie` lets a customer's mean go with their rate.

    Histories, what is known of amounts, and what comes within 26 weeks.
    """
    when, rate = times(rng, n)
    mean = 6 * 15 / np.maximum(rng.gamma(4, 1, n), 1e-9) * (rate / rate.mean()) ** tie
    age = rng.uniform(20, 40, n)
    lived = seen(when, age)
    paid = rng.gamma(6, 1 / 6, when.shape) * mean[:, None]
    before = when <= age[:, None]
    after = ~before & (when <= age[:, None] + 26)
    known = (
        lived.repeats,
        np.divide((paid * before).sum(axis=1), lived.repeats, out=np.full(n, np.nan), where=lived.repeats > 0),
    )
    return lived, known, float((paid * after).sum())


def tie_refused(rng: Generator, n: int, tie: float) -> float:
    """Whether spend that goes with frequency is refused."""
    _, known, _ = paying(rng, n, tie)
    return float(bool(spend.spending(*known).refused))


def money_ahead(rng: Generator, n: int) -> float:
    lived, known, came = paying(rng, n)
    model, spent = lifetimes.purchasing(lived), spend.spending(*known, tied=2.0)
    if model.refused or spent.refused:
        return Held(1.0)
    seed = int(rng.integers(1e9))

    def at(level: float):
        return worth.forecast(
            model, lived, 26.0, spend=spent, paid=known, draws=200, seed=seed, level=level
        ).total_value

    return held(at(LEVEL), came, at)


def faster(rng: Generator, *, widen: bool) -> float:
    """Everybody buys 2.5 times as fast from week 22 on; 30 weeks are known, 15 of them held out, and 15 told."""
    n = 600
    when, _ = times(rng, n, change=2.5, at=22.0)
    moments = np.concatenate([np.zeros((n, 1)), np.where(when <= 45, when, np.nan)], axis=1)
    who = np.repeat(np.arange(n), moments.shape[1])[np.isfinite(moments).ravel()]
    bought = worth.bought(who, moments.ravel()[np.isfinite(moments).ravel()])
    age = np.full(n, 30.0)
    lived = seen(when, age)
    model = lifetimes.purchasing(lived)
    early = worth.Bought(
        customer=bought.customer[bought.time <= 30], time=bought.time[bought.time <= 30], amount=np.zeros(0)
    )
    missed = worth.held_out(early, 30.0, share=0.5) if widen else None

    def at(level: float):
        return worth.widened(worth.forecast(model, lived, 15.0, draws=200, level=level).total_purchases, missed)

    return held(at(LEVEL), ((when > 30) & (when <= 45)).sum(), at)


def renewals(rng: Generator, n: int, level: float, what: str) -> float:
    """Contracts with a chance to leave of beta(1, 3), begun over six years; seen at the end of the sixth."""
    begun = rng.integers(0, 6, n)
    life = rng.geometric(np.clip(rng.beta(1.0, 3.0, n), 1e-9, 1)) - 1
    due = 6 - begun
    left = life < due
    found = contracts.contracts(np.minimum(life, due), left)
    if found.refused:
        return Held(1.0)
    if what == "survival":
        drawn = contracts.survival(found.fit.draws(400, rng), np.array([5.0]))[:, 0]
        best, truth = (contracts.survival(p, np.array([5.0]))[0] for p in (found.fit.values, np.array([1.0, 3.0])))
        return among(float(best), drawn, float(truth), level)
    here, seed = ~left, int(rng.integers(1e9))

    def at(level: float):
        return renewing.ahead(found, due[here].astype(float), 3, level=level, seed=seed).payments

    return held(at(level), np.minimum(life[here] - due[here], 3).sum(), at)


def lived_of(rng: Generator, n: int, *, late: bool = False, informative: bool = False):
    """Lives of a Weibull of shape .8 with mean about 24 months, cut off at 3 to 30; reasons 2 to 1."""
    life = 21.0 * rng.weibull(0.8, n)
    cut = rng.uniform(3, 30, n)
    if informative:
        cut = np.where(rng.uniform(size=n) < 0.5, np.minimum(cut, life * rng.uniform(0.8, 1.0, n)), cut)
    entry = np.where(rng.uniform(size=n) < 0.5, rng.uniform(0, 6, n), 0.0) if late else np.zeros(n)
    there = np.minimum(life, cut) > entry
    reason = np.where(rng.uniform(size=n) < 2 / 3, 1, 2)
    return survival.tenures(
        np.minimum(life, cut)[there], (life <= cut)[there], entry=entry[there], reason=reason[there]
    )


def stay_at(t: float) -> float:
    return float(np.exp(-((t / 21.0) ** 0.8)))


def of_curve(rng: Generator, n: int, level: float, what: str, **how: bool) -> float:
    lived = lived_of(rng, n, **how)
    grid = np.linspace(0, 12, 4001)
    truth, of = {
        "share": (stay_at(12.0), at_a_year),
        "median": (21.0 * np.log(2) ** (1 / 0.8), survival.quantile_time),
        "mean": (
            float(np.trapezoid(np.exp(-((grid / 21.0) ** 0.8)), grid)), lambda curve: survival.restricted_mean(curve, 12.0)
        ),
    }[what]  # fmt: skip

    def at(level: float):
        return of(survival.kaplan_meier(lived, level=level))

    return held(at(level), truth, at, refused=1.0)


def at_a_year(curve: survival.Curve) -> Ends:
    return Ends(float(curve.value([12.0])[0]), *(float(v[0]) for v in curve.interval([12.0])))


def gone_by(rng: Generator, n: int) -> float:
    lived = lived_of(rng, n)

    def at(level: float) -> Ends:
        return at_a_year(survival.aalen_johansen(lived, reasons=2, level=level)[1])

    return held(at(LEVEL), (1 - stay_at(12.0)) / 3, at)


def hazard_of(rng: Generator, n: int) -> float:
    life, cut = rng.exponential(24, n), rng.uniform(3, 30, n)
    lived = survival.tenures(np.minimum(life, cut), life <= cut)

    def at(level: float) -> Ends:
        found = survival.hazards(lived, [0, 6, 12, 30], level=level)
        return Ends(found.rate[1], found.low[1], found.high[1])

    return held(at(LEVEL), 1 / 24, at)


def effect_of(rng: Generator, n: int, how: str) -> float:
    x = rng.normal(size=(n, 2))
    life, cut = rng.exponential(20 * np.exp(-0.5 * x[:, 0])), rng.uniform(3, 30, n)
    entry = np.where(rng.uniform(size=n) < 0.4, rng.uniform(0, 6, n), 0.0)
    there = np.minimum(life, cut) > entry
    lived = survival.tenures(np.minimum(life, cut)[there], (life <= cut)[there], entry=entry[there])
    if how == "cox":
        found = hazards.cox(lived, x[there])
    else:
        rows = hazards.person_periods(lived, 1.0)
        found = hazards.discrete(
            rows.ended, np.minimum(rows.period // 6, 3), x[there][rows.customer], exposed=rows.exposed
        )
    return Held(1.0) if found.refused else of_first(found, 0.5)


def of_first(found: hazards.Effects, truth: float) -> float:
    """Whether the interval of the first coefficient holds the truth."""

    def at(level: float) -> Ends:
        low, high = found.interval(level)
        return Ends(found.beta[0], low[0], high[0])

    return held(at(LEVEL), truth, at)


def at_risk(rng: Generator, n: int, of: str) -> float:
    """A steady hazard of .03 a month, two thirds by the first reason: of 500 who are there, what leaves in a year."""
    life, cut = rng.exponential(1 / 0.03, n), rng.uniform(3, 30, n)
    reason = np.where(rng.uniform(size=n) < 2 / 3, 1, 2)
    lived = survival.tenures(np.minimum(life, cut), life <= cut, reason=reason)
    here, seed = rng.uniform(3, 30, 500), int(rng.integers(1e9))
    truth = 500 * stakes._parts((np.array([0.02, 0.01]) * 12)[None, :], np.ones(1))

    def at(level: float):
        found = stakes.stakes(lived, here, np.ones(500), 12.0, reasons=2, draws=200, seed=seed, level=level)
        return found.total if of == "total" or found.total.refused else found.reasons[1]

    return held(at(LEVEL), truth.sum() if of == "total" else truth[1], at, refused=1.0)


def immortal(rng: Generator, n: int, *, by_day: bool) -> float:
    """Something that comes to some at month 9 and does nothing: told of those who stayed to get it, and by its day."""
    life, cut = rng.exponential(14, n), rng.uniform(12, 36, n)
    had = (life > 9) & (rng.uniform(size=n) < 0.7)
    lived = survival.tenures(np.minimum(life, cut), life <= cut)
    if by_day:
        pieces, _, x = hazards.split_at(lived, np.where(had, 9.0, np.nan))
        found = hazards.cox(pieces, x[:, None])
    else:
        found = hazards.cox(lived, had[:, None].astype(float))
    return Held(1.0) if found.refused else of_first(found, 0.0)


def told_and_came(rng: Generator, *, changed: float = 1.0):
    """Chances fitted to 3,000 customer months with three facts, told to 1,500 later ones, and what came of those."""
    n, late = 4500, np.arange(4500) >= 3000
    x = (rng.random((n, 3)) < (0.1, 0.15, 0.2)).astype(float)
    group = rng.integers(0, 2, n)
    odds = np.exp(-4.0 + 1.5 * group + x @ (1.0, 0.6, 0.0)) * np.where(late, changed, 1.0)
    came = (rng.random(n) < odds / (1 + odds)).astype(float)
    model = hazards.discrete(came[~late], group[~late], x[~late], link="logit", each=0, penalty=2.0)
    return hazards.told_chances(model, group[late], x[late], link="logit"), model.joint, came[late]


def renewals_told(rng: Generator) -> float:
    (chance, _, _, slopes), joint, came = told_and_came(rng)

    def at(level: float) -> Ends:
        return Ends(*total_of(chance, np.ones(len(chance)), slopes, joint, level=level))

    return held(at(LEVEL), came.sum(), at)


def off_target(rng: Generator, changed: float) -> float:
    (chance, *_), _, came = told_and_came(rng, changed=changed)
    return float(abs(reliability(chance, came, np.full(len(came), came.mean())).z) > 2.5)


def seen_before(rng: Generator, ratio: float, *, blind: bool = False) -> float:
    """A fact that old customers, who leave more, meet more often; within an age it has this odds ratio."""
    age = rng.integers(0, 6, 1500)
    met = rng.random(1500) < 0.05 + 0.1 * age
    odds = np.exp(-3.2 + 0.4 * age) * np.where(met, ratio, 1.0)
    left = rng.random(1500) < odds / (1 + odds)

    def at(level: float) -> Ends:
        found = matched.odds_ratio(left, met, np.zeros(1500, np.int64) if blind else age, level=level)
        return Ends(*np.log([found.value, found.low, found.high]))

    return held(at(LEVEL), np.log(ratio), at, refused=1.0)


def register(case: Callable[..., object], named: Callable[[str], None]) -> None:
    """Put these truths on the list."""

    def add(name: str, room: str, method: str, truth: str, once: Callable[[Generator], float], *, kind: str = "covers",
            nominal: float = 0.95, runs: int = 1000) -> None:  # fmt: skip
        case(room=room, method=method, truth=truth, kind=kind, nominal=nominal, runs=runs)(once)
        named(name)

    buying = "r .8, alpha 6 weeks"
    for n, level in ((300, 0.95), (1000, 0.95), (1000, 0.8)):
        add(f"purchases_ahead_{n}_{level:g}", "try/value", "BG/NBD, total ahead by drawn futures",
            f"{buying}, a 1, b 4; {n} customers, 26 weeks ahead", nominal=level, runs=200,
            once=lambda rng, n=n, level=level: total_ahead(rng, n, "bg/nbd", level))  # fmt: skip
    add("purchases_ahead_pareto", "try/value", "Pareto/NBD, total ahead by drawn futures",
        f"{buying}, s .6, beta 12; 800 customers, 26 weeks ahead", runs=100,
        once=lambda rng: total_ahead(rng, 800, "pareto/nbd", 0.95))  # fmt: skip
    for level in (0.95, 0.8):
        add(f"purchases_of_a_new_customer_{level:g}", "try/value", "BG/NBD, drawn parameters",
            f"{buying}: purchases of a new customer in a year, from 800", nominal=level, runs=400,
            once=lambda rng, level=level: expected_of_new(rng, 800, level))  # fmt: skip
    add("money_ahead", "try/value", "BG/NBD and Gamma-Gamma, total ahead",
        f"{buying}, p 6, q 4, v 15; 800 customers", runs=200, once=lambda rng: money_ahead(rng, 800))  # fmt: skip
    add("money_that_goes_with_frequency", "try/value", "Gamma-Gamma, refused for spend that goes with frequency",
        "the same, who buys twice as often spends less than half a time", kind="finds", runs=100,
        once=lambda rng: tie_refused(rng, 800, -1.2))  # fmt: skip
    add("buying_speeds_up", "try/value", "BG/NBD without a look at time held out",
        "everybody begins to buy 2.5 times as fast in the last quarter of the data", kind="breaks", runs=100,
        once=lambda rng: faster(rng, widen=False))  # fmt: skip
    add("buying_speeds_up_and_is_held_out", "try/value", "BG/NBD, widened by what the time held out missed",
        "the same: 2.5 times as fast, seen in the time held out", runs=100,
        once=lambda rng: faster(rng, widen=True))  # fmt: skip
    for n, level in ((150, 0.95), (1000, 0.95), (1000, 0.8)):
        add(f"contracts_survive_{n}_{level:g}", "try/value", "sBG, share that survives five renewals",
            f"chance to leave of beta(1, 3), {n} contracts begun over six years", nominal=level,
            once=lambda rng, n=n, level=level: renewals(rng, n, level, "survival"))  # fmt: skip
        add(f"renewals_ahead_{n}_{level:g}", "try/value", "sBG, renewals ahead by drawn futures",
            f"the same {n} contracts: renewals within three years", nominal=level,
            once=lambda rng, n=n, level=level: renewals(rng, n, level, "ahead"))  # fmt: skip
    for n, level in ((40, 0.95), (200, 0.95), (1000, 0.95), (200, 0.8)):
        add(f"share_that_stays_{n}_{level:g}", "try/churn", "Kaplan-Meier, log-log band",
            f"Weibull lives cut off at 3 to 30 months, {n} customers: share at 12", nominal=level, runs=2000,
            once=lambda rng, n=n, level=level: of_curve(rng, n, level, "share"))  # fmt: skip
    add("share_that_stays_seen_late", "try/churn", "Kaplan-Meier, late entry counts from then on",
        "the same 300, half of them first seen within six months", runs=2000,
        once=lambda rng: of_curve(rng, 300, 0.95, "share", late=True))  # fmt: skip
    add("median_stay", "try/churn", "Brookmeyer and Crowley", "the same lives, 300 customers: median", runs=1000,
        once=lambda rng: of_curve(rng, 300, 0.95, "median"))  # fmt: skip
    for n, level in ((60, 0.95), (300, 0.95), (300, 0.8)):
        add(f"mean_stay_{n}_{level:g}", "try/churn", "restricted mean", f"the same lives, {n} customers: mean of 12 months",
            nominal=level, once=lambda rng, n=n, level=level: of_curve(rng, n, level, "mean"))  # fmt: skip
    add("gone_by_a_reason", "try/churn", "Aalen-Johansen, complementary log-log", "a third leaves by the second of two reasons, 150",
        runs=2000, once=lambda rng: gone_by(rng, 150))  # fmt: skip
    add("hazard_by_tenure", "try/churn", "Garwood's interval", "a steady hazard, 150 customers: months 6 to 12", runs=2000,
        once=lambda rng: hazard_of(rng, 150))  # fmt: skip
    add("hazard_ratio", "try/churn", "Cox, Efron ties, late entry", "log ratio .5, 200 customers, some seen late",
        once=lambda rng: effect_of(rng, 200, "cox"))  # fmt: skip
    add("monthly_hazard_ratio", "try/churn", "discrete hazard, cloglog", "log ratio .5 month by month, 200, some seen late", runs=600,
        once=lambda rng: effect_of(rng, 200, "discrete"))  # fmt: skip
    for n in (150, 800):
        add(f"value_at_risk_{n}", "try/churn", "hazards by tenure, gamma draws: all at risk",
            f"hazard .03 a month by two reasons, {n} lives", runs=500, once=lambda rng, n=n: at_risk(rng, n, "total"))  # fmt: skip
    add("value_at_risk_by_a_reason", "try/churn", "Shapley part of the smaller reason",
        "hazard .03 a month by two reasons, 800: the third of it", runs=500, once=lambda rng: at_risk(rng, 800, "reason"))  # fmt: skip
    add("cut_off_before_leaving", "try/churn", "Kaplan-Meier", "half are cut off shortly before they would leave", kind="breaks",
        runs=500, once=lambda rng: of_curve(rng, 300, 0.95, "share", informative=True))  # fmt: skip
    add("immortal_time", "try/churn", "Cox with what happened later as if it had always been",
        "comes to some at month 9, does nothing: ratio of 1", kind="breaks", runs=100,
        once=lambda rng: immortal(rng, 400, by_day=False))  # fmt: skip
    add("part_by_its_day", "try/churn", "Cox, counted from its day", "comes to some at month 9, does nothing, told by its day",
        runs=300, once=lambda rng: immortal(rng, 400, by_day=True))  # fmt: skip
    add("renewals_told", "customers/renewals", "discrete hazard (logit, ridge), range of all who leave",
        "two kinds of contract, three facts, 3,000 customer months known and 1,500 told", runs=500, once=renewals_told)  # fmt: skip
    add("off_target_though_nothing_changed", "customers/renewals", "caution that leaving has changed",
        "the same, nothing changed", kind="alarms", nominal=0.05, runs=500, once=lambda rng: off_target(rng, 1.0))  # fmt: skip
    add("off_target_when_leaving_doubles", "customers/renewals", "caution that leaving has changed",
        "the same, the odds of leaving double after the fit", kind="finds", nominal=0.8, runs=300,
        once=lambda rng: off_target(rng, 2.0))  # fmt: skip
    for ratio in (1.0, 2.5):
        add(f"seen_before_{ratio:g}", "customers/reasons", "Mantel-Haenszel within like ones",
            f"old customers meet it and leave more often; odds ratio {ratio:g} within an age", runs=1000,
            once=lambda rng, ratio=ratio: seen_before(rng, ratio))  # fmt: skip
    add("seen_before_not_matched", "customers/reasons", "odds ratio without like ones (what is not done)",
        "old customers meet it and leave more often, and it does nothing", kind="breaks", runs=300,
        once=lambda rng: seen_before(rng, 1.0, blind=True))  # fmt: skip
    for bent in (False, True):
        add(f"a_curve_that_comes_true_{bent}", "try/churn", "ranks in one's own curve uneven (PIT), p < .05",
            "the ratio changes over tenure: Weibull of shape 3 and .5, 1,000 customers" if bent
            else "a steady ratio of 2, 600 customers cut off at 5 to 40 months",
            kind="finds" if bent else "alarms", nominal=0.9 if bent else 0.05, runs=300,
            once=lambda rng, bent=bent: float(tried(rng, 1000 if bent else 600, bent=bent).p < 0.05))  # fmt: skip
    add("an_idle_part_foretells_nothing", "try/churn", "Brier's score (IPCW) better than the curve of all",
        "a part that goes with nothing, 600 customers", kind="alarms", nominal=0.05, runs=300,
        once=lambda rng: float(tried(rng, 600, ratio=1.0).gain.low > 0))  # fmt: skip
    add("a_part_that_foretells", "try/churn", "Brier's score (IPCW) better than the curve of all",
        "a ratio of 2, 600 customers", kind="finds", nominal=0.8, runs=300,
        once=lambda rng: float(tried(rng, 600).gain.low > 0))  # fmt: skip


def tried(rng: Generator, n: int, *, ratio: float = 2.0, bent: bool = False) -> Foretold:
    """Chances to stay a year, told by a part that makes leaving `ratio` times as quick, and what came."""
    x = rng.integers(0, 2, n).astype(float)
    life = rng.exponential(20 / ratio**x)
    if bent:
        life = np.where(x > 0, 20 * rng.weibull(3.0, n), 20 * rng.weibull(0.5, n))
    cut = rng.uniform(5, 40, n)
    return foretold(survival.tenures(np.minimum(life, cut), life <= cut), x[:, None], 12.0)
