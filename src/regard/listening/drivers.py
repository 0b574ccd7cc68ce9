"""Drivers: which parts, moments and operational facts go with the score, by how much, and for whom."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from msgspec import Meta

from regard.figures.bars import DriverBar, Side, interval_bars
from regard.findings import Caution, Finding, Interval
from regard.listening.counted import metric_of, texts
from regard.listening.facts import Asked, Fact, collected, floats
from regard.listening.mentioned import MentionRow, mention_caution, mention_fact, parts_mentioned
from regard.listening.rules import Rule, classes, rule_of
from regard.listening.weighing import LEAST_CUSTOMERS, Family, Weighed, weigh
from regard.questions import question
from regard.signals.ask import Ask
from regard.signals.voices import Count, cautions, weighing
from regard.wording import Words, between, count, listed, money, number, percent, signed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.figures.figure import Figure
    from regard.statistics.estimates import Estimate

MOST = 8_000
ENOUGH = 300
SPREAD = 1_000_003
"""A prime: a sample is the ids whose place after stirring by it comes first, the same at every asking."""


class DriverRow(msgspec.Struct, frozen=True, kw_only=True):
    """One driver of the score."""

    title: Annotated[str, Meta(description="What it is.")]
    key: Annotated[bool, Meta(description="Its effect stands after all are accounted for (Holm, 95 %).")] = False
    effect: Annotated[float | None, Meta(description="Score on its bad side less good side, others held still.")] = None
    low: Annotated[float | None, Meta(description="Lower end of the effect's 95 % interval.")] = None
    high: Annotated[float | None, Meta(description="Upper end of the effect's 95 % interval.")] = None
    share: Annotated[
        float, Meta(description="Share of the score's variance that goes with it, what noise explains taken off.")
    ] = 0.0
    customers: Annotated[int, Meta(description="Customers on its bad side, of those who answered.")] = 0
    value: Annotated[float | None, Meta(description="What these customers are worth, in the company's currency.")] = (
        None
    )
    family: Annotated[str, Meta(description="experience: read from the log; part: scored in the same survey.")] = ""
    q: Annotated[float | None, Meta(description="p of no effect, all drivers accounted for (false discovery).")] = None
    penalty: Annotated[float | None, Meta(description="What the bad side loses against the middle.")] = None
    penalty_low: Annotated[float | None, Meta(description="Lower end of its interval.")] = None
    penalty_high: Annotated[float | None, Meta(description="Upper end of its interval.")] = None
    reward: Annotated[float | None, Meta(description="What the good side wins against the middle.")] = None
    reward_low: Annotated[float | None, Meta(description="Lower end of its interval.")] = None
    reward_high: Annotated[float | None, Meta(description="Upper end of its interval.")] = None
    kind: Annotated[str, Meta(description="basic: only loses; excitement: only wins; performance: both; none.")] = ""
    share_low: Annotated[float, Meta(description="Share at the lower end of its 95 % interval.")] = 0.0
    share_high: Annotated[float, Meta(description="Share at the upper end of its 95 % interval.")] = 0.0
    first: Annotated[float, Meta(description="Share of resamples in which it comes first in its family.")] = 0.0
    bad_mean: Annotated[float | None, Meta(description="Mean score on its bad side, weighted, nothing held still.")] = (
        None
    )
    good_mean: Annotated[float | None, Meta(description="Mean score on its good side, weighted.")] = None
    bad_plain: Annotated[float | None, Meta(description="Mean score on its bad side, unweighted.")] = None
    good_plain: Annotated[float | None, Meta(description="Mean score on its good side, unweighted.")] = None
    bad_n: Annotated[int, Meta(description="Answers on its bad side.")] = 0
    good_n: Annotated[int, Meta(description="Answers on its good side.")] = 0
    together: Annotated[str, Meta(description="Drivers that move with it: read them together.")] = ""
    name: Annotated[str, Meta(description="Its stable name.")] = ""
    contrast: Annotated[str, Meta(description="Its bad side against its good side.")] = ""
    bad: Annotated[str, Meta(description="Its bad side in words.")] = ""
    good: Annotated[str, Meta(description="Its good side in words.")] = ""


class LeftRow(msgspec.Struct, frozen=True, kw_only=True):
    """A fact that could not be weighed."""

    title: Annotated[str, Meta(description="The fact.")]
    why: Annotated[str, Meta(description="Why not.")] = ""


class Drivers(Finding, frozen=True, kw_only=True):
    """What goes with a high or a low score."""

    metric: Annotated[str, Meta(description="nps, csat, ces, stars or the company's own.")] = ""
    name: Annotated[str, Meta(description="What people call it.")] = ""
    n: Annotated[int, Meta(description="Answers weighed.")] = 0
    days: Annotated[int, Meta(description="Days before an answer in which facts count.")] = 90
    explained: Annotated[float | None, Meta(description="Share of the score's variance all facts explain.")] = None
    explained_interval: Annotated[Interval | None, Meta(description="Its 95 % interval, as a share.")] = None
    parts_explained: Annotated[float | None, Meta(description="Share all parts of the survey explain.")] = None
    currency: Annotated[str, Meta(description="Currency of the values.")] = ""
    value_is: Annotated[str, Meta(description="What value means here: a year, orders, or the order itself.")] = ""
    loses: Annotated[str, Meta(description="The driver that loses most.")] = ""
    wins: Annotated[str, Meta(description="The driver that wins most.")] = ""
    rows: Annotated[tuple[DriverRow, ...], Meta(description="Drivers, those that stand first.")] = ()
    mentions: Annotated[
        tuple[MentionRow, ...], Meta(description="Parts many answers lack: being mentioned, and what is said, apart.")
    ] = ()
    left_out: Annotated[tuple[LeftRow, ...], Meta(description="Facts that could not be weighed, and why.")] = ()


@dataclass(frozen=True, kw_only=True)
class Read:
    """The answers to be explained: what was said, by whom, how much it stands for, and which facts are asked of it."""

    rule: Rule
    score: NDArray[np.float64]
    weight: NDArray[np.float64]
    customer: NDArray[np.int64]
    survey: NDArray[np.str_]
    at: NDArray[np.datetime64]
    asked: Asked
    total: int
    both: bool
    by: Count = "voices"
    weightless: int = 0

    @property
    def people(self) -> int:
        """Customers who gave them, unknown ones counted one by one."""
        return len(np.unique(self.customer))

    @property
    def weighted(self) -> bool:
        """Whether answers stand for differently many."""
        return len(self.weight) > 0 and bool(np.ptp(self.weight) > 0)

    @property
    def weights(self) -> NDArray[np.float64] | None:
        """What answers stand for; None where all stand for as many."""
        return self.weight if self.weighted else None

    @property
    def known_people(self) -> int:
        """Known customers who gave them."""
        return len(np.unique(self.customer[self.asked.known]))


@question(title="Drivers", needs=("answer|review",))
def drivers(
    *,
    ask: Ask,
    metric: Annotated[str, Meta(description="nps, csat, ces, stars or your own; default the declared one.")] = "",
    survey: Annotated[str, Meta(description="One survey only; default every survey with this metric.")] = "",
    days: Annotated[int, Meta(description="Days before an answer in which facts count.", ge=1, le=730)] = 90,
    count: Annotated[
        Count, Meta(description="What weighs: voices (answers), customers (each once), or value (their worth).")
    ] = "voices",
) -> Drivers:
    """What loses us customers' goodwill, and what wins it?"""
    name = metric_of(ask, metric, survey)
    read = _by_count(ask, _read(ask, name, survey, days), count)
    if read.people < LEAST_CUSTOMERS:
        people = Words(ask.declarations.called, ask.declarations.called_many).count(read.people)
        return _refused(ask, read, f"only {people} answered; {LEAST_CUSTOMERS} are needed")
    facts = list(collected(ask, read.asked))
    families = _families(ask, read, facts, ("experience", "part"))
    weighed = [w for family in families.values() for w in family.weighed]
    if not weighed:
        return _refused(ask, read, "nothing else is known of those who answered, or it does not vary")
    worth, value_is = _worth(ask, read)
    rows = sorted((_row(w, read, worth) for w in weighed), key=_order)
    spoken = parts_mentioned(
        [f for f in facts if f.family == "part"], read.score, read.customer, survey=read.survey, at=read.at,
        weights=read.weights,
    )  # fmt: skip
    return _finding(ask, read, families, tuple(rows), spoken=spoken, value_is=value_is)


