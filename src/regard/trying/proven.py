"""What a proof says: effect, donors, checks and verdict, from the statistics of counterfactuals and placebos."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta

from regard.findings import Interval
from regard.statistics import placebos
from regard.statistics.counterfactuals import SOLVED
from regard.statistics.departures import departures
from regard.statistics.placebos import POOR, WORSE, Block, Judged, Past
from regard.trying.doubted import ProofBound, ProofControl, controlled, in_space, known, parted, trends
from regard.trying.trials import Check, Trial
from regard.wording import between, count, number, percent, signed

if TYPE_CHECKING:
    from regard.statistics.estimates import Estimate
    from regard.trying.panelled import Panelled

Verdict = Literal["likely", "no effect", "not clear", "cannot tell", ""]
LEAST_PAST = 8
LEAST_COVERED = 0.9
AGAINST = {"past", "drift", "leave_one_out", "before", "negative_control"}
"""Checks that speak against an effect where they fail."""


class ProofTime(msgspec.Struct, frozen=True, kw_only=True):
    """One time: what was, what would have been, and the difference with its band."""

    time: Annotated[str, Meta(description="The time; with several starts, how long after the start.")]
    outcome: Annotated[float | None, Meta(description="Mean outcome of the treated.")] = None
    without: Annotated[float | None, Meta(description="Estimated outcome without the treatment.")] = None
    effect: Annotated[float | None, Meta(description="The difference.")] = None
    low: Annotated[float | None, Meta(description="Lower end of its band.")] = None
    high: Annotated[float | None, Meta(description="Upper end of its band.")] = None
    after: Annotated[bool, Meta(description="Whether the treatment had started.")] = False
    weight: Annotated[float | None, Meta(description="Weight of this time in the level before; empty after.")] = None


class ProofDonor(msgspec.Struct, frozen=True, kw_only=True):
    """One unit that was never treated."""

    unit: Annotated[str, Meta(description="The unit.")]
    weight: Annotated[float, Meta(description="Its weight in what would have been.")]
    without_it: Annotated[float | None, Meta(description="The effect with this donor left out.")] = None
    placebo: Annotated[float | None, Meta(description="The effect found were it taken for treated.")] = None
    before: Annotated[float | None, Meta(description="Its error before the start when taken for treated.")] = None


class ProofPast(msgspec.Struct, frozen=True, kw_only=True):
    """A made-up start before the real one: an effect there is none of."""

    start: Annotated[str, Meta(description="The made-up start.")]
    effect: Annotated[float | None, Meta(description="What was found.")] = None
    low: Annotated[float | None, Meta(description="Lower end of its interval.")] = None
    high: Annotated[float | None, Meta(description="Upper end of its interval.")] = None


class ProofGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Those who started together, at one time."""

    start: Annotated[str, Meta(description="When they started.")]
    time: Annotated[str, Meta(description="The time.")]
    units: Annotated[int, Meta(description="Units of the group.")]
    effect: Annotated[float, Meta(description="Their effect at that time.")]
    low: Annotated[float, Meta(description="Lower end of its interval.")]
    high: Annotated[float, Meta(description="Upper end of its interval.")]


class ProofTrial(Trial, frozen=True, kw_only=True):
    """What a treatment did to those treated, from one file."""

    verdict: Annotated[
        Verdict,
        Meta(
            description="likely: clear of zero and nothing speaks against it; no effect: inside the margin; not clear: "
            "the interval holds zero; cannot tell: a check speaks against it."
        ),
    ] = ""
    treated: Annotated[tuple[str, ...], Meta(description="The treated units.")] = ()
    since: Annotated[str, Meta(description="The first treated time; empty where there are several.")] = ""
    least_seen: Annotated[
        float | None, Meta(description="The smallest effect that would have been clear in four of five cases.")
    ] = None
    placebo_rank: Annotated[
        float | None, Meta(description="Share of units, the treated included, with a placebo effect at least as large.")
    ] = None
    ratio_rank: Annotated[
        float | None, Meta(description="The same by the ratio of the error after to the error before.")
    ] = None
    error_before: Annotated[float | None, Meta(description="Root mean squared error of the fit before.")] = None
    coverage: Annotated[
        float | None, Meta(description="Share of placebo runs on this data whose interval held zero.")
    ] = None
    coverage_runs: Annotated[int, Meta(description="Those runs.")] = 0
    breakdown: Annotated[
        float | None,
        Meta(description="Times the largest step before that trends may part, each time anew, until zero is in."),
    ] = None
    drift_undoes: Annotated[
        float | None, Meta(description="The steady drift a time from which on zero is in the interval.")
    ] = None
    two_way: Annotated[
        float | None, Meta(description="With several starts: what the usual two-way regression would have said.")
    ] = None
    rows: Annotated[tuple[ProofTime, ...], Meta(description="The outcome and what would have been, by time.")] = ()
    donors: Annotated[tuple[ProofDonor, ...], Meta(description="Units never treated, by weight.")] = ()
    past: Annotated[tuple[ProofPast, ...], Meta(description="Made-up starts before the real one.")] = ()
    groups: Annotated[tuple[ProofGroup, ...], Meta(description="With several starts: each group at each time.")] = ()
    unaffected: Annotated[
        tuple[ProofControl, ...], Meta(description="Outcomes that the treatment cannot move, asked the same.")
    ] = ()
    bounds: Annotated[tuple[ProofBound, ...], Meta(description="The interval where trends part so far.")] = ()
    placebos: Annotated[
        tuple[tuple[float, ...], ...], Meta(description="Placebo effects by time, for the figure; at most 60.")
    ] = ()


