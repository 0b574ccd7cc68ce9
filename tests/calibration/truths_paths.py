"""Made-up truths for journeys: customers whose next steps did not change, or did, and customers who leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from held import Ends, held

from regard.statistics.atrisk import at_risk, conditional_odds
from regard.statistics.choices import compare
from regard.statistics.motifs import Lives, before_end

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

    from regard.statistics.choices import Compared

DAY = 24
PLACES, WAYS = 4, 4


def went(rng: Generator, *, n: int = 250, shift: float = 0.0, busy: float = 1.0, gathered: int = 1, few: bool = False):
    """Choices of customers in two periods: every customer has tastes of their own at every place, one in ten comes often.

    Args:
        rng: The generator.
        n: Customers.
        shift: How far place 0 leads all customers to way 0 in the second period.
        busy: How much oftener they come in the second period.
        gathered: Customers of an account, who are of one mind in each period, and of another in the next.
        few: Whether each customer comes at most a few times.
    """
    taste = rng.dirichlet(np.full(WAYS, 0.7), (n, PLACES))
    found = []
    for now in (0, 1):
        odds = taste.copy()
        if gathered > 1:
            odds = np.repeat(rng.dirichlet(np.full(WAYS, 0.7), (n // gathered, PLACES)), gathered, axis=0)
        if now and shift:
            odds[:, 0] *= 1 - shift
            odds[:, 0, 0] += shift
        often = np.where((np.arange(n) % 10 == 0) & (not few), 15.0, 1.0) * (busy if now else 1.0)
        here = rng.uniform(size=n) < 0.75
        times = rng.poisson(np.repeat((often * here)[:, None], PLACES, axis=1))
        made = rng.multinomial(times, odds)
        who, place, way = np.nonzero(made)
        found.append((who, place, way, np.full(len(who), bool(now)), made[who, place, way]))
    return tuple(np.concatenate(parts) for parts in zip(*found, strict=True))


def compared(rng: Generator, **how) -> Compared:
    *choices, times = went(rng, **how)
    return compare(*choices, times=times, draws=299, seed=int(rng.integers(1 << 30)))


def rings(found: Compared) -> float:
    return float(found.p <= 0.05)


def lives(rng: Generator, *, n: int = 2400, codes: int = 8, motif: float = 0.0, ratio: float = 1.0, trait: float = 0.0,
          aging: bool = False) -> Lives:  # fmt: skip
    """Customers who take a step every two days or so for up to 200 days, and leave at a rate of some per mille a day.

    Args:
        rng: The generator.
        n: Customers.
        codes: Kinds of steps.
        motif: Share of the 20-day windows in which a customer does 0, 1 in a row on top of all else.
        ratio: How much oftener those leave within 20 days.
        trait: How far being unhappy, which nobody sees, makes customers both do 0, 1 and leave.
        aging: Whether step 7 comes with tenure and step 6 with the season.
    """
    begin, last = rng.integers(0, 160 * DAY, n), 220 * DAY
    unhappy = rng.uniform(size=n) < 0.3
    odd = 1 + 3 * trait * unhappy
    many = np.maximum((last - begin) // (2 * DAY), 1)
    who = np.repeat(np.arange(n), many)
    at = rng.integers(begin[who], last)
    what = rng.integers(2, codes, len(at))
    if aging:
        what = np.where(rng.uniform(size=len(at)) < (at - begin[who]) / last, 7, what)
        what = np.where((rng.uniform(size=len(at)) < 0.3) & (np.sin(at / (30 * DAY)) > 0.5), 6, what)
    taken = np.repeat(np.arange(n), rng.poisson(motif * odd * (last - begin) / (20 * DAY)))
    shown = rng.integers(begin[taken], last)
    gone = (begin + rng.exponential(DAY / 0.004, n) / odd).astype(np.int64)
    for i in np.unique(taken) if ratio != 1 else ():
        gone[i] = _gone(rng, int(begin[i]), np.sort(shown[taken == i]), 0.004 / DAY * odd[i], ratio)
    who, at = np.r_[who, taken, taken], np.r_[at, shown, shown + 1]
    what = np.r_[what, np.zeros(len(taken), int), np.ones(len(taken), int)]
    keep = at < gone[who]
    order = np.lexsort((at[keep], who[keep]))
    return Lives(
        starts=np.r_[0, np.cumsum(np.bincount(who[keep], minlength=n))], times=at[keep][order],
        codes=what[keep][order].astype(np.int64), begin=begin, end=np.minimum(gone, 200 * DAY),
        ended=gone < 200 * DAY,
    )  # fmt: skip


def _gone(rng: Generator, begin: int, shown, rate: float, ratio: float) -> int:
    """When a customer leaves, whose rate is `ratio` times as high for 20 days after each time they took the path."""
    at, left = begin, rng.exponential()
    turns = sorted({t for s in shown for t in (int(s), int(s) + 20 * DAY)})
    for turn in [*turns, 1 << 40]:
        high = any(s <= at < s + 20 * DAY for s in shown)
        speed = rate * (ratio if high else 1.0)
        if left <= speed * (turn - at):
            return int(at + left / speed)
        left -= speed * (turn - at)
        at = turn
    raise AssertionError


def register(case: Callable, named: Callable) -> None:
    """Put the rows of journeys on the table."""
    _comparisons(case, named)
    _motifs(case, named)


def _comparisons(case: Callable, named: Callable) -> None:
    room, method = "journey/paths", "any way, permuted by customer, step-down maximum"
    quiet = {
        "no_way_changed": ("nothing changed; tastes of their own, one in ten comes often", {}),
        "no_way_changed_of_few": ("nothing changed, 60 customers", {"n": 60}),
        "no_way_changed_though_busier": ("nothing changed, but customers come thrice as often", {"busy": 3.0}),
    }
    for name, (truth, how) in quiet.items():

        @case(room=room, method=method, truth=truth, kind="alarms", nominal=0.05, runs=2000)
        def _quiet(rng: Generator, how: dict = how) -> float:
            return rings(compared(rng, **how))

        named(name)

    @case(room=room, method="chi-square of steps (what is not done)", kind="breaks", nominal=0.05, runs=500,
          truth="nothing changed; tastes of their own, one in ten comes often")  # fmt: skip
    def steps_taken_for_customers(rng: Generator) -> float:
        _, place, way, now, times = went(rng)
        from scipy.stats import chi2_contingency

        p = [
            chi2_contingency(
                np.array(
                    [
                        np.bincount(way[(place == k) & (now == t)], times[(place == k) & (now == t)], WAYS)
                        for t in (0, 1)
                    ]
                )
            ).pvalue
            for k in range(PLACES)
        ]
        return float(min(p) <= 0.05 / PLACES)

    @case(room=room, method=method, kind="breaks", nominal=0.05, runs=500,
          truth="accounts of 10 who change their minds together, account not named")  # fmt: skip
    def people_of_one_account_who_turn_together(rng: Generator) -> float:
        return rings(compared(rng, gathered=10))

    for n, shift, least in ((250, 0.2, 0.5), (1000, 0.2, 0.95), (1000, 0.1, 0.45)):

        @case(room=room, method=method, kind="finds", nominal=least, runs=300,
              truth=f"one way of 16 gains {100 * shift:.0f} % of those who went elsewhere, {n:,} customers")  # fmt: skip
        def _found(rng: Generator, n: int = n, shift: float = shift) -> float:
            return float(
                any(w.adjusted <= 0.05 and (w.place, w.way) == (0, 0) for w in compared(rng, n=n, shift=shift).ways)
            )

        named(f"a_way_that_gained_{n}_{100 * shift:.0f}")

    for n, few in ((250, False), (40, True)):

        @case(room=room, method="difference of shares by customer", kind="covers", runs=1000,
              truth=f"a way that gained a fifth, {n} customers{', few visits' if few else ''}")  # fmt: skip
        def _covered(rng: Generator, n: int = n, few: bool = few) -> float:
            *choices, times = went(rng, n=n, shift=0.2, few=few)
            return held(gained(choices, times, 0.95), 0.15, lambda level: gained(choices, times, level), refused=1.0)

        named(f"the_gain_of_a_way_{n}")


def gained(choices, times, level: float):
    """The difference of the way that gained: a fifth of the three quarters who went elsewhere."""
    found = compare(*choices, times=times, draws=9, level=level)
    row = next(w.difference for w in found.ways if (w.place, w.way) == (0, 0))
    return row if not row.refused else Ends(np.nan, np.nan, np.nan)


def _motifs(case: Callable, named: Callable) -> None:
    room, method = "journey/before-loss", "any path confirmed, matched sets, two halves"
    for name, truth, how in (
        ("no_path_leads_to_a_loss", "nobody leaves for a path", {"motif": 0.1}),
        ("no_path_though_steps_age", "steps that come with tenure and season, none with a loss", {"aging": True}),
    ):

        @case(room=room, method=method, truth=truth, kind="alarms", nominal=0.05, runs=300)
        def _quiet(rng: Generator, how: dict = how) -> float:
            found = before_end(lives(rng, n=900, **how), window=20 * DAY, seed=int(rng.integers(1 << 30)))
            return float(any(r.confirmed for r in found.rows))

        named(name)

    @case(room=room, method="whole lives of those who left beside those who stayed (what is not done)", kind="breaks",
          nominal=0.05, runs=200, truth="steps that come with tenure and season, none with a loss")  # fmt: skip
    def immortal_time(rng: Generator) -> float:
        from scipy.stats import fisher_exact

        given = lives(rng, n=1200, aging=True)
        who = np.repeat(np.arange(len(given.begin)), np.diff(given.starts))
        p = []
        for code in range(8):
            took = np.bincount(who, given.codes == code, len(given.begin)) > 0
            table = [[int((took & e).sum()), int((~took & e).sum())] for e in (given.ended, ~given.ended)]
            p.append(fisher_exact(table).pvalue)
        return float(min(p) <= 0.05 / 8)

    @case(room=room, method=method, kind="breaks", nominal=0.05, runs=100,
          truth="nobody leaves for a path; the unhappy both take it and leave five times as often")  # fmt: skip
    def an_unseen_trait(rng: Generator) -> float:
        found = before_end(lives(rng, n=1200, motif=0.15, trait=1.33), window=20 * DAY, seed=int(rng.integers(1 << 30)))
        return float(any(r.confirmed for r in found.rows))

    for support, ratio, least in ((0.05, 3, 0.75), (0.1, 2, 0.5), (0.2, 2, 0.7)):

        @case(room=room, method="the planted path is confirmed", kind="finds", nominal=least, runs=100,
              truth=f"in {100 * support:.0f} % of windows a path after which {ratio} times as many leave")  # fmt: skip
        def _recalled(rng: Generator, support: float = support, ratio: float = ratio) -> float:
            given = lives(rng, n=1600, motif=support, ratio=ratio)
            found = before_end(given, window=20 * DAY, seed=int(rng.integers(1 << 30)))
            return float(any(r.confirmed and set(r.steps) & {0, 1} for r in found.rows))

        named(f"a_path_before_loss_{100 * support:.0f}_{ratio}")

    @case(room=room, method="conditional odds ratio in matched sets", kind="covers", runs=200,
          truth="in 20 % of windows a path after which 3 times as many leave, 800 customers")  # fmt: skip
    def the_odds_of_a_planted_path(rng: Generator) -> float:
        given = lives(rng, n=800, motif=0.2, ratio=3.0)
        sets = at_risk(given.begin, given.end, given.ended, seen=20 * DAY, rng=rng)
        took = np.zeros(len(sets.case), bool)
        for i, (who, at) in enumerate(zip(sets.person, sets.at, strict=True)):
            own = slice(given.starts[who], given.starts[who + 1])
            took[i] = ((given.codes[own] == 0) & (given.times[own] >= at - 20 * DAY) & (given.times[own] < at)).any()

        def log_odds(level: float) -> Ends:
            row = conditional_odds(took, sets, level=level)
            return Ends(*np.log([row.value, row.low, row.high]))

        return held(log_odds(0.95), np.log(3.0), log_odds)