def lived_through(ask: Ask, *, metric: str, days: int) -> tuple[Read, tuple[Weighed, ...]]:
    """What was lived through before the answers of a metric, weighed: for questions that build on drivers.

    Args:
        ask: Of this room's package.
        metric: As `metric_of` names it.
        days: Days before an answer in which facts count.

    Returns:
        The answers, and the facts as they weigh; none where too few answered.
    """
    read = _read(ask, metric, "", days)
    if read.people < LEAST_CUSTOMERS:
        return read, ()
    return read, _families(ask, read, list(collected(ask, read.asked)), ("experience",))["experience"].weighed


def _families(ask: Ask, read: Read, facts: list[Fact], names: tuple[str, ...]) -> dict[str, Family]:
    return {
        family: weigh(
            [f for f in facts if f.family == family],
            read.score,
            read.customer,
            seed=ask.seed,
            weights=read.weights,
        )
        for family in names
    }


def _read(ask: Ask, metric: str, survey: str, days: int) -> Read:
    """The answers of the period; with the period before where they are few; a fixed sample where they are very many.

    They are kept as ``picked``, which every statement of facts reads.
    """
    scope = ask.scope
    said = ask.table("drivers.sql", metric=metric, survey=survey)
    now = texts(said, "period") == "now"
    both = int(now.sum()) < ENOUGH and scope.before_until <= scope.until
    chosen = np.ones(len(said), bool) if both else now
    total = int(chosen.sum())
    if total > MOST:
        chosen &= said.column("id").to_numpy() % SPREAD * 7919 % SPREAD < SPREAD * MOST // total
    table = said.filter(chosen)
    ask.keep("picked", table)
    rule, score = rule_of(metric), floats(table, "score")
    on_scale = np.isfinite(classes(rule, score, floats(table, "scale_min"), floats(table, "scale_max")))
    ids = table.column("id").to_numpy()
    known = np.asarray(table.column("customer").is_valid())
    first = min(scope.before_since, scope.since) if both else scope.since
    asked = Asked(ids=ids, known=known, parameters={"days": days, "first": first - timedelta(days=days)}, days=days)
    # Facts are read for every answer; those off the scale count as missing outcome and are dropped by their score.
    return Read(
        rule=rule, score=np.where(on_scale, score, np.nan), weight=floats(table, "weight"),
        customer=np.where(known, table.column("customer").fill_null(0).to_numpy(), -ids),
        survey=texts(table, "survey"), at=np.asarray(table.column("at").to_numpy(zero_copy_only=False)),
        asked=asked, total=total, both=both,
    )  # fmt: skip


