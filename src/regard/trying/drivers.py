"""Drivers from one file: which parts go with the score, by how much, and what a linear view of them misses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from msgspec import Meta

from regard.errors import Refusal
from regard.figures.bars import GroupBar, group_bars
from regard.listening.mentioned import MentionRow, mention_rows
from regard.listening.tabled import finite, interval_of
from regard.listening.weighing import beyond_mood, contrast
from regard.statistics.asymmetry import penalty_reward
from regard.statistics.challenger import challenge
from regard.statistics.collinear import condition_index, correlations
from regard.statistics.comparisons import holm
from regard.statistics.importance import Importance, key_drivers
from regard.statistics.mentions import mentions
from regard.statistics.proportions import difference, mean
from regard.trying import driver_words
from regard.trying.answered import CUSTOMER, WORDS
from regard.trying.columns import Columns
from regard.trying.parts import Parts, parts_of
from regard.trying.trials import Check, Trial, trial
from regard.wording import percent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.figures.figure import Figure
    from regard.statistics.asymmetry import Asymmetry
    from regard.statistics.challenger import Challenge

LEAST_SIDE = 15
MANY = 20_000
REPLICATES = (400, 200)
"""Bootstrap replicates up to `MANY` answers and above, where what they measure is small and known well enough."""
CLAIMED = 0.05
SEED = 20_261_123


class PartRow(msgspec.Struct, frozen=True, kw_only=True):
    """One part, the largest share first."""

    part: Annotated[str, Meta(description="Its column.")]
    share: Annotated[float, Meta(description="Share of the score's variance that goes with it (association).")] = 0.0
    share_low: Annotated[float, Meta(description="Lower end of its 95 % interval.")] = 0.0
    share_high: Annotated[float, Meta(description="Upper end of its 95 % interval.")] = 0.0
    first: Annotated[float, Meta(description="Share of resamples in which it ranks first.")] = 0.0
    key: Annotated[
        bool, Meta(description="Its effect stands, all parts accounted for and beyond what a mood alone makes.")
    ] = False
    effect: Annotated[float | None, Meta(description="Score for one more point of it, the others held still.")] = None
    penalty: Annotated[float | None, Meta(description="Score where it is low less where it is middling.")] = None
    reward: Annotated[float | None, Meta(description="Score where it is high less where it is middling.")] = None
    kind: Annotated[str, Meta(description="basic: only loses; excitement: only wins; performance: both; none.")] = ""
    equal_p: Annotated[float | None, Meta(description="p of penalty and reward being of one size.")] = None
    effect_low: Annotated[float | None, Meta(description="Lower end of its 95 % interval.")] = None
    effect_high: Annotated[float | None, Meta(description="Upper end of its 95 % interval.")] = None
    penalty_low: Annotated[float | None, Meta(description="Lower end of its 95 % interval.")] = None
    penalty_high: Annotated[float | None, Meta(description="Upper end of its 95 % interval.")] = None
    reward_low: Annotated[float | None, Meta(description="Lower end of its 95 % interval.")] = None
    reward_high: Annotated[float | None, Meta(description="Upper end of its 95 % interval.")] = None
    standardised: Annotated[float | None, Meta(description="Effect in standard deviations of both.")] = None
    inflation: Annotated[float, Meta(description="Variance inflation factor: how much its neighbours blur it.")] = 1.0
    group: Annotated[str, Meta(description="Parts that move with it: read their group's share instead.")] = ""
    ranks: Annotated[tuple[float, ...], Meta(description="Share of resamples in which it ranks 1st, 2nd, ...")] = ()
    answered: Annotated[int, Meta(description="Answers that score it.")] = 0
    level: Annotated[float | None, Meta(description="Its mean score.")] = None


class TogetherRow(msgspec.Struct, frozen=True, kw_only=True):
    """Parts that move together, so that only their share as a group can be told."""

    parts: Annotated[str, Meta(description="The parts of the group.")]
    share: Annotated[float, Meta(description="Share of the score's variance that goes with the group.")] = 0.0
    condition: Annotated[
        float | None, Meta(description="Condition index: from 10 on effects blur, from 30 on they vanish.")
    ] = None


class NothingRow(msgspec.Struct, frozen=True, kw_only=True):
    """A part's kinds of nothing, told apart."""

    part: Annotated[str, Meta(description="Its column.")]
    not_applicable: Annotated[int, Meta(description="Answers in which it did not apply.")] = 0
    not_asked: Annotated[int, Meta(description="Answers in which it was empty with a whole set of parts.")] = 0
    not_answered: Annotated[int, Meta(description="Answers in which it alone was empty.")] = 0
    difference: Annotated[
        float | None, Meta(description="Score where it was not answered less where it was, nothing held still.")
    ] = None
    difference_low: Annotated[float | None, Meta(description="Lower end of its 95 % interval.")] = None
    difference_high: Annotated[float | None, Meta(description="Upper end of its 95 % interval.")] = None


