"""Proof: whether what was changed for some customers did what it was meant to, judged by those it did not reach."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from regard.errors import BadInput, Refusal, UnknownName
from regard.figures.counterfactual import Lived, counterfactual
from regard.findings import Caution, Finding
from regard.journey.promises import zone_steps
from regard.leadership.proof_checks import ProofCheck, checks_of
from regard.listening.counted import metric_of
from regard.listening.rules import rule_of
from regard.periods import add_months, midnight, zone_of
from regard.questions import question
from regard.signals.ask import Ask
from regard.signals.declarations import Change
from regard.statistics import placebos
from regard.statistics.grades import Design, Grade, graded, power_before
from regard.statistics.placebos import Block, Judged
from regard.wording import between, count, day, listed, month, number, signed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.figures.figure import Figure
    from regard.statistics.estimates import Estimate

MOST = 48
FEW = 5
"""Answers or promises a group needs in a month or quarter."""
FILLED = 0.9
AHEAD = 6
SAID = {
    "proven": "it worked, proven",
    "likely": "it likely worked",
    "no effect": "it made no difference that matters",
    "harmed": "it made things worse",
    "cannot tell": "cannot tell",
}


class ProofRow(msgspec.Struct, frozen=True, kw_only=True):
    """One change and what became of it."""

    change: Annotated[str, Meta(description="What was changed.")]
    on: Annotated[str, Meta(description="When it took hold.")] = ""
    grade: Annotated[str, Meta(description="proven, likely, no effect, harmed, cannot tell, or not started.")] = ""
    effect: Annotated[float | None, Meta(description="What it moved the measure by, in points.")] = None
    low: Annotated[float | None, Meta(description="Lower end of the 95 % interval.")] = None
    high: Annotated[float | None, Meta(description="Upper end.")] = None
    least: Annotated[
        float | None, Meta(description="Power before: the smallest effect that would be seen in four of five cases.")
    ] = None
    told: Annotated[str, Meta(description="The same in words.")] = ""


class ProofStep(msgspec.Struct, frozen=True, kw_only=True):
    """One month or quarter of the change asked about."""

    step: Annotated[str, Meta(description="The month or quarter.")]
    value: Annotated[float, Meta(description="The measure where it was changed.")]
    without: Annotated[float, Meta(description="What it would have been without.")]
    effect: Annotated[float, Meta(description="The difference.")]
    low: Annotated[float, Meta(description="Lower end of its band.")]
    high: Annotated[float, Meta(description="Upper end.")]
    after: Annotated[bool, Meta(description="Whether the change had taken hold.")] = False


class ProofGroup(msgspec.Struct, frozen=True, kw_only=True):
    """One group it was compared with."""

    group: Annotated[str, Meta(description="The group.")]
    weight: Annotated[float, Meta(description="Its weight in what would have been.")]
    without_it: Annotated[float | None, Meta(description="The effect with this group left out.")] = None


class Proof(Finding, frozen=True, kw_only=True):
    """Whether changes did what they were meant to."""

    change: Annotated[str, Meta(description="The change that checks and steps are about.")] = ""
    grade: Annotated[str, Meta(description="Its grade.")] = ""
    rows: Annotated[tuple[ProofRow, ...], Meta(description="Every declared change.")] = ()
    checks: Annotated[tuple[ProofCheck, ...], Meta(description="What was checked, one after the other.")] = ()
    steps: Annotated[tuple[ProofStep, ...], Meta(description="The measure and what it would have been.")] = ()
    groups: Annotated[tuple[ProofGroup, ...], Meta(description="Who it was compared with.")] = ()


@dataclass(frozen=True, kw_only=True)
class Graded:
    """One change, judged."""

    change: Change
    row: ProofRow
    checks: tuple[ProofCheck, ...] = ()
    block: Block | None = None
    judged: Judged | None = None
    days: tuple[date, ...] = ()
    step: str = "month"
    units: tuple[str, ...] = ()
    n: int = 0


@question(title="Proof", needs=("changes",))
def proof(
    *,
    ask: Ask,
    change: Annotated[str, Meta(description="The declared change to walk through; empty: the latest judged.")] = "",
) -> Proof:
    """Did it work: did what we changed do what it was meant to, and what speaks against it?"""
    declared = ask.declarations.changes
    names = [c.name for c in declared]
    if not declared:
        raise Refusal(
            "No change is declared yet.",
            hint="Declare changes: name, on, by, reached and measure; docs/leadership/proof.md shows how.",
        )
    if change and change not in names:
        raise UnknownName("change", change, names, where="change")
    found = [_graded(ask, c) for c in declared]
    judged = [g for g in found if g.row.effect is not None]
    shown = found[names.index(change)] if change else max(judged or found, key=lambda g: g.change.on)
    return _finding(ask, found, shown)


def day_of(text: str, change: Change) -> date:
    """A declared day.

    Raises:
        BadInput: It is none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadInput(
            f"{text!r} of the change {change.name!r} is no day.", where="changes", hint="Write it as 2026-03-20."
        ) from error