def _by_count(ask: Ask, read: Read, by: Count) -> Read:
    """The answers with weights that count voices, customers or value; those that weigh nothing have no score."""
    weight = weighing(
        ask, by, customer=read.customer, weight=read.weight, among=np.zeros(len(read.weight)), known=read.asked.known
    )
    weightless = weight <= 0
    kept = np.where(weightless, read.weight.min(initial=1.0), weight)
    score, lost = np.where(weightless, np.nan, read.score), int((weightless & np.isfinite(read.score)).sum())
    return replace(read, weight=kept, score=score, by=by, weightless=lost)


def _worth(ask: Ask, read: Read) -> tuple[dict[int, float], str]:
    """What each customer who answered is worth, and what that means."""
    kind = ask.declarations.value.kind or ("order" if ask.count("order") else "")
    if not kind:
        return {}, ""
    table = ask.table("drivers_value.sql", worth=kind, **read.asked.parameters)
    worth = dict(zip(table.column("customer").to_pylist(), floats(table, "value").tolist(), strict=True))
    meaning = {
        "recurring": "yearly amount of their contracts",
        "trailing": f"their orders of the last {ask.declarations.value.days} days, less refunds",
        "order": "the orders their answers are about",
    }
    return worth, meaning[kind] if worth else ""


def _row(w: Weighed, read: Read, worth: dict[int, float]) -> DriverRow:
    fact, share, penalty, reward = w.fact, w.driver.share, w.sides.penalty, w.sides.reward
    known = np.isfinite(read.score)
    bad, good = fact.bad & known, fact.good & known
    customers = np.unique(read.customer[bad])
    means = [_mean(read, side, weighted=weighted) for weighted in (True, False) for side in (bad, good)]
    return DriverRow(
        title=fact.title, name=fact.name, contrast=fact.contrast,
        bad=fact.words[0],
        good=fact.words[1], family=fact.family, key=w.key,
        effect=_value(w.effect), low=_end(w.effect, "low"), high=_end(w.effect, "high"),
        q=float(w.q) if np.isfinite(w.q) else None,
        penalty=_value(penalty), penalty_low=_end(penalty, "low"), penalty_high=_end(penalty, "high"),
        reward=_value(reward), reward_low=_end(reward, "low"), reward_high=_end(reward, "high"), kind=w.sides.kind,
        share=share.value, share_low=share.low, share_high=share.high, first=w.driver.first,
        bad_mean=means[0], good_mean=means[1], bad_plain=means[2], good_plain=means[3],
        bad_n=int(bad.sum()), good_n=int(good.sum()), customers=len(customers),
        value=sum(worth.get(int(c), 0.0) for c in customers) if worth else None,
        together=listed([*w.twins, *w.together], most=4),
    )  # fmt: skip


