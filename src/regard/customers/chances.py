"""Chances to leave within the days ahead, from what was known before: a model, tried on later moments, told for now.

The main engine is a discrete-time hazard (logit) over customers at moments. Its groups of contracts, by billing and by
whether a renewal falls due, have rates of their own; facts move them. It is tried where it counts: fitted on earlier
moments, judged on later ones; where it tells no more there than the plain rates of the groups, those are told instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regard.errors import Refusal
from regard.statistics.estimates import quantile
from regard.statistics.hazards import Effects, discrete, told_chances
from regard.statistics.reliability import Reliability, reliability
from regard.wording import count

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.customers.panel import Panel
    from regard.signals.tenures import Stays
    from regard.statistics.estimates import Floats, Whole

LEAST = 30
"""Fewest ends that chances are told from."""
LATER = 0.34
"""Share of the moments, the latest ones, that the model is judged on."""
PENALTY = 2.0
MANY = 100_000
CONTROLS = 20
"""Rows without an end for each with one: the standard error grows by a fortieth."""
MOST_PLANS = 5


@dataclass(frozen=True, kw_only=True)
class Chances:
    """What is told for now, and how far it may be trusted.

    Attributes:
        left: Chance of each row of the present to leave.
        low: Lower end of its interval.
        high: Upper end.
        slopes: Slopes of the chances in the parameters of the model, for sums.
        covariance: Of those parameters.
        plain: The plain rate of its group.
        effects: The fitted model over all moments; refused where plain rates are told.
        names: Names of its coefficients.
        tried: Reliability on the later moments, by a model that never saw them.
        moments: Moments fitted and judged.
        used: Whether the model is told, and not the plain rates.
    """

    left: Floats
    low: Floats
    high: Floats
    slopes: Floats
    covariance: Floats
    plain: Floats
    effects: Effects
    names: tuple[str, ...]
    tried: Reliability
    moments: tuple[int, int]
    used: bool


@dataclass(frozen=True, kw_only=True)
class _Design:
    group: Whole
    x: Floats
    names: tuple[str, ...]


def design(found: Stays, shown: Panel) -> _Design:
    """Groups and columns of a panel's rows: facts, tenure, plans."""
    every = found.every[shown.stay].astype(str)
    _, group = np.unique(np.char.add(every, np.where(shown.due, " due", "")), return_inverse=True)
    columns = [f.value for f in shown.facts] + [np.log1p(shown.tenure)]
    names = [f.name for f in shown.facts] + ["tenure"]
    plans, times = np.unique(shown.plan.astype(str), return_counts=True)
    for plan in [p for _, p in sorted(zip(-times, plans, strict=True))][1 : MOST_PLANS + 1]:
        columns.append((shown.plan == plan).astype(float))
        names.append(f"plan {plan}" if plan else "no plan")
    return _Design(group=group.reshape(-1).astype(np.int64), x=np.column_stack(columns), names=tuple(names))


def chances(found: Stays, shown: Panel) -> Chances:
    """Chances for the rows of the latest moment, fitted to the earlier ones.

    Raises:
        Refusal: Too few have left to tell.
    """
    made = design(found, shown)
    now, past = shown.moment == 0, shown.moment > 0
    ended = int(shown.left[past].sum())
    if ended < LEAST:
        raise Refusal(
            f"Only {count(ended, 'contract')} ended in the time that could be looked at; at least {LEAST} are needed.",
            hint="Come back when more is known, or ask for a longer time with --ahead 90.",
        )
    last = int(shown.moment.max())
    cut = max(round(last * LATER), 1)
    late, early = past & (shown.moment <= cut), shown.moment > cut
    if shown.left[late].sum() < 5 or shown.left[early].sum() < LEAST // 2:
        raise Refusal(
            "Too few contracts ended to try chances on a later time than they were fitted to.",
            hint="Come back when more is known, or ask for a longer time with --ahead 90.",
        )
    y = shown.left.astype(float)
    model, told = _fitted(made, y, early)
    chance, plain = told(late), _rates(made.group, y, early)[made.group[late]]
    tried = reliability(chance[0], y[late], plain)
    used = not model.refused and tried.gain > 0
    whole, say = _fitted(made, y, past)
    rates = _rates(made.group, y, past)[made.group[now]]
    if not used:
        tried = reliability(plain, y[late], plain)
    left, low, high, slopes = say(now) if used else _plainly(made.group, y, past, now)
    covariance = _covariance(whole if used else None, made.group, y, past)
    return Chances(
        left=left, low=low, high=high, slopes=slopes, covariance=covariance, plain=rates, effects=whole,
        names=made.names, tried=tried, moments=(last - cut, cut), used=used,
    )  # fmt: skip