def blocked(
    found: Panelled, block: Block, *, margin: float | None, controls: tuple[ProofControl, ...] = ()
) -> ProofTrial:
    """The proof of units that start at once."""
    panel = found.panel
    judged = placebos.judge(block)
    shared: dict[str, Any] = {
        "treated": tuple(u for u, on in zip(panel.units, block.treated, strict=True) if on),
        "since": found.label(block.before), "n": found.rows, "cautions": tuple(found.cautions),
        "method": judged.effect.method,
    }  # fmt: skip
    if judged.effect.refused:
        why = judged.effect.refused
        return ProofTrial(
            answer=f"No answer: {why}.", refused=why, next_step=_way_out(why),
            checks=tuple(_fit_checks(block, judged)), **shared,
        )  # fmt: skip
    past, own = placebos.in_time(block, judged), placebos.own_coverage(block)
    at, left = placebos.without_each(block, judged.fit)
    checks = [*_fit_checks(block, judged), *_past_checks(found, past), _left_out(judged, at, left, panel.units)]
    parting = departures(placebos.moves(block, judged))
    checks += [_covered(own), *in_space(judged), trends(parting, past.drift), *controlled(controls)]
    if block.method == "did" and past.drift.clear:
        why = f"treated and donors moved apart by {signed(past.drift.value, 2)} a time before the start already"
        return ProofTrial(
            answer=f"No answer: {why}.", refused=why, checks=tuple(checks), **shared,
            next_step="Ask with --method sdid, which fits trends, or choose donors that moved alike.",
        )  # fmt: skip
    verdict = graded(judged.effect, checks, margin)
    return ProofTrial(
        answer=_answer(found, shared, judged) + ending(verdict, margin, checks),
        checks=tuple(checks), verdict=verdict, **shared,
        estimate=round(judged.effect.value, 10), interval=Interval(judged.effect.low, judged.effect.high),
        least_seen=judged.least, placebo_rank=known(judged.rank), ratio_rank=known(judged.rank_ratio),
        error_before=known(float(judged.fit.before[0])), coverage=known(own.held), coverage_runs=own.runs,
        rows=_times(found, block, judged), donors=_donors(block, judged, at, left, panel.units),
        past=_made_up(found, past), placebos=_lines(judged), next_step=_next(verdict, judged),
        facts=_facts(block, judged), unaffected=controls, **parted(parting),
    )  # fmt: skip


def graded(effect: Estimate, checks: list[Check], margin: float | None) -> Verdict:
    """What may be said of an effect, given its checks."""
    if margin is not None and -margin <= effect.low and effect.high <= margin:
        return "cannot tell" if _against(checks) else "no effect"
    if not effect.clear:
        return "not clear"
    return "cannot tell" if _against(checks) or unlooked(checks) else "likely"


def _against(checks: list[Check]) -> list[Check]:
    return [c for c in checks if c.passed is False and c.name in AGAINST]


def unlooked(checks: list[Check]) -> bool:
    """Whether there was too little past to look for an effect, or a drift, before the start."""
    return all(c.passed is None for c in checks if c.name in {"past", "drift", "before"})


# --------------------------------------------------------------------------------------------------------------- checks