def _mean(read: Read, side: NDArray[np.bool_], *, weighted: bool) -> float | None:
    if not side.any():
        return None
    return float(np.average(read.score[side], weights=read.weight[side] if weighted else None))


def _value(estimate: Estimate) -> float | None:
    return None if estimate.refused or not np.isfinite(estimate.value) else estimate.value


def _end(estimate: Estimate, which: str) -> float | None:
    end = float(getattr(estimate, which))
    return end if not estimate.refused and np.isfinite(end) else None


def _order(row: DriverRow) -> tuple[bool, bool, float, float]:
    return (not row.key, row.family == "part", -abs(row.effect or 0.0), -row.share)


def _finding(
    ask: Ask,
    read: Read,
    families: dict[str, Family],
    rows: tuple[DriverRow, ...],
    *,
    spoken: tuple[MentionRow, ...],
    value_is: str,
) -> Drivers:
    experience, parts = families["experience"].explained, families["part"].explained
    left = [LeftRow(title=t, why=why) for f in families.values() for t, why in f.left_out]
    loses, wins = _extremes(rows)
    finding = Drivers(
        answer="", metric=read.rule.metric, name=read.rule.name, n=int(np.isfinite(read.score).sum()),
        days=read.asked.days, explained=_value(experience), parts_explained=_value(parts),
        explained_interval=None if experience.refused else Interval(low=experience.low, high=experience.high),
        currency=ask.declarations.currency if value_is else "", value_is=value_is,
        loses=loses.title if loses else "", wins=wins.title if wins else "", rows=rows, mentions=spoken,
        left_out=tuple(left), cautions=_cautions(ask, read, rows, spoken),
        evidence=ask.evidence(
            n=int(np.isfinite(read.score).sum()), customers=read.known_people,
            kind="estimated", method=_METHOD,
        ),
    )  # fmt: skip
    return msgspec.structs.replace(
        finding, answer=_sentence(read.rule, loses, wins, rows), facts=_facts(finding, rows, ask)
    )


_METHOD = (
    "Shares of variance over all orders of drivers (LMG; Johnson's weights above 14); effects by least squares,"
    " errors clustered by customer; penalty and reward against the middle; key drivers by Holm (1979)."
)


def _extremes(rows: tuple[DriverRow, ...]) -> tuple[DriverRow | None, DriverRow | None]:
    """The key drivers that lose and win most. What was lived through comes before parts scored in the same breath."""
    keys = [r for r in rows if r.key and r.family == "experience"] or [r for r in rows if r.key]
    # A side is named only where it stands on its own: a driver can be key by one side alone.
    lost = [r for r in keys if r.penalty is not None and r.penalty_high is not None and r.penalty_high < 0]
    won = [r for r in keys if r.reward is not None and r.reward_low is not None and r.reward_low > 0]
    loses = min(lost, key=lambda r: r.penalty or 0.0, default=None)
    wins = max((r for r in won if r is not loses), key=lambda r: r.reward or 0.0, default=None)
    return loses, wins


def _sentence(rule: Rule, loses: DriverRow | None, wins: DriverRow | None, rows: tuple[DriverRow, ...]) -> str:
    unit = "stars" if rule.metric == "stars" else f"points of the {rule.name} question"
    if not loses and not wins:
        return (
            f"Nothing known of those who answered moves the score beyond chance ({count(len(rows), 'fact')} weighed)."
        )
    told = []
    if loses:
        ends = between(loses.penalty_low, loses.penalty_high, lambda v: signed(v, 1))
        told.append(f"What loses most: {_small(loses.bad)}, {signed(loses.penalty, 1)} {unit} ({ends}).")
    if wins:
        ends = between(wins.reward_low, wins.reward_high, lambda v: signed(v, 1))
        told.append(f"What wins most: {_small(wins.good)}, {signed(wins.reward, 1)} {unit} ({ends}).")
    return " ".join(told)