def _fitted(made: _Design, y: Floats, rows: NDArray[np.bool_]):  # type: ignore[no-untyped-def]  # noqa: ANN202
    """The model of some rows, and what it tells of others."""
    ends = np.bincount(made.group[rows], y[rows], minlength=int(made.group.max()) + 1)
    place = np.where(ends > 0, np.cumsum(ends > 0) - 1, -1)
    chosen = rows & (place[made.group] >= 0)
    few, kept = _thinned(y, chosen)
    model = discrete(y[few], place[made.group[few]], made.x[few], link="logit", each=0, penalty=PENALTY, kept=kept)

    def told(of: NDArray[np.bool_]) -> tuple[Floats, Floats, Floats, Floats]:
        """Chances, their ends, and slopes in the model's parameters and then in each group's plain rate."""
        left, low, high, slopes = _plainly(made.group, y, rows, of)
        spans = place[made.group[of]]
        if model.refused:
            return left, low, high, slopes
        known, size = spans >= 0, len(model.joint)
        out = np.concatenate([np.zeros((len(left), size)), slopes * ~known[:, None]], axis=1)
        left[known], low[known], high[known], out[known, :size] = told_chances(
            model, spans[known], made.x[of][known], link="logit"
        )
        return left, low, high, out

    return model, told


def _thinned(y: Floats, chosen: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], float]:
    """All ends and as many of the rest as tell nearly as much, where rows are very many; and the share of the rest."""
    ends = float(y[chosen].sum())
    share = CONTROLS * ends / max(float(chosen.sum()) - ends, 1.0)
    if chosen.sum() <= MANY or share >= 0.5:
        return chosen, 1.0
    drawn = np.random.default_rng(0).random(len(y)) < share
    return chosen & ((y > 0) | drawn), share


def _plainly(
    group: Whole, y: Floats, rows: NDArray[np.bool_], of: NDArray[np.bool_]
) -> tuple[Floats, Floats, Floats, Floats]:
    """The plain rates of some rows' groups, their ends, and which group's rate each row is."""
    rates = _rates(group, y, rows)
    half = quantile(0.95) * np.sqrt(_rate_variance(group, y, rows))
    which = np.eye(len(rates))[group[of]]
    low, high = np.clip(rates - half, 0, 1), np.clip(rates + half, 0, 1)
    return rates[group[of]], low[group[of]], high[group[of]], which


def _covariance(model: Effects | None, group: Whole, y: Floats, rows: NDArray[np.bool_]) -> Floats:
    rates = np.diag(_rate_variance(group, y, rows))
    if model is None or model.refused:
        return rates
    size = len(model.joint)
    whole = np.zeros((size + len(rates),) * 2)
    whole[:size, :size], whole[size:, size:] = model.joint, rates
    return whole


def _rate_variance(group: Whole, y: Floats, rows: NDArray[np.bool_]) -> Floats:
    rates = _rates(group, y, rows)
    return np.asarray(rates * (1 - rates) / (np.bincount(group[rows], minlength=len(rates)) + 1.0))


def _rates(group: Whole, y: Floats, rows: NDArray[np.bool_]) -> Floats:
    """Share that left by group, with half an end more than seen, so that none is told as never."""
    groups = int(group.max()) + 1
    ends, all_ = np.bincount(group[rows], y[rows], minlength=groups), np.bincount(group[rows], minlength=groups)
    return np.asarray((ends + 0.5) / (all_ + 1.0))