class MissedRow(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a linear view of the parts misses."""

    parts: Annotated[str, Meta(description="A part whose effect is no line, or two that work together.")]
    gain: Annotated[float, Meta(description="Rise of the explained share by it alone, on answers not fitted to.")] = 0.0
    where: Annotated[str, Meta(description="low or high: the end at which the linear view is furthest off.")] = ""
    off: Annotated[float | None, Meta(description="Score there less what the linear view says.")] = None
    off_low: Annotated[float | None, Meta(description="Lower end of its 95 % interval.")] = None
    off_high: Annotated[float | None, Meta(description="Upper end of its 95 % interval.")] = None


class LeftOutRow(msgspec.Struct, frozen=True, kw_only=True):
    """A part that could not be weighed."""

    part: Annotated[str, Meta(description="Its column.")]
    why: Annotated[str, Meta(description="Why not.")] = ""


class DriversTrial(Trial, frozen=True, kw_only=True):
    """Which parts go with the score. `estimate` is the share of the score's variance that all parts explain."""

    linear: Annotated[float | None, Meta(description="Share the linear view explains of answers not fitted to.")] = None
    challenger: Annotated[
        float | None, Meta(description="Share a model of shapes and pairs explains of them; only where it wins.")
    ] = None
    condition: Annotated[float | None, Meta(description="Condition index of all parts together.")] = None
    rows: Annotated[tuple[PartRow, ...], Meta(description="The parts, the largest share first.")] = ()
    missed: Annotated[tuple[MissedRow, ...], Meta(description="What the linear view misses; empty where nothing.")] = ()
    groups: Annotated[tuple[TogetherRow, ...], Meta(description="Parts that move together.")] = ()
    nothing: Annotated[tuple[NothingRow, ...], Meta(description="Kinds of nothing, by part.")] = ()
    mentions: Annotated[
        tuple[MentionRow, ...], Meta(description="Parts many answers lack: being mentioned, and what is said, apart.")
    ] = ()
    left_out: Annotated[tuple[LeftOutRow, ...], Meta(description="Parts that could not be weighed, and why.")] = ()


@trial(title="Drivers", example="regard try drivers seats.csv --score overall --parts legroom,width,storage")
def drivers(
    data: Columns,
    *,
    score: Annotated[str, Meta(description="Column of the overall score.")] = "",
    parts: Annotated[
        tuple[str, ...], Meta(description="Columns of the parts' scores; those that look like it when left out.")
    ] = (),
    not_applicable: Annotated[
        tuple[str, ...],
        Meta(description="Codes that mean a part did not apply, such as 0; words like n/a are known."),
    ] = (),
    customer: Annotated[
        str, Meta(description="Column that says who answered: a customer's answers depend on each other.")
    ] = "",
) -> DriversTrial:
    """Which parts of the experience move the score, by how much, and what does a simple view miss?

    Three answers, never one "importance": the share of the score's variance that goes with a part (association), the
    effect of one more point with the others held still, and what it loses when low against what it wins when high.
    None of them is proof of a cause.
    """
    score = score or data.guess("score", ("overall", "overall rating", "overall score", *WORDS), "number", skip=parts)
    customer = customer or data.guess("customer", CUSTOMER, skip=(score, *parts), needed=False)
    found = parts_of(data, parts, outcome=score, skip=(customer,), not_applicable=not_applicable)
    found, outcome, who = _ordered(found, data.numbers(score), _who(data, customer))
    if not len(outcome):
        raise Refusal(f"{score} holds no score at all.", hint="Name another column with --score.")
    many = len(outcome) > MANY
    weighed = key_drivers(
        found.value, outcome, found.names, clusters=who, not_applicable=found.away,
        replicates=REPLICATES[many], fillings_made=3 if many else 10, seed=SEED,
    )  # fmt: skip
    if weighed.refused:
        raise Refusal(f"The parts cannot be weighed: {weighed.refused}.", hint=_next_to(weighed))
    sides = penalty_reward(found.level, outcome, found.names, clusters=who, least=LEAST_SIDE)
    rich = challenge(found.value, outcome, found.names, clusters=who, seed=SEED)
    told = _told(found, weighed, {s.name: s for s in sides})
    spoken = mentions(found.value, outcome, found.names, exempt=found.away | found.unasked, clusters=who)
    told = msgspec.structs.replace(_beside(told, found, outcome, who, rich), mentions=mention_rows(spoken))
    return driver_words.worded(told, score=score, customer=customer)


def _who(data: Columns, customer: str) -> NDArray[np.int64] | None:
    if not customer:
        return None
    codes, labels = data.codes(customer)
    return np.where(codes >= 0, codes, len(labels) + np.arange(len(data)))


def _ordered(
    found: Parts, outcome: NDArray[np.float64], who: NDArray[np.int64] | None
) -> tuple[Parts, NDArray[np.float64], NDArray[np.int64] | None]:
    """Rows with a score, in an order of their own, so that the order in the file does not reach the resamples.

    Beyond `MANY` rows sorting would cost more than the resamples still vary.
    """
    at = np.flatnonzero(np.isfinite(outcome))
    if len(at) <= MANY:
        keys = [*found.value[at].T, *found.away[at].T, outcome[at]]
        at = at[np.lexsort(keys if who is None else [*keys, who[at]])]
    elif len(at) == len(outcome):
        return found, outcome, who
    return found.at(at), outcome[at], None if who is None else who[at]


def _next_to(weighed: Importance) -> str:
    if weighed.left_out and not weighed.drivers:
        name, why = weighed.left_out[0]
        return f"{name} {why}; name other columns with --parts." if why else "Name other columns with --parts."
    return "Bring more answers, or name fewer parts with --parts."


def _told(found: Parts, weighed: Importance, sides: dict[str, Asymmetry]) -> DriversTrial:
    """The parts with their three answers, and what they explain together."""
    against = [contrast(d, sides[d.name]) for d in weighed.drivers]
    stands = holm(beyond_mood(against)) <= CLAIMED
    groups = {n: ", ".join(m for m in g if m != n) for g in weighed.groups for n in g}
    rows = []
    for d, key in zip(weighed.drivers, stands, strict=True):
        side = sides[d.name]
        rows.append(
            PartRow(
                part=d.name, share=d.share.value, share_low=d.share.low, share_high=d.share.high, first=d.first,
                ranks=d.ranks, key=bool(key), effect=finite(d.effect.value), effect_low=finite(d.effect.low),
                effect_high=finite(d.effect.high), standardised=finite(d.standardised.value),
                penalty=finite(side.penalty.value), penalty_low=finite(side.penalty.low),
                penalty_high=finite(side.penalty.high), reward=finite(side.reward.value),
                reward_low=finite(side.reward.low), reward_high=finite(side.reward.high), equal_p=finite(side.p),
                kind=side.kind, inflation=d.inflation, group=groups.get(d.name, ""), answered=d.seen,
                level=finite(float(np.nanmean(found.value[:, found.names.index(d.name)]))),
            )
        )  # fmt: skip
    estimate = weighed.explained
    return DriversTrial(
        answer="", estimate=estimate.value, interval=interval_of(estimate), n=weighed.n,
        method=f"shares by {weighed.method}, cluster bootstrap; effects by least squares; penalty and reward against "
        "the middle; Holm over the parts",
        rows=tuple(sorted(rows, key=lambda r: -r.share)), groups=_groups(found, weighed),
        left_out=tuple(LeftOutRow(part=name, why=why) for name, why in weighed.left_out),
    )  # fmt: skip


def _groups(found: Parts, weighed: Importance) -> tuple[TogetherRow, ...]:
    rows = []
    for names, share in zip(weighed.groups, weighed.group_shares, strict=True):
        at = [found.names.index(n) for n in names]
        index = condition_index(correlations(found.value[:, at]))
        rows.append(TogetherRow(parts=", ".join(names), share=share, condition=finite(index)))
    return tuple(sorted(rows, key=lambda r: -r.share))


def _beside(
    told: DriversTrial, found: Parts, outcome: NDArray[np.float64], who: NDArray[np.int64] | None, rich: Challenge
) -> DriversTrial:
    """What stands beside the parts: how far they move together, kinds of nothing, what the linear view misses."""
    at = [found.names.index(r.part) for r in told.rows]
    index = condition_index(correlations(found.value[:, at]))
    missed = tuple(
        MissedRow(
            parts=" and ".join(m.drivers), gain=m.gain.value, where=m.where, off=finite(m.residual.value),
            off_low=finite(m.residual.low), off_high=finite(m.residual.high),
        )
        for m in rich.missed
    )  # fmt: skip
    nothing = _nothing(found, outcome, who)
    return msgspec.structs.replace(
        told, condition=finite(index), linear=finite(rich.linear), nothing=nothing, missed=missed,
        challenger=rich.challenger if rich.beats else None, checks=_checks(told, index, rich, nothing),
    )  # fmt: skip


def _nothing(found: Parts, outcome: NDArray[np.float64], who: NDArray[np.int64] | None) -> tuple[NothingRow, ...]:
    rows = []
    lost = found.unanswered
    for j, name in enumerate(found.names):
        counts = [int(kind[:, j].sum()) for kind in (found.away, found.unasked, lost)]
        if not any(counts):
            continue
        silent, heard = lost[:, j], np.isfinite(found.value[:, j])
        gap = difference(
            mean(outcome[silent], clusters=None if who is None else who[silent], least=LEAST_SIDE),
            mean(outcome[heard], clusters=None if who is None else who[heard], least=LEAST_SIDE),
        )
        rows.append(
            NothingRow(
                part=name, not_applicable=counts[0], not_asked=counts[1], not_answered=counts[2],
                difference=finite(gap.value), difference_low=finite(gap.low), difference_high=finite(gap.high),
            )
        )  # fmt: skip
    return tuple(rows)


def _checks(told: DriversTrial, index: float, rich: Challenge, nothing: tuple[NothingRow, ...]) -> tuple[Check, ...]:
    """Whether parts can be told apart, whether empty ones go with the score, whether a line is enough."""
    blurred = [r.part for r in told.rows if r.inflation > 5]
    apart = Check(
        name="told_apart", passed=not blurred and index < 30, value=finite(index),
        text=driver_words.apart(blurred, index),
    )  # fmt: skip
    checks = [apart]
    weighed = {r.part for r in told.rows}
    empty = [r for r in nothing if r.not_answered and r.part in weighed]
    leaning = [r.part for r in empty if (r.difference_low or 0.0) > 0 or (r.difference_high or 0.0) < 0]
    if empty:
        text = driver_words.silent(leaning)
        checks.append(Check(name="not_answered_by_score", passed=not leaning, value=float(len(leaning)), text=text))
    if rich.refused:
        checks.append(
            Check(name="linear", passed=None, text=f"Whether a line is enough cannot be told: {rich.refused}.")
        )
    else:
        text = (
            f"Of answers not fitted to, the linear view explains {percent(rich.linear)}, a model of shapes and pairs "
        )
        text += f"{percent(rich.challenger)}: " + ("it misses something." if rich.beats else "a line is enough.")
        checks.append(Check(name="linear", passed=not rich.beats, value=finite(rich.gain.value), text=text))
    return tuple(checks)


def figure(found: DriversTrial) -> Figure | None:
    """The share of each part with its interval."""
    bars = [
        GroupBar(
            label=r.part, value=r.share, low=r.share_low, high=r.share_high, note=f"first in {percent(r.first)}",
            marked="good" if r.key else "",
        )
        for r in found.rows[:24]
    ]  # fmt: skip
    return group_bars(bars, title=found.answer, write=percent) if bars else None
