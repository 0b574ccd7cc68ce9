"""The effect of something customers chose to use, from one file: adjusted for what was known of them before."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from msgspec import Meta

from regard.errors import BadInput, Refusal
from regard.figures.balance import Gap, balance_plot
from regard.figures.bars import Side
from regard.findings import Caution, Interval
from regard.statistics.adjusted import Adjusted, effect_on_treated
from regard.statistics.overlap import HIGHEST, Covariate
from regard.statistics.richer import Richer
from regard.statistics.unmeasured import e_value, ratio_of_means
from regard.trying.columns import Columns
from regard.trying.trials import Check, Trial, trial
from regard.wording import between, count, listed, number, percent, signed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.figures.figure import Figure

USED = ("used", "uses", "treated", "treatment", "treat", "policy", "adopted", "enrolled", "took", "member")
YES = {"yes", "true", "1", "used", "y", "treated", "on", "ja", "oui", "si"}
BALANCED = 0.1


class BalanceRow(msgspec.Struct, frozen=True, kw_only=True):
    """One covariate on both sides."""

    covariate: Annotated[str, Meta(description="The covariate, or one label of it.")]
    users: Annotated[float, Meta(description="Mean among those who used it and are compared.")]
    others: Annotated[float, Meta(description="Mean among all others.")]
    weighted: Annotated[float, Meta(description="Mean among the others as weighted.")]
    before: Annotated[float, Meta(description="Standard deviations apart before weighting.")]
    after: Annotated[float, Meta(description="Standard deviations apart as weighted; below 0.1 is balanced.")]


class HiddenRow(msgspec.Struct, frozen=True, kw_only=True):
    """What something unmeasured, as strong as this covariate, would do."""

    covariate: Annotated[str, Meta(description="The covariate it is as strong as.")]
    with_use: Annotated[float, Meta(description="Partial R² with use, given the other covariates.")]
    with_outcome: Annotated[float, Meta(description="Partial R² with the outcome, given the others and use.")]
    share_left: Annotated[float, Meta(description="Share of the linear effect that would be left; negative: it turns.")]


class ViewRow(msgspec.Struct, frozen=True, kw_only=True):
    """The effect seen in one way."""

    view: Annotated[str, Meta(description="How.")]
    estimate: Annotated[float, Meta(description="The estimate.")]
    low: Annotated[float | None, Meta(description="Lower end of its interval, where it is judged by one.")] = None
    high: Annotated[float | None, Meta(description="Upper end.")] = None


class EffectTrial(Trial, frozen=True, kw_only=True):
    """What using something did for those who used it."""

    outcome: Annotated[str, Meta(description="Column of the outcome.")] = ""
    used: Annotated[str, Meta(description="Column of the use.")] = ""
    is_share: Annotated[bool, Meta(description="Whether the outcome is yes or no.")] = False
    users: Annotated[int, Meta(description="Rows that used it.")] = 0
    compared: Annotated[
        int, Meta(description="Those of them who have comparable others: whom the effect is about.")
    ] = 0
    others: Annotated[int, Meta(description="Rows that did not.")] = 0
    effective: Annotated[float, Meta(description="What the weighted others count for, in unweighted rows.")] = 0.0
    without: Annotated[float | None, Meta(description="Mean outcome users would have had without.")] = None
    robustness: Annotated[
        float | None,
        Meta(description="Share of the rest of use and outcome that something unmeasured must explain to undo it."),
    ] = None
    e_value: Annotated[
        float | None, Meta(description="Risk ratio something unmeasured must have with both to undo the effect.")
    ] = None
    rows: Annotated[tuple[BalanceRow, ...], Meta(description="Balance, the largest gap before first.")] = ()
    hidden: Annotated[tuple[HiddenRow, ...], Meta(description="Something unmeasured as strong as each covariate.")] = ()
    views: Annotated[tuple[ViewRow, ...], Meta(description="The effect seen in other ways.")] = ()


@dataclass(frozen=True)
class _Read:
    y: NDArray[np.float64]
    d: NDArray[np.float64]
    covariates: list[Covariate]
    who: NDArray[np.object_] | None
    outcome: str
    used: str
    yes: str

    @property
    def is_share(self) -> bool:
        return set(np.unique(self.y[np.isfinite(self.y)])) <= {0.0, 1.0}


@trial(
    title="Effect",
    example="regard try effect policies.csv --outcome renewed --used policy --covariates age,orders,plan",
)
def effect(
    data: Columns,
    *,
    outcome: Annotated[str, Meta(description="Column of the outcome: a number, or yes and no.")],
    used: Annotated[str, Meta(description="Column that says who used it: yes and no, 1 and 0, or how often.")] = "",
    covariates: Annotated[
        tuple[str, ...], Meta(description="Columns known before the use that may have decided it; default all others.")
    ] = (),
    labels: Annotated[
        tuple[str, ...], Meta(description="Columns whose numbers are labels, such as codes of regions.")
    ] = (),
    customer: Annotated[str, Meta(description="Column of the customer, where one has several rows.")] = "",
    highest: Annotated[
        float, Meta(description="Chance of use above which a row has no comparable other.", gt=0.5, le=1.0)
    ] = HIGHEST,
) -> EffectTrial:
    """What did using it do for those who chose to, all else measured being equal?"""
    used = used or data.guess("used", USED, skip=tuple(n for n in (outcome, customer, *covariates) if n))
    read = _read(data, (outcome, used, customer), covariates, labels)
    found = effect_on_treated(read.y, read.d, read.covariates, clusters=read.who, highest=highest)
    if found.effect.refused:
        return _refused(read, found)
    e = found.effect
    return EffectTrial(
        answer=_answer(read, found),
        estimate=e.value,
        interval=Interval(low=e.low, high=e.high),
        n=e.n,
        method=e.method,
        checks=_checks(read, found),
        cautions=_cautions(read, found, guessed=not covariates),
        facts=_facts(read, found),
        next_step=_next(found),
        users=found.treated,
        compared=found.kept_treated,
        others=found.controls,
        effective=found.effective,
        without=found.counterfactual,
        robustness=found.sensitivity.robustness if found.sensitivity else None,
        e_value=_e_value(read, found),
        rows=_balance(found),
        hidden=_hidden(found),
        views=_views(found),
        outcome=outcome,
        used=used,
        is_share=read.is_share,
    )


def _read(data: Columns, roles: tuple[str, str, str], covariates: tuple[str, ...], labels: tuple[str, ...]) -> _Read:
    outcome, used, customer = roles
    y = data.numbers(outcome)
    d, yes = _use(data, used)
    who = data.text(customer) if customer else None
    names = covariates or tuple(n for n in data.names if n not in roles and _tells(data, n))
    for name in {outcome, used} & set(names):
        raise BadInput(f"{name} cannot be its own covariate.", where="--covariates", hint="Leave it out.")
    if not names:
        raise Refusal("Nothing is known of the rows besides use and outcome.", hint="Bring what was known before.")
    if not np.isfinite(y).any():
        raise Refusal(f"{outcome} is empty in every row.", hint="Name another outcome.")
    keep = np.isfinite(d) & np.isfinite(y)
    if who is not None:
        keep &= np.array([w is not None for w in who], bool)
    if not keep.any():
        raise Refusal(f"No row has both {used} and {outcome}.", hint="Bring rows that have both.")
    if np.ptp(y[keep]) == 0:
        raise Refusal(f"{outcome} is the same in every row: nothing to compare.", hint="Name another outcome.")
    known = [_covariate(data, name, keep, is_label=name in labels) for name in names]
    told = None if who is None else np.asarray(who)[keep].astype(str)
    return _Read(y[keep], d[keep], known, told, outcome, used, yes)


def _use(data: Columns, used: str) -> tuple[NDArray[np.float64], str]:
    """Who used it, 1 or 0, NaN where nothing is said; and the label that means they did."""
    if data.holds(used) in {"whole", "number", "truth", "empty"}:
        given = data.numbers(used)
        return np.where(np.isfinite(given), (given > 0).astype(float), np.nan), ""
    text = data.text(used)
    names = sorted({str(v) for v in text if v is not None})
    if len(names) != 2:
        raise BadInput(
            f"{used} has {count(len(names), 'label')}; it must say used or not.",
            where="--used", hint="Make it yes and no, or 1 and 0.",
        )  # fmt: skip
    yes = next((n for n in names if n.lower() in YES), names[1])
    return np.array([np.nan if v is None else float(v == yes) for v in text]), yes


def _tells(data: Columns, name: str) -> bool:
    """Whether a column nobody named may be a covariate: not a name of its own for nearly every row."""
    holds = data.holds(name)
    if holds in {"number", "truth"}:
        return True
    if holds in {"empty", "url", "email", "time"}:
        return False
    codes, labels = data.codes(name)
    return len(labels) <= max(20, len(codes) // 20) or (holds == "whole" and len(labels) < 0.9 * len(codes))


def _covariate(data: Columns, name: str, keep: NDArray[np.bool_], *, is_label: bool) -> Covariate:
    holds = data.holds(name)
    if holds == "time" and not is_label:
        when = data.times(name)
        days = (when - np.datetime64("1970-01-01")) / np.timedelta64(1, "D")
        return Covariate(name=name, values=days[keep])
    if holds in {"whole", "number", "truth", "empty"} and not is_label:
        return Covariate(name=name, values=data.numbers(name)[keep])
    return Covariate(name=name, values=data.text(name)[keep], is_label=True)


def _write(read_share: bool, value: float) -> str:  # noqa: FBT001 - a formatter of one number
    return f"{signed(100 * value, 1)} points" if read_share else signed(value, None)


def _answer(read: _Read, found: Adjusted) -> str:
    e, share = found.effect, read.is_share
    scale, digits = (100, 1) if share else (1, None)
    ends = between(e.low, e.high, lambda v: signed(scale * v, digits)) + " points" * share
    who = f"those who used {read.used}" if not read.yes else f"those with {read.used} {read.yes}"
    if not e.clear:
        return f"No effect on {read.outcome} can be told among {who}: {_write(share, e.value)} ({ends})."
    way = "higher" if e.value > 0 else "lower"
    size = _write(share, abs(e.value)).lstrip("+")
    told = f"Among {who}, {read.outcome} was {size} {way} than without it ({ends}), all else measured being equal."
    weak = _undoes(found)
    return told + (f" Something unmeasured as strong as {weak} would explain it away." if weak else "")


def _undoes(found: Adjusted) -> str:
    """The covariate whose like, unmeasured, would undo the effect; empty when none would."""
    strong = found.sensitivity.benchmarks[0] if found.sensitivity and found.sensitivity.benchmarks else None
    return strong.name if strong is not None and strong.share_left <= 0 else ""


def _checks(read: _Read, found: Adjusted) -> tuple[Check, ...]:
    share = found.kept_treated / found.treated
    apart = abs(found.second.value - found.effect.value) if not found.second.refused else math.nan
    near = apart <= 2 * found.effect.error
    checks = [
        Check(
            name="overlap", passed=share >= 0.8, value=share,
            text=f"{found.kept_treated:,} of {count(found.treated, 'user')} ({percent(share)}) have comparable others; "
            f"these count for {number(round(found.effective))} unweighted rows.",
        ),
        Check(
            name="balance", passed=abs(found.worst) <= BALANCED, value=abs(found.worst),
            text=f"As weighted, {found.missed} is furthest apart: {number(abs(found.worst), 2)} standard deviations.",
        ),
        Check(
            name="second_view", passed=near if math.isfinite(apart) else None, value=found.second.value
            if math.isfinite(apart) else None,
            text=f"Entropy balancing, another way altogether, gives {_write(read.is_share, found.second.value)}."
            if math.isfinite(apart) else f"Entropy balancing has no answer: {found.second.refused}.",
        ),
    ]  # fmt: skip
    if found.richer is not None and not found.richer.gain.refused:
        checks.append(_plain(read, found, found.richer))
    if found.sensitivity is not None and found.sensitivity.benchmarks:
        weak, strong = _undoes(found), found.sensitivity.benchmarks[0]
        told = "would undo the effect" if weak else f"would leave {percent(strong.share_left)} of it"
        checks.append(
            Check(
                name="unmeasured", passed=not weak if found.effect.clear else None, value=found.sensitivity.robustness,
                text=f"Something unmeasured must explain {percent(found.sensitivity.robustness)} of what is left of "
                f"both use and outcome to undo the effect; one as strong as {strong.name} {told}.",
            )
        )  # fmt: skip
    return tuple(checks)


def _plain(read: _Read, found: Adjusted, richer: Richer) -> Check:
    """Whether both models were too plain: either alone may be wrong, not both."""
    moved = _write(read.is_share, found.effect.value + richer.moves)
    if richer.matters(found.effect.error):
        text = (
            "The models are too plain: steps and products of the covariates predict what they leave over, and with "
            f"them the effect is {moved}. Lean on neither before it is known which covariates bend."
        )
    else:
        text = f"Steps and products of the covariates say no more beyond chance, or hardly move the effect ({moved})."
    return Check(name="models", passed=not richer.matters(found.effect.error), value=richer.moves, text=text)


def _cautions(read: _Read, found: Adjusted, *, guessed: bool) -> tuple[Caution, ...]:
    told = [
        Caution(
            code="not_randomised",
            text="Nobody drew lots for it: the effect holds only if nothing unmeasured decided both use and outcome.",
        )
    ]
    if guessed:
        names = listed((c.name for c in read.covariates), most=8)
        text = f"All other columns are covariates here ({names}). Name with --covariates those known before the use."
        told.append(Caution(code="covariates_guessed", text=text))
    if found.richer is not None and found.richer.matters(found.effect.error):
        told.append(Caution(
            code="models_too_plain", text="One of the two models must be right, and both seem too plain (see models).",
        ))  # fmt: skip
    left = found.treated - found.kept_treated
    if left:
        text = f"Users without comparable others are left out ({left:,}): the effect is not about them."
        told.append(Caution(code="trimmed", text=text))
    return tuple(told)


def _facts(read: _Read, found: Adjusted) -> tuple[str, ...]:
    write = (lambda v: percent(v, 1)) if read.is_share else number
    mean = found.counterfactual + found.effect.value
    return (
        f"Their mean {read.outcome} was {write(mean)}; without, it would have been {write(found.counterfactual)}.",
        f"Without any adjustment the difference is {_write(read.is_share, found.naive.value)}: who uses it differs.",
    )


def _next(found: Adjusted) -> str:
    if not found.effect.clear:
        return "Bring more rows, or draw lots for who may use it: regard try experiment judges that."
    if abs(found.worst) > BALANCED:
        return f"Look at {found.missed}: it is not balanced, and the model of the outcome alone makes up for it."
    return "Ask what else decided who used it; measure that and add it, or draw lots."


def _e_value(read: _Read, found: Adjusted) -> float | None:
    if read.is_share:
        base = found.counterfactual
        ratio = (base + found.effect.value) / base if base > 0 else math.nan
    else:
        ratio = ratio_of_means(found.effect.value, found.spread)
    told = e_value(ratio)
    return told if math.isfinite(told) else None


def _balance(found: Adjusted) -> tuple[BalanceRow, ...]:
    return tuple(
        BalanceRow(
            covariate=b.name, users=b.treated, others=b.controls, weighted=b.weighted, before=b.before, after=b.after
        )
        for b in found.balance
    )  # fmt: skip


def _hidden(found: Adjusted) -> tuple[HiddenRow, ...]:
    return tuple(
        HiddenRow(
            covariate=b.name, with_use=b.with_treated, with_outcome=b.with_outcome,
            share_left=max(b.share_left, -99.0),
        )
        for b in (found.sensitivity.benchmarks if found.sensitivity else ())
    )  # fmt: skip


def _views(found: Adjusted) -> tuple[ViewRow, ...]:
    e, naive = found.effect, found.naive
    told = [ViewRow(view="doubly robust", estimate=e.value, low=e.low, high=e.high)]
    if not found.second.refused:
        told.append(ViewRow(view="entropy balancing", estimate=found.second.value))
    if found.sensitivity is not None:
        told.append(ViewRow(view="linear regression", estimate=found.sensitivity.estimate))
    told.append(ViewRow(view="not adjusted", estimate=naive.value, low=naive.low, high=naive.high))
    return tuple(told)


def _refused(read: _Read, found: Adjusted) -> EffectTrial:
    why = found.effect.refused
    if why.startswith("no"):
        step = (
            "Leave out --covariates that decide the use by themselves, or compare within those who could have chosen."
        )
    else:
        step = "Bring more rows of both kinds."
    return EffectTrial(
        answer=f"The effect of {read.used} on {read.outcome} cannot be told: {why}.",
        refused=why, next_step=step, n=0, method=found.effect.method, users=found.treated, others=found.controls,
        rows=_balance(found), outcome=read.outcome, used=read.used, is_share=read.is_share,
    )  # fmt: skip


def figure(found: EffectTrial) -> Figure | None:
    """The effect beside the difference without adjustment, and the balance of every covariate."""
    sides = [
        (row.view, Side(value=row.estimate, low=row.low, high=row.high))
        for row in found.views
        if row.low is not None and row.high is not None
    ]
    return balance_plot(
        [Gap(label=r.covariate, before=r.before, after=r.after) for r in found.rows[:24]],
        title=found.answer, estimates=sides, write=lambda v: _write(found.is_share, v),
    )  # fmt: skip