def _small(text: str) -> str:
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def _facts(finding: Drivers, rows: tuple[DriverRow, ...], ask: Ask) -> tuple[str, ...]:
    words = Words(ask.declarations.called, ask.declarations.called_many)
    found = []
    worst = next((r for r in rows if r.title == finding.loses), None)
    if worst and worst.bad_mean is not None and worst.good_mean is not None:
        found.append(
            f"{worst.title}: mean {number(worst.bad_mean, 1)} against {number(worst.good_mean, 1)} ({worst.contrast}); "
            f"{words.count(worst.customers)} of those who answered"
        )
    if finding.explained is not None and finding.explained_interval is not None:
        low, high = (percent(x, 0) for x in (finding.explained_interval.low, finding.explained_interval.high))
        share = f"{percent(finding.explained, 0)} ({low} to {high})"
        found.append(f"Together, what was lived through explains {share} of the differences between scores")
    found.append(mention_fact(finding.mentions))
    weak = [r.title for r in rows if not r.key and (r.share_high >= 0.02 or len(rows) < 6)]
    if weak:
        found.append(f"Cannot be told from no effect: {listed(weak, most=3)}")
    return tuple([text for text in found if text][:3])


def _cautions(ask: Ask, read: Read, rows: tuple[DriverRow, ...], spoken: tuple[MentionRow, ...]) -> tuple[Caution, ...]:
    blurred = [r.title for r in rows if r.together and r.key]
    told = {
        "association": "An association, not a proof: customers who differ in one thing differ in others, too.",
        "before_included": read.both
        and f"Fewer than {ENOUGH} answers in the period: those of the period compared with are included.",
        "sampled": read.total > MOST
        and f"A fixed sample of {number(MOST)} of {number(read.total)} answers is weighed.",
        "mood": any(r.family == "part" for r in rows)
        and "Parts scored in one breath share the mood of who scores: one counts only beyond the weakest of them.",
        "moves_together": blurred and f"Hard to tell from others that move with them: {listed(blurred, most=3)}.",
        "weighted": read.weighted
        and read.by == "voices"
        and "Answers are weighted to stand for everybody, in effects and shares, too; plain means are beside them.",
        "no_value": not ask.declarations.value.kind
        and "What a customer is worth is not declared (value.kind): money is of the orders answers are about, if any.",
    }
    found = [Caution(code=code, text=text) for code, text in told.items() if text]
    words = Words(ask.declarations.called, ask.declarations.called_many)
    found += cautions(read.by, words, rows=len(read.score), weightless=read.weightless, what="answer")
    of_some = mention_caution(spoken)
    return tuple([*found, of_some] if of_some else found)


def _refused(ask: Ask, read: Read, why: str) -> Drivers:
    text = f"What drives the score cannot be told: {why}."
    people = ask.declarations.called_many
    step = (
        "Widen the period, such as --period 1y, or take a filter away."
        if read.people < LEAST_CUSTOMERS
        else f"Add what {people} lived through: orders, promises, contacts or events with the same customer ids."
    )
    return Drivers(
        answer=text, refused=text, next_step=step, metric=read.rule.metric, name=read.rule.name, n=len(read.score),
        evidence=ask.evidence(n=len(read.score), customers=read.people, kind="refused"),
    )  # fmt: skip


def figure(finding: Drivers) -> Figure | None:
    """What loses to the left, what wins to the right, with whiskers; what its customers are worth at the end."""
    shown = [r for r in finding.rows if r.key][:9]
    shown += [r for r in finding.rows if not r.key][: max(1, 6 - len(shown))]
    if finding.refused or not shown:
        return None
    bars = [
        DriverBar(
            label=f"{r.title} (scored)" if r.family == "part" else r.title,
            losing=_side(r.penalty, r.penalty_low, r.penalty_high),
            winning=_side(r.reward, r.reward_low, r.reward_high),
            column=money(r.value, finding.currency) if r.value is not None else "",
            tip=f"{r.title}: {r.contrast}",
        )
        for r in shown
        if r.penalty is not None or r.reward is not None
    ]
    column = "value of those concerned" if any(r.value is not None for r in shown) else ""
    return interval_bars(
        bars, title=finding.answer, alt="Drivers with penalty and reward in points of the score, 95 % intervals",
        left="loses", right="wins", column=column, write=lambda v: signed(v, 1),
    )  # fmt: skip


def _side(value: float | None, low: float | None, high: float | None) -> Side | None:
    return None if value is None or low is None or high is None else Side(value=value, low=low, high=high)