def _graded(ask: Ask, change: Change) -> Graded:
    on = day_of(change.on, change)
    row = ProofRow(change=change.name, on=change.on)
    read = _panel(ask, change)
    if isinstance(read, str):
        return Graded(change=change, row=msgspec.structs.replace(row, grade="cannot tell", told=read))
    block, units, days, step, n = read
    shared: dict[str, Any] = {"change": change, "days": days, "step": step, "units": units, "n": n}
    after = len(days) - block.before
    least = power_before(block if after else _later(block), after or AHEAD)
    row = msgspec.structs.replace(row, least=least if np.isfinite(least) else None)
    if not after:
        told = f"not started; {_power(least, step, AHEAD)}"
        return Graded(row=msgspec.structs.replace(row, grade="not started", told=told), **shared)
    judged = placebos.judge(block)
    controls = {} if judged.effect.refused else {name: _control(ask, change, name) for name in change.unmoved}
    checks = checks_of(block, judged, units, change, [_named(d, step) for d in days], controls=controls)
    if judged.effect.refused:
        told = f"cannot tell: {_why(block, judged)}"
        row = msgspec.structs.replace(row, grade="cannot tell", told=told)
        return Graded(row=row, checks=checks, **shared)
    design = Design(
        beforehand=bool(change.declared) and day_of(change.declared, change) <= on,
        randomised=change.randomised, margin=change.margin,
    )  # fmt: skip
    grade = graded(
        judged.effect, design, failed=sum(c.passed is False and c.counts for c in checks),
        unchecked=sum(c.passed is None and c.counts for c in checks),
    )  # fmt: skip
    row = msgspec.structs.replace(
        row, grade=grade, effect=judged.effect.value, low=judged.effect.low, high=judged.effect.high,
        told=_told(judged, grade, checks),
    )  # fmt: skip
    return Graded(row=row, checks=checks, block=block, judged=judged, **shared)


def _control(ask: Ask, change: Change, name: str) -> Estimate | str:
    """What is found of a measure that the change cannot move; or why nothing can be.

    Raises:
        BadInput: It is what the change is about.
    """
    measure, promise = (name, "") if name in {"score", "promises"} else ("promises", name)
    control = msgspec.structs.replace(change, measure=measure, promise=promise)
    if (measure, promise) == (change.measure, change.promise):
        raise BadInput(
            f"The change {change.name!r} is meant to move {name}; it cannot be its control, too.", where="changes",
            hint="Name under unmoved what it cannot move: score, promises, or the name of another promise.",
        )  # fmt: skip
    read = _panel(ask, control)
    if isinstance(read, str):
        return read
    block, _, days = read[:3]
    return placebos.judge(block).effect if len(days) > block.before else "nothing is known of it since"


def _why(block: Block, judged: Judged) -> str:
    """Why there is no number, in the words of groups."""
    groups = len(block.donors)
    if groups < placebos.LEAST_DONORS:
        return f"only {count(groups, 'group')} to compare with; {placebos.LEAST_DONORS} are needed"
    if judged.worse > placebos.POOR:
        return f"before the change it moved like no mix of the others ({judged.worse:.1f} times their error)"
    return judged.effect.refused


def _told(judged: Judged, grade: Grade, checks: tuple[ProofCheck, ...]) -> str:
    effect = judged.effect
    text = f"{SAID[grade]}: {signed(effect.value, 1)} points, "
    text += between(effect.low, effect.high, lambda v: signed(v, 1))
    against = [c.name for c in checks if c.passed is False and c.counts]
    return text + (f"; against it: {listed(against)}" if against and grade == "cannot tell" else "")


def _later(block: Block) -> Block:
    return replace(block, before=block.outcomes.shape[1])


def _power(least: float, step: str, steps: int) -> str:
    if not np.isfinite(least):
        return "the past is too short to say what would be seen"
    return f"after {count(steps, step)} a change of {number(least)} points would be seen in four of five cases"


# ------------------------------------------------------------------------------------------------------------ the panel


def _panel(ask: Ask, change: Change) -> tuple[Block, tuple[str, ...], tuple[date, ...], str, int] | str:
    """The groups by month or quarter around the change; or why there is none."""
    cut = replace(ask, scope=msgspec.structs.replace(ask.scope, by=change.by))
    end = ask.scope.period.last + timedelta(days=1)
    why = ""
    for step, months in (("month", 1), ("quarter", 3)):
        days = _starts(end, months, day_of(change.on, change))
        cells = _cells(cut, change, days)
        found = _squared(cells, change, ask.declarations.changes, days)
        if not isinstance(found, str):
            return (*found, step, sum(n for _, n in cells.values()))
        why = found
    return why


