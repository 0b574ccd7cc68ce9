"""Policies: customers in trouble for whom one was used, against comparable ones: who stays, who buys again."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta

from regard.errors import Refusal, UnknownName
from regard.figures.balance import Gap, balance_plot
from regard.figures.bars import Side
from regard.findings import Caution, Finding, Interval
from regard.questions import question
from regard.signals.ask import Ask
from regard.statistics.adjusted import Adjusted, effect_on_treated
from regard.statistics.overlap import Covariate
from regard.wording import between, count, number, percent, signed

if TYPE_CHECKING:
    import pyarrow as pa

    from regard.figures.figure import Figure

Outcome = Literal["", "stays", "buys again"]


class PolicyRow(msgspec.Struct, frozen=True, kw_only=True):
    """One policy."""

    policy: Annotated[str, Meta(description="The act, as its source names it.")]
    uses: Annotated[int, Meta(description="How often it was used for a customer.")] = 0
    customers: Annotated[int, Meta(description="For how many customers.")] = 0
    judged: Annotated[bool, Meta(description="Whether it is the one judged here.")] = False


class BalanceRow(msgspec.Struct, frozen=True, kw_only=True):
    """One thing known before the trouble, on both sides."""

    known: Annotated[str, Meta(description="What was known.")]
    users: Annotated[float, Meta(description="Mean where the policy was used.")]
    others: Annotated[float, Meta(description="Mean where it was not.")]
    weighted: Annotated[float, Meta(description="The same, weighted to be like those where it was.")]
    before: Annotated[float, Meta(description="Standard deviations apart before weighting.")]
    after: Annotated[float, Meta(description="Standard deviations apart as weighted; below 0.1 is balanced.")]


class HiddenRow(msgspec.Struct, frozen=True, kw_only=True):
    """What something unmeasured, as strong as this, would leave of the effect."""

    known: Annotated[str, Meta(description="What it is as strong as.")]
    share_left: Annotated[float, Meta(description="Share of the linear effect that would be left; negative: it turns.")]


class Policies(Finding, frozen=True, kw_only=True):
    """What using a policy did for those it was used for."""

    policy: Annotated[str, Meta(description="The policy judged.")] = ""
    outcome: Annotated[str, Meta(description="stays: has a contract; buys again: orders.")] = ""
    estimate: Annotated[float | None, Meta(description="Effect on those it was used for, a share of customers.")] = None
    interval: Annotated[Interval | None, Meta(description="Its interval.")] = None
    with_it: Annotated[float | None, Meta(description="Share that stayed or bought, where it was used.")] = None
    without: Annotated[float | None, Meta(description="Share that would have without it.")] = None
    naive: Annotated[float | None, Meta(description="Difference without any adjustment.")] = None
    used: Annotated[int, Meta(description="Troubles after which it was used.")] = 0
    not_used: Annotated[int, Meta(description="Troubles after which it was not.")] = 0
    customers: Annotated[int, Meta(description="Customers who had them.")] = 0
    robustness: Annotated[
        float | None,
        Meta(description="Share of the rest of use and outcome that something unmeasured must explain to undo it."),
    ] = None
    rows: Annotated[tuple[PolicyRow, ...], Meta(description="The policies in the log, the most used first.")] = ()
    balance: Annotated[tuple[BalanceRow, ...], Meta(description="What was known, the largest gap first.")] = ()
    hidden: Annotated[tuple[HiddenRow, ...], Meta(description="Something unmeasured as strong as each.")] = ()


@dataclass(frozen=True)
class _Told:
    policy: str
    outcome: str
    rows: tuple[PolicyRow, ...]
    days: int
    follow: int

    @property
    def verb(self) -> str:
        return "stayed" if self.outcome == "stays" else "bought again"


@question(title="Policies", needs=("act", "contact|promise", "subscription|order"))
def policies(
    *,
    ask: Ask,
    policy: Annotated[str, Meta(description="The act that shows its use, as its source names it; the most used.")] = "",
    outcome: Annotated[Outcome, Meta(description="stays or buys again; by default what customers are worth by.")] = "",
    days: Annotated[int, Meta(description="Days after a trouble in which the policy is used.", ge=1, le=365)] = 30,
    follow: Annotated[int, Meta(description="Days after that until it is judged.", ge=7, le=1825)] = 180,
) -> Policies:
    """Does a policy keep those customers for whom it is used?"""
    names = ask.rows("policies_names.sql")
    if not names:
        raise Refusal(
            "No act was done for a single customer, so no policy can be judged.",
            hint="Record each use of a policy as an act with the customer's id: regard import, kind act.",
        )
    if policy and policy not in {r["name"] for r in names}:
        raise UnknownName("policy", policy, [r["name"] for r in names], where="policy")
    chosen = policy or names[0]["name"]
    rows = tuple(
        PolicyRow(policy=r["name"], uses=r["uses"], customers=r["customers"], judged=r["name"] == chosen) for r in names
    )
    recurring = ask.declarations.value.kind == "recurring" or (
        not ask.declarations.value.kind and not ask.count("order")
    )
    told = _Told(chosen, outcome or ("stays" if recurring else "buys again"), rows, days, follow)
    table = ask.table("policies.sql", policy=chosen, days=days, follow=follow)
    there = _floats(table, "held" if told.outcome == "stays" else "orders") > 0
    return _judged(ask, told, table.filter(there))


def _floats(table: pa.Table, name: str) -> np.ndarray:
    column = table.column(name)
    return np.array(column.cast("double").to_numpy(zero_copy_only=False), float)


def _judged(ask: Ask, told: _Told, table: pa.Table) -> Policies:
    used = _floats(table, "used")
    y = (_floats(table, "kept" if told.outcome == "stays" else "again") > 0).astype(float)
    who = table.column("customer").to_numpy()
    found = effect_on_treated(y, used, _known(table), clusters=who, seed=ask.seed) if len(y) > 1 else None
    if found is None or found.effect.refused:
        return _refused(ask, told, found, used)
    e = found.effect
    mean = found.counterfactual + e.value
    return Policies(
        answer=_sentence(told, found),
        policy=told.policy, outcome=told.outcome, rows=told.rows,
        estimate=e.value, interval=Interval(low=e.low, high=e.high), with_it=mean, without=found.counterfactual,
        naive=found.naive.value, used=found.treated, not_used=found.controls, customers=len(np.unique(who)),
        robustness=found.sensitivity.robustness if found.sensitivity else None,
        balance=_balance(found), hidden=_hidden(found),
        facts=(
            f"{percent(mean)} {told.verb} where it was used; without it, {percent(found.counterfactual)} would have.",
            f"Without any adjustment the difference is {_points(found.naive.value)}.",
        ),
        cautions=_cautions(found),
        next_step=_next(found),
        evidence=ask.evidence(
            n=len(y), customers=len(np.unique(who)), kind="estimated",
            method="Doubly robust effect on those it was used for (AIPW, cross-fitted), by trouble, clustered by"
            f" customer; judged {told.follow} days after the {told.days} in which it could be used.",
            complete=f"{count(len(y), 'trouble')} followed to the end",
        ),
    )  # fmt: skip


def _known(table: pa.Table) -> list[Covariate]:
    """What was known when the trouble came."""
    at = table.column("at").to_numpy().astype("datetime64[s]").astype(float) / 86400
    since = table.column("since").to_numpy().astype("datetime64[s]")
    tenure = np.where(np.isnat(since), np.nan, at - since.astype(np.int64) / 86400)
    known = [Covariate(name="trouble", values=table.column("trouble").to_numpy(zero_copy_only=False), is_label=True)]
    known += [Covariate(name="days a customer", values=tenure), Covariate(name="when", values=at)]
    named = {
        "amount": "contract's amount", "orders": "orders before", "spent": "spent in a year",
        "contacts": "contacts in a year", "broken": "promises broken in a year", "score": "last score",
    }  # fmt: skip
    known += [Covariate(name=title, values=_floats(table, name)) for name, title in named.items()]
    return [c for c in known if c.is_label or np.ptp(np.nan_to_num(np.asarray(c.values, float), nan=-1.0)) > 0]


def _points(value: float) -> str:
    return f"{signed(100 * value, 1)} points"


def _sentence(told: _Told, found: Adjusted) -> str:
    e = found.effect
    ends = f"{between(e.low, e.high, lambda v: signed(100 * v, 1))} points"
    if not e.clear:
        return (
            f"Whether {told.policy} keeps customers cannot be told: after {count(found.kept_treated, 'trouble')} in "
            f"which it was used, the share that {told.verb} differs by {_points(e.value)} ({ends})."
        )
    way = "more" if e.value > 0 else "fewer"
    size = f"{number(abs(100 * e.value), 1)} points {way} customers"
    return (
        f"Where {told.policy} was used, {size} {told.verb} than would have without it ({ends}), all else known being "
        "equal."
    )


def _cautions(found: Adjusted) -> tuple[Caution, ...]:
    said = [
        Caution(
            code="not_randomised",
            text="Nobody drew lots for whom it was used: an effect holds only if nothing unmeasured decided both.",
        )
    ]  # fmt: skip
    worst = found.sensitivity.benchmarks[0] if found.sensitivity and found.sensitivity.benchmarks else None
    if found.effect.clear and worst is not None and worst.share_left <= 0:
        said.append(
            Caution(code="fragile", text=f"Something unmeasured as strong as {worst.name} would undo the effect.")
        )
    if abs(found.worst) > 0.1:
        text = f"{found.missed} stays {number(abs(found.worst), 2)} standard deviations apart."
        said.append(Caution(code="unbalanced", text=text))
    left = found.treated - found.kept_treated
    if left:
        said.append(Caution(code="trimmed", text=f"{count(left, 'trouble')} without a comparable one are left out."))
    return tuple(said)


def _next(found: Adjusted) -> str:
    if not found.effect.clear:
        return "Draw lots for whom it is used for a quarter, and judge them with regard try experiment."
    return "Draw lots where it is a close call: that is the only proof."


def _balance(found: Adjusted) -> tuple[BalanceRow, ...]:
    return tuple(
        BalanceRow(
            known=b.name, users=b.treated, others=b.controls, weighted=b.weighted, before=b.before, after=b.after
        )
        for b in found.balance
    )


def _hidden(found: Adjusted) -> tuple[HiddenRow, ...]:
    benchmarks = found.sensitivity.benchmarks if found.sensitivity else ()
    return tuple(HiddenRow(known=b.name, share_left=max(b.share_left, -99.0)) for b in benchmarks)


def _refused(ask: Ask, told: _Told, found: Adjusted | None, used: np.ndarray) -> Policies:
    uses = int(used.sum())
    why = found.effect.refused if found is not None else f"only {count(len(used), 'trouble')} was followed so far"
    if uses < 20:
        why = f"{told.policy} was used after {count(uses, 'trouble')} that could be followed; 20 are needed"
    return Policies(
        answer=f"Whether {told.policy} keeps customers cannot be told: {why}.", refused=why,
        next_step="Record more uses, or look back less far: a shorter follow.",
        policy=told.policy, outcome=told.outcome,
        rows=told.rows, used=uses, not_used=len(used) - uses,
        balance=_balance(found) if found is not None and all(math.isfinite(b.after) for b in found.balance) else (),
        evidence=ask.evidence(n=len(used), kind="refused"),
    )  # fmt: skip


def figure(found: Policies) -> Figure | None:
    """The effect beside the plain difference, and the balance of what was known."""
    if found.estimate is None or found.interval is None:
        return None
    side = Side(value=found.estimate, low=found.interval.low, high=found.interval.high)
    gaps = [Gap(label=r.known, before=r.before, after=r.after) for r in found.balance[:20]]
    return balance_plot(gaps, title=found.answer, estimates=[(found.policy, side)], write=_points)
