"""Tenures, reasons and parts read from columns, and what is told of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.errors import Refusal
from regard.findings import Caution, Interval
from regard.statistics import stakes as risks
from regard.statistics import survival
from regard.statistics.estimates import Estimate, Floats, Whole
from regard.statistics.survival import Curve, Tenures
from regard.trying import parting
from regard.trying.churned import AtTenure, ChurnTrial, CurveStep, ReasonGone
from regard.trying.columns import Columns
from regard.trying.trials import Check
from regard.trying.valued import date_of, interval_of
from regard.wording import between, count, day, number, percent

MONTH = 365.25 / 12
DAYS = {"day": 1.0, "week": 7.0, "month": MONTH, "year": 365.25}
LEAST = 5
MOST_REASONS = 9
SPANS = (1, 2, 3, 6, 12, 24)
START = ("start", "started", "since", "signed", "signed up", "joined", "begin", "created at", "first")
END = ("end", "ended", "cancelled", "canceled", "churned at", "left at", "closed", "stopped")
REASON = ("reason", "why", "cause", "cancel reason", "churn reason")
UNKNOWN = "unknown"
_LeftOut = tuple[NDArray[np.bool_], str, str]
"""Rows left out, a short name, and what is said of them."""


@dataclass(frozen=True, kw_only=True)
class Read:
    """What the columns say.

    Attributes:
        lived: Tenures in months, with numbered reasons.
        reasons: Names of the reasons; the first has number 1.
        value: Value of each customer; one each where none is given.
        valued: Whether values were given.
        tenure: Tenure now, in months.
        until: End of the data in days since 1970; NaN where tenures were given.
        began: Start of each in days since 1970; NaN where tenures were given.
        parts: Columns that may go with leaving.
        named: Whether a column of reasons was given.
        cautions: What was left out.
    """

    lived: Tenures
    reasons: tuple[str, ...]
    value: Floats
    valued: bool
    until: float
    began: Floats
    parts: tuple[parting.Part, ...]
    named: bool
    cautions: tuple[Caution, ...]


def read(
    data: Columns, *, customer: str, start: str, end: str, seen: str, reason: str, value: str, tenure: str, left: str,
    unit: str, parts: tuple[str, ...], until: np.datetime64 | None,
) -> Read:  # fmt: skip
    """Tenures from columns.

    Raises:
        BadInput: A column is not what it should be.
        Refusal: No row holds a tenure.
    """
    if tenure:
        spent, over = data.numbers(tenure) * DAYS[unit], data.numbers(left)
        entry = np.zeros(len(spent))
        ended = over > 0
        began, last = np.full(len(spent), np.nan), np.nan
        lost = ~np.isfinite(spent) | ~np.isfinite(over)
        told_: list[_LeftOut] = [(lost, "no_tenure", "without a tenure or a sign of leaving are left out")]
    else:
        start = start or data.guess("start", START, "time", skip=(customer, end))
        end = end or data.guess("end", END, "time", skip=(customer, start))
        reason = reason or data.guess("reason", REASON, "text", skip=(customer, start, end), needed=False)
        began, spent, entry, ended, last, told_ = _spans(data, start, end, seen, until)
    lived = survival.tenures(spent / MONTH, ended, entry=entry / MONTH)
    skipped = np.any([rows for rows, _, _ in told_], axis=0)
    keep = ~skipped & np.isfinite(spent) & np.isfinite(entry) & (spent > entry) & (entry >= 0)
    nothing = ~skipped & ~keep
    told_.append((nothing, "no_time", "were under observation for no time and are left out"))
    if not keep.any():
        raise Refusal("No row holds a time under observation.", hint=f"Look at {tenure or start}.")
    kept = np.nonzero(keep)[0]
    numbered, names = _reasons(data, reason, ended, kept)
    lived = survival.tenures(spent[kept] / MONTH, ended[kept], entry=entry[kept] / MONTH, reason=numbered)
    worth, lacking = _worth(data, value, kept)
    cautions = [
        Caution(code=code, text=f"{count(int(r.sum()), 'row')} {words}.") for r, code, words in told_ if r.any()
    ]
    cautions += lacking
    if customer:
        cautions += _twice(data, customer, kept)
    return Read(
        lived=lived, reasons=names, value=np.nan_to_num(worth), valued=bool(value), until=float(last),
        began=began[kept], parts=tuple(parting.part(data, p, kept, began[kept] if not tenure else None) for p in parts),
        named=bool(reason), cautions=tuple(cautions),
    )  # fmt: skip


def _worth(data: Columns, value: str, kept: Whole) -> tuple[Floats, list[Caution]]:
    if not value:
        return np.ones(len(kept)), []
    worth = data.numbers(value)[kept]
    missing = int(np.isnan(worth).sum())
    if missing == len(worth):
        raise Refusal(f"{value} holds no number.", hint="Name another column of values, or leave --value out.")
    text = f"{count(missing, 'customer')} have no value and count for none."
    return worth, [Caution(code="no_value", text=text)] if missing else []


def _spans(
    data: Columns, start: str, end: str, seen: str, until: np.datetime64 | None
) -> tuple[Floats, Floats, Floats, NDArray[np.bool_], float, list[_LeftOut]]:
    def days(values: np.ndarray) -> Floats:
        return np.where(np.isnat(values), np.nan, values.astype("datetime64[D]").astype(float))

    begun, over = days(data.times(start)), days(data.times(end))
    first = days(data.times(seen)) if seen else begun
    known = np.concatenate([begun[np.isfinite(begun)], over[np.isfinite(over)]])
    if not len(known):
        raise Refusal("No row holds a start.", hint=f"Look at {start}.")
    last = float(until.astype(np.int64)) if until is not None else float(known.max())
    ended = np.isfinite(over) & (over <= last)
    out = np.where(ended, over, last)
    # Whoever leaves on the day they come was there for half a day.
    same = ended & (over == begun)
    spent = np.where(same, 0.5, out - begun)
    lost = ~np.isfinite(begun)
    wrong = ~lost & np.isfinite(over) & (over < begun)
    later = ~lost & ~wrong & (begun >= last) & ~same
    told_ = [
        (lost, "no_start", "without a start are left out"),
        (wrong, "ends_first", "that end before they start are left out"),
        (later, "after_the_end", "that start at or after the end of the data are not read"),
    ]
    entry = np.maximum(np.where(np.isfinite(first), first, begun) - begun, 0.0)
    return begun, spent, entry, ended, last, told_


def _twice(data: Columns, customer: str, kept: Whole) -> Iterator[Caution]:
    who = data.codes(customer)[0][kept]
    again = int((who >= 0).sum() - len(np.unique(who[who >= 0])))
    if again:
        yield Caution(
            code="several", text=f"{count(again, 'row')} are further spells of a customer; each spell counts by itself."
        )


def _reasons(data: Columns, reason: str, ended: np.ndarray, kept: Whole) -> tuple[Whole, tuple[str, ...]]:
    """Numbers from 1 by how often a reason is given; unknown last, rare ones taken together."""
    if not reason:
        return np.where(ended[kept], 1, 0), ("any reason",)
    given = data.text(reason)[kept]
    over = ended[kept]
    texts = np.array([UNKNOWN if g is None or g.strip().lower() in {"", UNKNOWN, "n/a", "none"} else g for g in given])
    names, times = np.unique(texts[over], return_counts=True)
    known = [str(n) for _, n in sorted(zip(-times, names, strict=True)) if n != UNKNOWN]
    if len(known) > MOST_REASONS:
        known = [*known[: MOST_REASONS - 1], "other reasons"]
    ordered = (*known, UNKNOWN) if (texts[over] == UNKNOWN).any() else tuple(known)
    place = {name: i for i, name in enumerate(ordered, start=1)}
    rest = place.get("other reasons", 0)
    numbered = np.array([place.get(str(t), rest) for t in texts], dtype=np.int64)
    return np.where(over, numbered, 0), ordered or (UNKNOWN,)


def told(found: Read, *, ahead: int) -> ChurnTrial:
    """The trial of tenures.

    Raises:
        Refusal: Too few left.
    """
    lived = found.lived
    ended = int(lived.ended.sum())
    if ended < LEAST:
        raise Refusal(
            f"Only {count(ended, 'customer')} left; at least {LEAST} are needed.",
            hint=" ".join(
                [
                    *(f"{c.text} Is that so?" for c in found.cautions),
                    "Bring a longer history, or say the day the data end with --until.",
                ]
            ),
        )
    curve = survival.kaplan_meier(lived)
    if not len(curve.at):
        raise Refusal("At no time were enough customers under observation.", hint="Bring a longer history.")
    months = _horizon(lived, ahead / MONTH)
    gone = survival.aalen_johansen(lived, reasons=len(found.reasons))
    here = np.nonzero(lived.ended == 0)[0]
    at_risk = risks.stakes(lived, lived.exit[here], found.value[here], ahead / MONTH, reasons=len(found.reasons))
    effects = parting.effects(lived, found.parts, found.value, ahead / MONTH, at=months)
    stay = float(curve.value([months])[0])
    low, high = (float(v[0]) for v in curve.interval([months]))
    median, mean = survival.quantile_time(curve), survival.restricted_mean(curve, months)
    return ChurnTrial(
        answer=_sentence(found, months, (stay, low, high), at_risk), estimate=stay,
        interval=Interval(low=low, high=high), n=lived.n, method=_method(found), months=months, ended=ended,
        until=date_of(found.until) if np.isfinite(found.until) else None,
        median=None if median.refused else median.value,
        median_interval=interval_of(median) if np.isfinite(median.high) else None,
        mean=None if mean.refused else mean.value, mean_interval=interval_of(mean),
        at_risk=None if at_risk.total.refused else at_risk.total.value, at_risk_interval=interval_of(at_risk.total),
        unit="value" if found.valued else "customers", concordance=effects.concordance, loglik=effects.loglik,
        rows=tuple(_rows(lived, curve)), reasons=_told_reasons(found, gone, at_risk, months),
        effects=effects.rows, stakes=effects.stakes, curve=tuple(_curve(curve, gone, months)),
        checks=(*_checks(found, curve, gone), *effects.checks), facts=_facts(found, median, mean, months),
        cautions=(*found.cautions, *_cautions(found, at_risk, ahead / MONTH, months), *effects.cautions),
        next_step="" if found.named else "Name the column of reasons with --reason to see what takes them.",
    )  # fmt: skip


def _horizon(lived: Tenures, wanted: float) -> float:
    """The tenure asked about, or the last at which ten are under observation."""
    reached = np.sort(lived.exit)[::-1]
    return min(wanted, float(reached[min(9, len(reached) - 1)]))


def _sentence(found: Read, months: float, stay: tuple[float, float, float], at_risk: risks.Stakes) -> str:
    share, low, high = stay
    span = f"{number(round(months, 1))} months"
    text = f"{percent(share)} of customers stay {span} or longer, {between(low, high, percent)}"
    text += f"; {number(int(found.lived.ended.sum()))} of {number(found.lived.n)} have left"
    if at_risk.total.refused or not at_risk.customers:
        return f"{text}."
    risk, what = at_risk.total, "in value" if found.valued else "customers"
    ends = f"{number(round(risk.low))} to {number(round(risk.high))}"
    text += f", and {number(round(risk.value))} {what} ({ends}) are at risk in the time ahead"
    known = [(r.value, n) for r, n in zip(at_risk.reasons, found.reasons, strict=True) if n != UNKNOWN]
    if found.named and known and max(known)[0] > 0:
        return f"{text}, of the known reasons most by: {max(known)[1]}."
    return f"{text}."


def _method(found: Read) -> str:
    text = "Kaplan-Meier with log-log bands, Garwood intervals of hazards"
    if found.named:
        text += ", Aalen-Johansen for competing reasons"
    text += ", value at risk by steady hazards within spans of tenure and Shapley parts"
    return f"{text}; Cox with Efron ties beside a monthly complementary log-log model" if found.parts else text


def _rows(lived: Tenures, curve: Curve) -> Iterator[AtTenure]:
    longest = float(lived.exit.max())
    step = next((s for s in SPANS if longest / s <= 14), SPANS[-1])
    edges = np.arange(0, longest + step, step, dtype=float)
    hazards = survival.hazards(lived, edges)
    for i in range(len(edges) - 1):
        if hazards.exposed[i] <= 0:
            continue
        end = min(edges[i + 1], longest)
        low, high = (float(v[0]) for v in curve.interval([end]))
        under = int(((lived.entry <= edges[i]) & (lived.exit > edges[i])).sum())
        yield AtTenure(
            months=float(edges[i + 1]), observed=under, left=int(hazards.ends[i]), stay=float(curve.value([end])[0]),
            interval=Interval(low=low, high=high), hazard=float(-np.expm1(-hazards.rate[i])),
            hazard_interval=Interval(low=float(-np.expm1(-hazards.low[i])), high=float(-np.expm1(-hazards.high[i]))),
        )  # fmt: skip


def _told_reasons(found: Read, gone: list[Curve], at_risk: risks.Stakes, months: float) -> tuple[ReasonGone, ...]:
    if not found.named:
        return ()
    lived, rows = found.lived, []
    all_ = at_risk.total.value
    for i, name in enumerate(found.reasons):
        mine = lived.reason == i + 1
        risk = at_risk.reasons[i]
        low, high = (float(v[0]) for v in gone[i].interval([months]))
        rows.append(
            ReasonGone(
                reason=name, left=int(mine.sum()), share=float(mine.sum() / lived.ended.sum()),
                gone=float(gone[i].value([months])[0]), interval=Interval(low=low, high=high),
                value_left=float(found.value[mine].sum()) if found.valued else None,
                at_risk=None if risk.refused else risk.value, at_risk_interval=interval_of(risk),
                at_risk_share=None if risk.refused or not all_ else risk.value / all_,
            )
        )  # fmt: skip
    return tuple(rows)


def _curve(curve: Curve, gone: list[Curve], months: float) -> Iterator[CurveStep]:
    """At most 120 steps, and no further than some are still under observation."""
    last = max(months, float(curve.at[curve.risk >= LEAST][-1]) if (curve.risk >= LEAST).any() else months)
    at = np.unique(np.concatenate([[0.0], curve.at[curve.at <= last]]))
    at = at if len(at) <= 120 else np.linspace(0.0, last, 120)
    low, high = curve.interval(at)
    parts = np.array([g.value(at) for g in gone])
    for i, months_ in enumerate(at):
        yield CurveStep(
            months=float(months_), stay=float(curve.value([months_])[0]), low=float(low[i]), high=float(high[i]),
            gone=tuple(float(v) for v in parts[:, i]),
        )  # fmt: skip


def _checks(found: Read, curve: Curve, gone: list[Curve]) -> Iterator[Check]:
    whole = float(curve.share[-1] + sum(g.share[-1] for g in gone))
    yield Check(
        name="adds_up", passed=abs(whole - 1) < 1e-9, value=whole,
        text="Those who stay and those gone by each reason add up to all.",
    )  # fmt: skip
    cut = float((found.lived.ended == 0).mean())
    yield Check(
        name="cut_off", passed=None, value=cut,
        text=f"{percent(cut)} were still there at the end and count until then only. Whether they would have gone on "
        "like the others cannot be checked from these columns.",
    )  # fmt: skip
    if found.named and UNKNOWN in found.reasons:
        share = float((found.lived.reason == found.reasons.index(UNKNOWN) + 1).sum() / found.lived.ended.sum())
        yield Check(
            name="reasons_known",
            passed=share < 0.2,
            value=share,
            text=f"{percent(share)} left for a reason that is not known.",
        )


def _facts(found: Read, median: Estimate, mean: Estimate, months: float) -> tuple[str, ...]:
    facts = []
    if median.refused:
        facts.append(f"Half have not left yet: {median.refused}.")
    else:
        upper = f" to {number(round(median.high, 1))}" if np.isfinite(median.high) else " or more"
        facts.append(
            f"Half leave within {number(round(median.value, 1))} months ({number(round(median.low, 1))}{upper})."
        )
    if not mean.refused:
        facts.append(f"Of {number(round(months, 1))} months customers stay {number(round(mean.value, 1))} on average.")
    late = int((found.lived.entry > 0).sum())
    if late:
        facts.append(f"{count(late, 'customer')} were first observed late and count from then on only.")
    return tuple(facts)


def _cautions(found: Read, at_risk: risks.Stakes, wanted: float, months: float) -> Iterator[Caution]:
    if months < wanted - 0.05:
        yield Caution(
            code="shorter",
            text=f"Nobody was observed for {number(round(wanted, 1))} months: told at {number(round(months, 1))}.",
        )
    if found.named and not at_risk.total.refused:
        yield Caution(
            code="association",
            text="What is at risk by a reason is an association: what goes with it, not what its removal would save.",
        )
    if found.named and UNKNOWN in found.reasons:
        yield Caution(
            code="unknown_reasons", text="Those who left without a reason stand as unknown; they are not shared out."
        )
    if np.isfinite(found.until):
        yield Caution(
            code="until",
            text=f"Whoever has no end is taken to be there still on {day(date_of(found.until))}, the end of the data.",
        )
