"""Value of customers under contract: renewals ahead by sBG, survival by cohort, value at risk by competing reasons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from regard import wording
from regard.customers.worths import Cohort, CurvePoint, CustomerWorth, ReasonStake, Value, WorthTenth
from regard.errors import Refusal
from regard.findings import Caution, Interval
from regard.signals.ask import Ask
from regard.signals.tenures import MONTH, UNKNOWN, Stays, stays
from regard.statistics import contracts as sbg
from regard.statistics import renewing, survival
from regard.statistics.estimates import Floats, Whole
from regard.statistics.stakes import Stakes, stakes
from regard.statistics.survival import Curve, Tenures

LENGTHS = {"month": MONTH, "quarter": 3 * MONTH, "year": 12 * MONTH}
YEAR = 365.25
LIFE = 10
LEAST = 10
FEW = 20
DRAWS = 200


@dataclass(frozen=True, kw_only=True)
class _Ahead:
    """What contracts bring, per stay that runs; NaN where its group could not be told."""

    stay: Floats
    ahead: Floats
    low: Floats
    high: Floats
    lifetime: Floats
    total: tuple[float, float, float]
    life: tuple[float, float, float]
    untold: int


def told(ask: Ask, *, ahead: int, discount: float) -> Value:
    """Value of customers under contract.

    Raises:
        Refusal: Too few contracts ended.
    """
    found = stays(ask)
    lived = found.lived()
    ended = int(lived.ended.sum())
    if ended < LEAST:
        raise Refusal(
            f"Only {wording.count(ended, 'contract')} ended so far; at least {LEAST} are needed to tell how long "
            f"they last.",
            hint="Import subscriptions with their ends, or a longer history.",
        )
    if not len(survival.counted(lived)[0]):
        raise Refusal("At no time were enough customers under observation.", hint="Import a longer history.")
    here = np.nonzero(found.here)[0]
    worth = np.nan_to_num(found.value[here])
    tenure = (found.until - found.since[here]) / MONTH
    risk = stakes(lived, tenure, worth, ahead / MONTH, reasons=len(found.reasons))
    curve = survival.kaplan_meier(lived)
    gone = survival.aalen_johansen(lived, reasons=len(found.reasons))
    bring = _ahead(found, here, ahead, discount)
    return _finding(ask, found, lived, here, risk=risk, curve=curve, gone=gone, bring=bring, ahead=ahead)


def _ahead(found: Stays, here: Whole, ahead: int, discount: float) -> _Ahead:
    """Renewals and money ahead by billing group, each with a model of its own."""
    n = len(here)
    stay, soon, life, low, high = np.full((5, n), np.nan)
    sums = np.zeros((2, 3))
    spread = np.zeros(2)
    untold = 0
    for every, length in LENGTHS.items():
        mine = np.nonzero(found.every[here] == every)[0]
        if not len(mine):
            continue
        rows = np.nonzero((found.every == every) & found.observed())[0]
        model = _model(found, rows, length)
        if model.refused:
            untold += len(mine)
            continue
        renewed = np.floor((found.until - found.since[here[mine]]) / length + 1e-9)
        each = np.nan_to_num(found.value[here[mine]]) * length / YEAR
        rate = (1 + discount) ** (length / YEAR) - 1
        steps, far = max(round(ahead / length), 1), round(LIFE * YEAR / length)
        bring = renewing.ahead(model, renewed, steps, amount=each, discount=rate)
        stay[mine] = np.exp(
            np.log(sbg.survival(model.fit.values, renewed + steps)) - np.log(sbg.survival(model.fit.values, renewed))
        )
        low[mine], high[mine] = bring.paid[bring.low] * each, bring.paid[bring.high] * each
        soon[mine], life[mine] = bring.each * each, sbg.remaining(model.fit.values, renewed, rate, ahead=far) * each
        drawn = _drawn(model, renewed, each, rate, far)
        sums[0, 0] += bring.value.value
        sums[1, 0] += float(life[mine].sum())
        spread += np.array([bring.value.error, float(drawn.std(ddof=1))]) ** 2
    half = 1.959964 * np.sqrt(spread)
    totals = [(float(s[0]), max(float(s[0] - h), 0.0), float(s[0] + h)) for s, h in zip(sums, half, strict=True)]
    return _Ahead(
        stay=stay, ahead=soon, low=low, high=high, lifetime=life, total=totals[0], life=totals[1], untold=untold
    )


def _model(found: Stays, rows: Whole, length: float) -> sbg.Contracts:
    over = ~found.here[rows]
    lasted = (np.where(over, found.left[rows], found.until) - found.since[rows]) / length
    renewed = np.where(over, np.maximum(np.ceil(lasted - renewing.GRACE) - 1, 0), np.floor(lasted + 1e-9))
    entered = np.floor(np.maximum(found.watched - found.since[rows], 0.0) / length)
    return sbg.contracts(np.maximum(renewed, entered), over, entered=entered)


def _drawn(model: sbg.Contracts, renewed: Floats, each: Floats, rate: float, far: int) -> Floats:
    """Lifetime value of a group under drawn parameters; customers of one age together."""
    ages, where = np.unique(renewed, return_inverse=True)
    weight = np.bincount(where.reshape(-1), each)
    some = model.fit.draws(DRAWS, np.random.default_rng(7))
    drawn: Floats = sbg.remaining(some, ages, rate, ahead=far) @ weight
    return drawn


def _finding(
    ask: Ask, found: Stays, lived: Tenures, here: Whole, *, risk: Stakes, curve: Curve, gone: list[Curve],
    bring: _Ahead,
    ahead: int,
) -> Value:  # fmt: skip
    stay = float(curve.value([12.0])[0])
    low, high = (float(v[0]) for v in curve.interval([12.0]))
    currency = ask.declarations.currency
    rows = _rows(found, here, bring)
    tenths, top = tenths_of(np.nan_to_num(bring.ahead))
    return Value(
        answer=_sentence(ask, found, here, bring=bring, risk=risk, ahead=ahead), customers=len(here), ahead=ahead,
        value_ahead=bring.total[0], value_interval=Interval(*bring.total[1:]), lifetime_value=bring.life[0],
        lifetime_interval=Interval(*bring.life[1:]), at_risk=risk.total.value,
        at_risk_interval=Interval(risk.total.low, risk.total.high), stay=stay, stay_interval=Interval(low, high),
        top_share=top, currency=currency, rows=rows, reasons=_reasons(found, lived, gone, risk),
        cohorts=_cohorts(found, cut=bool(ask.scope.by)),
        tenths=tenths, curve=tuple(_curve(curve, gone)), facts=_facts(found, stay, (low, high), curve),
        cautions=tuple(_cautions(found, bring)), next_step="Who may leave next, and why: regard customers renewals.",
        evidence=ask.evidence(
            n=len(found.id), customers=len(np.unique(found.customer)), kind="estimated",
            method="Renewals ahead by the shifted beta-geometric model of each billing period (Fader and Hardie 2007); "
            "Kaplan-Meier with log-log bands; competing reasons by Aalen and Johansen; value at risk by hazards of "
            "reason and tenure, divided by Shapley's value.",
        ),
    )  # fmt: skip


def _sentence(ask: Ask, found: Stays, here: Whole, *, bring: _Ahead, risk: Stakes, ahead: int) -> str:
    currency = ask.declarations.currency
    who = f"{wording.number(len(here))} {ask.declarations.called_many}"
    span = "the year" if ahead == 365 else f"the {wording.number(ahead)} days"
    worth = f"{wording.money(bring.total[0], currency)} in {span} ahead"
    ends = wording.between(bring.total[1], bring.total[2], lambda v: wording.money(v, currency))
    text = f"{who} are worth {worth}, {ends}; {wording.money(risk.total.value, currency)} a year is at risk"
    known = [(r.value, n) for r, n in zip(risk.reasons, found.reasons, strict=True) if n != UNKNOWN]
    return f"{text}, of the known reasons most by: {max(known)[1]}." if known and max(known)[0] > 0 else f"{text}."


def _rows(found: Stays, here: Whole, bring: _Ahead) -> tuple[CustomerWorth, ...]:
    order = np.lexsort((np.array(found.id)[here].astype(str), -np.nan_to_num(bring.lifetime, nan=-1.0)))

    def one(i: int) -> CustomerWorth:
        stay, known = here[i], bool(np.isfinite(bring.ahead[i]))
        return CustomerWorth(
            id=found.id[stay], name=found.name[stay] or found.id[stay], stay=float(bring.stay[i]) if known else 1.0,
            ahead=float(bring.ahead[i]) if known else None,
            ahead_interval=Interval(float(bring.low[i]), float(bring.high[i])) if known else None,
            lifetime=float(bring.lifetime[i]) if known else None,
            value=float(found.value[stay]) if np.isfinite(found.value[stay]) else None,
            months=float((found.until - found.since[stay]) / MONTH),
        )  # fmt: skip

    return tuple(one(int(i)) for i in order)


def _reasons(found: Stays, lived: Tenures, gone: list[Curve], risk: Stakes) -> tuple[ReasonStake, ...]:
    rows = []
    for i, name in enumerate(found.reasons):
        low, high = (float(v[0]) for v in gone[i].interval([12.0]))
        part = risk.reasons[i]
        rows.append(ReasonStake(
            reason=name, left=int((lived.reason == i + 1).sum()), gone=float(gone[i].value([12.0])[0]),
            interval=Interval(low, high), at_risk=part.value, at_risk_interval=Interval(part.low, part.high),
            at_risk_share=part.value / risk.total.value if risk.total.value else None,
        ))  # fmt: skip
    return tuple(rows)


def _cohorts(found: Stays, *, cut: bool) -> tuple[Cohort, ...]:
    """By year of the start, the latest first, or by slice; a share only where some were under observation that long."""
    years = np.floor(found.since).astype("datetime64[D]").astype("datetime64[Y]").astype(int) + 1970
    labels = np.array([s or "unknown" for s in found.slice]) if cut else years.astype(str)
    kept = found.observed()
    rows = []
    for label in np.unique(labels) if cut else np.unique(labels)[::-1]:
        mine = np.nonzero(labels == label)[0]
        seen = mine[kept[mine]]
        lived = survival.tenures(
            (np.where(found.here[seen], found.until, found.left[seen]) - found.since[seen]) / MONTH,
            ~found.here[seen],
            entry=np.maximum(found.watched - found.since[seen], 0.0) / MONTH,
        )
        curve = survival.kaplan_meier(lived)
        one, two = (_stay(curve, lived, months) for months in (12.0, 24.0))
        rows.append(Cohort(
            cohort=str(label), customers=len(mine), left=int((~found.here[mine]).sum()),
            value=float(np.nansum(found.value[mine][found.here[mine]])), stay=one[0], interval=one[1], stay_two=two[0],
            interval_two=two[1],
        ))  # fmt: skip
    return tuple(rows)


def _stay(curve: Curve, lived: Tenures, months: float) -> tuple[float | None, Interval | None]:
    under = int(((lived.entry < months) & (lived.exit >= months)).sum())
    early = bool((lived.entry <= 0.5).any())
    if under < FEW // 2 or lived.n < FEW or not early or not len(curve.at):
        return None, None
    low, high = (float(v[0]) for v in curve.interval([months]))
    return float(curve.value([months])[0]), Interval(low, high)


def _curve(curve: Curve, gone: list[Curve]) -> Iterator[CurvePoint]:
    enough = curve.risk >= LEAST
    last = float(curve.at[enough][-1]) if enough.any() else float(curve.at[-1])
    at = np.unique(np.concatenate([[0.0], curve.at[curve.at <= last]]))
    at = at if len(at) <= 100 else np.linspace(0.0, last, 100)
    low, high = curve.interval(at)
    parts = np.array([g.value(at) for g in gone])
    stay = curve.value(at)
    for i, months in enumerate(at):
        yield CurvePoint(
            months=float(months), stay=float(stay[i]), low=float(low[i]), high=float(high[i]),
            gone=tuple(float(v) for v in parts[:, i]),
        )  # fmt: skip


def tenths_of(value: Floats) -> tuple[tuple[WorthTenth, ...], float | None]:
    """Tenths of customers by value, the most valuable last, and the share of the top one."""
    order = np.argsort(value, kind="stable")
    groups = np.array_split(order, 10) if len(order) >= 10 else []
    rows = tuple(WorthTenth(tenth=i + 1, customers=len(g), value=float(value[g].sum())) for i, g in enumerate(groups))
    total = float(value.sum())
    return rows, (rows[-1].value / total if rows and total > 0 else None)


def _facts(found: Stays, stay: float, ends: tuple[float, float], curve: Curve) -> tuple[str, ...]:
    first = f"{wording.percent(stay)} stay a year or longer, {wording.between(*ends, wording.percent)}."
    half = survival.quantile_time(curve)
    second = (
        f"Half leave within {wording.number(round(half.value))} months." if not half.refused
        else "More than half of those who came are still there as far as is known."
    )  # fmt: skip
    unknown = (
        found.reason == found.reasons.index(UNKNOWN) + 1 if UNKNOWN in found.reasons else np.zeros(len(found.id), bool)
    )
    share = wording.percent(float(unknown.sum() / max((found.reason > 0).sum(), 1)))
    return first, second, f"Of those who left, {share} gave no reason that is known."


def _cautions(found: Stays, bring: _Ahead) -> Iterator[Caution]:
    yield Caution(
        code="association",
        text="What is at risk by a reason is an association: what goes with it, not what curing it would save.",
    )
    late = int((found.watched > found.since).sum())
    if late:
        yield Caution(
            code="seen_late",
            text=f"{wording.count(late, 'stay')} began before the log could see an end; they count from then on only.",
        )
    if bring.untold:
        yield Caution(
            code="untold",
            text=f"{wording.count(bring.untold, 'customer')} have a kind of contract of which too few ended: no "
            f"value ahead.",
        )
    if found.headless:
        yield Caution(
            code="no_start", text=f"{wording.count(found.headless, 'stay')} without a known start are left out."
        )
    missing = int(np.isnan(found.value[found.here]).sum())
    if missing:
        yield Caution(
            code="no_value",
            text=f"{wording.count(missing, 'customer')} have no value that could be told; they count for none.",
        )
    yield Caution(
        code="ten_years", text="Lifetime value looks ten years ahead: far beyond what any of these customers has shown."
    )