def _fit_checks(block: Block, judged: Judged) -> list[Check]:
    donors, many = len(block.donors), int(block.treated.sum())
    checks = [
        Check(
            name="donors", passed=donors >= 10, value=float(donors),
            text=f"{count(donors, 'unit')} never treated to compare {count(many, 'treated unit')} with"
            + ("." if donors >= 10 else "; ten or more make a steadier interval."),
        ),
        Check(
            name="times_before", passed=block.before >= LEAST_PAST, value=float(block.before),
            text=f"{count(block.before, 'time')} before the start"
            + ("." if block.before >= LEAST_PAST else f"; below {LEAST_PAST} a fit says little."),
        ),
    ]  # fmt: skip
    if math.isfinite(judged.worse):
        limit = WORSE[block.method]
        words = "as good as the placebos' or better" if judged.worse <= 1 else f"{judged.worse:.1f} times the placebos'"
        end = f"; refused from {POOR:g} times on." if judged.worse > POOR else "; the interval is widened by that."
        text = f"The error before the start, {number(float(judged.fit.before[0]))}, is {words}"
        checks.append(
            Check(
                name="fit_before", passed=judged.worse <= limit, value=judged.worse,
                text=text + (end if judged.worse > limit else "."),
            )
        )  # fmt: skip
    gap = float(max(judged.fit.gap.max(), judged.space.fits.gap.max()))
    if math.isfinite(gap):
        text = f"Every fit was solved to its optimum (largest duality gap {gap:.0e})."
        if block.published and block.method != "did":
            best = signed(float(block.best().effect[0]), 2)
            text += f" There the effect is {best}; the figure told stops where the authors' own steps do."
        checks.append(Check(name="solved", passed=gap <= SOLVED, value=gap, text=text))
    return checks


def _past_checks(found: Panelled, past: Past) -> list[Check]:
    if not past.starts:
        text = "Too few times before the start to try a made-up one."
        checks = [Check(name="past", passed=None, text=text)]
    else:
        first, last = found.label(past.starts[0]), found.label(past.starts[-1])
        where = f"{count(len(past.starts), 'made-up start')} from {first} to {last}"
        if math.isfinite(past.rank):
            good = past.rank > 0.05
            said = "nothing is found" if good else "an effect is found where there can be none"
            text = f"At {where}, {said}: {percent(past.rank)} of units show as much."
        else:
            good = not any(e.clear for e in past.effects)
            text = f"At {where}, {'nothing' if good else 'an effect where there can be none'} is found."
        checks = [Check(name="past", passed=good, value=known(past.rank), text=text)]
    if past.drift.refused:
        return [*checks, Check(name="drift", passed=None, text=f"Drift before the start: {past.drift.refused}.")]
    drift = past.drift
    text = f"Before the start, treated and fit move apart by {signed(drift.value, 2)} a time, "
    text += between(drift.low, drift.high, lambda v: signed(v, 2)) + "."
    return [*checks, Check(name="drift", passed=not drift.clear, value=drift.value, text=text)]


def _left_out(
    judged: Judged, at: np.ndarray[tuple[int], np.dtype[np.int64]], left: np.ndarray[tuple[int], np.dtype[np.float64]],
    units: tuple[str, ...],
) -> Check:  # fmt: skip
    if not len(at):
        return Check(name="leave_one_out", passed=None, text="No donor could be left out.")
    effect = judged.effect
    half = (effect.high - effect.low) / 2
    if effect.clear:
        good = bool((np.abs(left) > half).all() and (np.sign(left) == np.sign(effect.value)).all())
    else:
        good = bool((np.abs(left - effect.value) <= half).all())
    most = int(np.abs(left - effect.value).argmax())
    text = f"Leaving out one donor in turn gives {number(float(left.min()))} to {number(float(left.max()))}; "
    text += f"{units[at[most]]} moves it most{'.' if good else ': the answer rests on it.'}"
    return Check(name="leave_one_out", passed=good, value=float(left[most]), text=text)


def _covered(own: placebos.Coverage) -> Check:
    if own.runs < 20:
        return Check(name="coverage", passed=None, text="Too little data to try the interval where nothing happened.")
    text = f"Where nothing happened, the interval held zero in {percent(own.held)} of {own.runs:,} placebo runs"
    text += f" ({own.refused:,} refused)." if own.refused else "."
    return Check(name="coverage", passed=own.held >= LEAST_COVERED, value=own.held, text=text)


# --------------------------------------------------------------------------------------------------------------- tables