def _starts(end: date, months: int, on: date) -> list[date]:
    """First days of whole steps, laid so that one begins with the first whole month of the change."""
    first = end.replace(day=1)
    anchor = on if on.day == 1 else add_months(on.replace(day=1), 1)
    apart = (first.year - anchor.year) * 12 + first.month - anchor.month
    last = add_months(first, -(apart % months))
    return [add_months(last, -months * i) for i in range(MOST // months, -1, -1)]


def _cells(cut: Ask, change: Change, days: list[date]) -> dict[tuple[str, int], tuple[float, int]]:
    at = [midnight(d, zone_of(cut.scope.zone)) for d in days]
    shared: dict[str, Any] = {"starts": at[:-1], "latest": at[-1]}
    if change.measure == "score":
        metric = metric_of(replace(cut, package="regard.listening"), "", "")
        rows = cut.rows("proof_scores.sql", metric=metric, **shared)
    elif change.measure == "path":
        rows = cut.rows("proof_paths.sql", **_path(change), **shared)
    else:
        rows = cut.rows("proof_promises.sql", promise=change.promise, **zone_steps(cut), **shared)
    place = {a: i for i, a in enumerate(at[:-1])}
    return {
        (r["slice"], place[r["since"]]): (float(r["value"]), int(r["n"]))
        for r in rows if r["since"] in place and r["value"] is not None
    }  # fmt: skip


def _path(change: Change) -> dict[str, str]:
    """The events of a path.

    Raises:
        BadInput: One is not declared.
    """
    if not (change.after and change.reaches and change.instead) or len(change.after) > 2:
        raise BadInput(
            f"The path of the change {change.name!r} is not complete.", where="changes",
            hint='Declare after = ["A", "B"] (one or two events), reaches = "C" and instead = "D".',
        )  # fmt: skip
    first = change.after[0] if len(change.after) == 2 else ""
    return {"first": first, "last": change.after[-1], "reaches": change.reaches, "instead": change.instead}


def _squared(
    cells: dict[tuple[str, int], tuple[float, int]], change: Change, others: tuple[Change, ...], days: list[date]
) -> tuple[Block, tuple[str, ...], tuple[date, ...]] | str:
    """A complete panel without the step the change fell into, and without groups another change reached."""
    clean, end = comparison(change, others, {g for g, _ in cells} - {"unknown"})
    units = (*sorted(change.reached), *sorted(clean))
    y = np.full((len(units), len(days) - 1), np.nan)
    for (group, at), (value, n) in cells.items():
        if group in units and n >= FEW:
            y[units.index(group), at] = value
    on = day_of(change.on, change)
    fell = [i for i, d in enumerate(days[:-1]) if d < on < days[i + 1]]
    y[:, fell] = np.nan
    last = sum(end is None or d <= end for d in days[1:])
    filled = np.isfinite(y[:, :last]).mean(axis=0) >= FILLED
    keep = np.array([i for i in range(_first(filled, fell), last) if i not in fell], dtype=np.int64)
    whole = np.isfinite(y[:, keep]).all(axis=1) if len(keep) else np.zeros(len(units), dtype=bool)
    missing = [u for u, w in zip(units, whole, strict=True) if not w and u in change.reached]
    if len(keep) < 4 or missing:
        what = {"score": "answers", "promises": "promises", "path": "people on the path"}[change.measure]
        return f"too few {what} a step in {listed(missing) or 'most groups'}"
    before = int(sum(days[i] < on for i in keep))
    if before < 3:
        return f"only {count(before, 'step')} before the change"
    kept = tuple(u for u, w in zip(units, whole, strict=True) if w)
    treated = np.array([u in change.reached for u in kept])
    block = Block(outcomes=y[whole][:, keep], before=before, treated=treated, method="sdid" if before >= 5 else "did")
    return block, kept, tuple(days[i] for i in keep)


def _first(filled: NDArray[np.bool_], fell: list[int]) -> int:
    """From which step on all steps are filled, the one the change fell into aside."""
    poor = [i for i, f in enumerate(filled) if not f and i not in fell]
    return max(poor) + 1 if poor else 0


def _meant(change: Change) -> tuple[object, ...]:
    """What a change is about: changes of the same cannot be each other's comparison."""
    return change.by, change.measure, change.promise, change.after, change.reaches


def comparison(change: Change, others: tuple[Change, ...], groups: set[str]) -> tuple[set[str], date | None]:
    """Groups to compare with, and the day up to which: a group that another declared change of the same measure reached
    is none. Where too few are left, those reached later are taken, up to that day.
    """
    wanted = (set(change.compared) or groups) - set(change.reached)
    taken: dict[str, date] = {}
    for other in others:
        alike = _meant(other) == _meant(change)
        for group in other.reached if alike and other.name != change.name else ():
            taken[group] = min(taken.get(group, date.max), day_of(other.on, other))
    clean = wanted - set(taken)
    later = {g: on for g, on in taken.items() if g in wanted and on > day_of(change.on, change)}
    if len(clean) >= placebos.LEAST_DONORS or not later:
        return clean, None
    return clean | set(later), min(later.values())


# ------------------------------------------------------------------------------------------------------------ the words


def _named(first: date, step: str) -> str:
    return month(first, year=True) if step == "month" else f"3 months from {month(first, year=True)}"


def _finding(ask: Ask, found: list[Graded], shown: Graded) -> Proof:
    rows = tuple(g.row for g in sorted(found, key=lambda g: g.change.on, reverse=True))
    graded_ = [g for g in found if g.row.effect is not None]
    started = [g for g in found if g.row.grade != "not started"]
    answer = f"{shown.change.name} ({day(day_of(shown.change.on, shown.change))}): {shown.row.told}."
    if started and not graded_:
        text = f"No change can be graded: {shown.row.told}."
        return Proof(
            answer=text, refused=text, rows=rows, change=shown.change.name, grade=shown.row.grade, checks=shown.checks,
            next_step="Compare with more groups, wait for more signals, or measure something asked more often.",
            evidence=ask.evidence(n=sum(g.n for g in found), kind="refused"),
        )  # fmt: skip
    facts = tuple(f"{r.change}: {r.told}." for r in rows if r.change != shown.change.name)[:3]
    return Proof(
        answer=answer, change=shown.change.name, grade=shown.row.grade, rows=rows, facts=facts, checks=shown.checks,
        steps=_steps(shown), groups=_groups(shown), cautions=tuple(_cautions(ask, shown)),
        evidence=ask.evidence(
            n=shown.n, kind="estimated",
            method="Synthetic difference in differences of groups (Arkhangelsky and others 2021), placebos in groups "
            "and in time; graded by what was declared beforehand.",
        ),
    )  # fmt: skip


def _steps(shown: Graded) -> tuple[ProofStep, ...]:
    if shown.block is None or shown.judged is None:
        return ()
    own, effect, band = (
        shown.block.outcomes[shown.block.treated].mean(axis=0),
        shown.judged.fit.apart[0],
        shown.judged.band,
    )
    return tuple(
        ProofStep(
            step=_named(d, shown.step), value=float(own[i]), without=float(own[i] - effect[i]), effect=float(effect[i]),
            low=float(effect[i] - band[i]), high=float(effect[i] + band[i]), after=i >= shown.block.before,
        )
        for i, d in enumerate(shown.days)
    )  # fmt: skip


def _groups(shown: Graded) -> tuple[ProofGroup, ...]:
    if shown.block is None or shown.judged is None:
        return ()
    at, left = placebos.without_each(shown.block, shown.judged.fit)
    without = dict(zip(at.tolist(), left.tolist(), strict=True))
    weights = shown.judged.fit.units[0]
    return tuple(
        ProofGroup(group=shown.units[i], weight=float(weights[i]), without_it=without.get(i))
        for i in sorted(shown.block.donors.tolist(), key=lambda i: (-weights[i], shown.units[i]))
    )  # fmt: skip


def _cautions(ask: Ask, shown: Graded) -> list[Caution]:
    text = "No data can show that nothing else happened there at that time, or that the change left the others alone."
    told = [Caution(code="assumed", text=text)]
    if shown.days and comparison(shown.change, ask.declarations.changes, set(shown.units))[1] is not None:
        last = _named(shown.days[-1], shown.step)
        text = f"Told up to {last}: then another declared change reached groups it is compared with."
        told.append(Caution(code="cut_short", text=text))
    if ask.scope.by:
        told.append(Caution(code="not_cut", text=f"Proof is not cut by {ask.scope.by}: a change says by what it is."))
    if shown.change.measure == "score":
        rule = rule_of(ask.declarations.metric or "score")
        told.append(Caution(code="answers", text=f"{rule.name}: a change may also alter who answers."))
    return told


def figure(finding: Proof) -> Figure | None:
    """Where it was changed, what it would have been, and the difference with its band."""
    if not finding.steps:
        return None
    lived = [
        Lived(label=s.step, outcome=s.value, without=s.without, effect=s.effect, low=s.low, high=s.high, after=s.after)
        for s in finding.steps
    ]
    return counterfactual(lived, title=finding.answer, who="changed")