def _times(found: Panelled, block: Block, judged: Judged) -> tuple[ProofTime, ...]:
    own = block.outcomes[block.treated].mean(axis=0)
    effect, band = judged.fit.apart[0], judged.band
    return tuple(
        ProofTime(
            time=found.label(t), outcome=float(own[t]), without=float(own[t] - effect[t]), effect=float(effect[t]),
            low=float(effect[t] - band[t]), high=float(effect[t] + band[t]), after=t >= block.before,
            weight=float(judged.fit.times[0][t]) if t < block.before else None,
        )
        for t in range(len(own))
    )  # fmt: skip


def _donors(
    block: Block, judged: Judged, at: np.ndarray[tuple[int], np.dtype[np.int64]],
    left: np.ndarray[tuple[int], np.dtype[np.float64]], units: tuple[str, ...],
) -> tuple[ProofDonor, ...]:  # fmt: skip
    without = dict(zip(at.tolist(), left.tolist(), strict=True))
    alone = {}
    if judged.space.all:
        who = judged.space.targets.argmax(axis=1)
        effects, before = judged.space.fits.effect, judged.space.fits.before
        alone = {int(w): (float(e), float(b)) for w, e, b in zip(who, effects, before, strict=True)}
    weights = judged.fit.units[0]
    order = sorted(block.donors.tolist(), key=lambda i: (-weights[i], units[i]))
    return tuple(
        ProofDonor(
            unit=units[i], weight=float(weights[i]), without_it=without.get(i), placebo=alone.get(i, (None, None))[0],
            before=alone.get(i, (None, None))[1],
        )
        for i in order
    )  # fmt: skip


def _made_up(found: Panelled, past: Past) -> tuple[ProofPast, ...]:
    return tuple(
        ProofPast(start=found.label(s), effect=known(e.value), low=known(e.low), high=known(e.high))
        for s, e in zip(past.starts, past.effects, strict=True)
    )


def _lines(judged: Judged) -> tuple[tuple[float, ...], ...]:
    if not len(judged.space.targets):
        return ()
    return tuple(tuple(round(float(v), 6) for v in line) for line in judged.space.fits.apart[:60])


# ---------------------------------------------------------------------------------------------------------------- words


def _answer(found: Panelled, shared: dict[str, Any], judged: Judged) -> str:
    effect, since, treated = judged.effect, shared["since"], shared["treated"]
    who = treated[0] if len(treated) == 1 else f"the {len(treated)} treated"
    way = "higher" if effect.value > 0 else "lower"
    said = f"From {since} on, {found.outcome} of {who} was {number(abs(effect.value))} {way} than without it, "
    said += between(effect.low, effect.high, lambda v: signed(v, _digits(effect.value)))
    return said


def ending(verdict: Verdict, margin: float | None, checks: list[Check]) -> str:
    """How the sentence ends."""
    if verdict == "cannot tell" and not _against(checks):
        return ", but there is too little past to check that against: cannot tell."
    return {
        "likely": ": a likely effect.",
        "no effect": f": no effect beyond {number(margin)}.",
        "not clear": ": no effect cannot be ruled out.",
        "cannot tell": ", but a check speaks against it: cannot tell.",
        "": ".",
    }[verdict]


def _digits(value: float) -> int | None:
    return 1 if abs(value) >= 1 else None


def _facts(block: Block, judged: Judged) -> tuple[str, ...]:
    facts = [f"An effect of {number(judged.least)} would have been clear in four of five cases."]
    if judged.space.all and math.isfinite(judged.rank):
        donors = len(block.donors)
        place = round(judged.rank * (donors + 1))
        facts.append(f"Of {donors + 1} units, {place} show an effect as large when each is taken for treated.")
    return tuple(facts)


def _next(verdict: Verdict, judged: Judged) -> str:
    if verdict == "not clear":
        return f"To see less than {number(judged.least)}, wait for more times after the start, or find closer donors."
    if verdict == "cannot tell":
        return "See the checks that failed; drop the donors or times they name and ask again."
    return "Ask what else happened to the treated at that time, and whether it reached the donors: no data can tell."


def _way_out(why: str) -> str:
    if "poor" in why:
        return "Use donors that resemble the treated more, a longer past, or --method sdid."
    if "donors" in why or "never" in why:
        return "Add units that were never treated, or ask `regard try series` of the treated one alone."
    return "Check the columns, and that outcomes vary."
