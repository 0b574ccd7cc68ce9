"""Subsets of amounts held against what was expected of them, told."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from regard.findings import Caution
from regard.statistics.additive import Element, Explanation, explain
from regard.statistics.permuted import Permuted, permuted
from regard.trying.cubed import Cut, told
from regard.trying.subset_rows import PartRow, SubsetRow, SubsetTrial
from regard.trying.trials import Check
from regard.wording import count, listed, number, percent, sentence, signed_percent

if TYPE_CHECKING:
    from regard.trying.subset_rows import Subset

METHOD = (
    "likelihood of a shared relative deviation per leaf over all combinations (ripple effect, Li et al. 2019), peeled "
    "and refined; alarm by leaves of like size trading places"
)
ALIKE = 0.5


def trial_of(cut: Cut, what: str, *, signs: tuple[int, ...], level: float) -> SubsetTrial:
    """The trial of amounts with given expectations: what explains, and whether anything is to be explained."""
    assert cut.actual is not None  # noqa: S101 the caller's case
    assert cut.expected is not None  # noqa: S101 the caller's case
    found = explain(cut.cube, cut.actual, cut.expected, whole=cut.whole)
    alarm = permuted(cut.cube, cut.expected, found.deviations, level=level)
    elements = [e for e in found.elements if (-1 if e.deviation > 0 else 1) in signs]
    rows = tuple(_row(cut, e, alarm, level) for e in elements)
    whole = float(cut.actual.sum() / cut.expected.sum()) if cut.expected.sum() > 0 else math.nan
    first = rows[0] if rows else None
    return SubsetTrial(
        answer=_answer(cut, what, rows, alarm, whole), estimate=first.ratio if first else None, n=cut.rows,
        method=METHOD, checks=_checks(found, alarm, rows, level), cautions=_cautions(cut, rows, alarm, level),
        facts=_facts(cut, found, rows), next_step=_step(rows), p=alarm.p, level=level,
        disrupted=bool(rows) and alarm.p <= level,
        combinations=len(cut.cube), whole_ratio=whole if math.isfinite(whole) else None, rows=rows,
        within=_within(cut, found),
    )  # fmt: skip


def _row(cut: Cut, element: Element, alarm: Permuted, level: float) -> SubsetRow:
    subset = _named(cut, cut.cube.values(element.cell))
    twins = cut.cube.twins.get(element.cell, ())
    same: Subset = {}
    if twins:
        deepest = max(twins, key=lambda t: len(cut.cube.cuboids[t[0]]))
        same = {d: v for d, v in _named(cut, cut.cube.spelled(*deepest)).items() if d not in subset}
    return SubsetRow(
        text=sentence(told(subset)), subset=subset, seen=element.actual, expected=element.expected,
        ratio=element.actual / element.expected if element.expected > 0 else math.inf, p=alarm.p, same_as=same,
        disrupted=alarm.p <= level,
    )  # fmt: skip


def _named(cut: Cut, values: dict[int, int]) -> Subset:
    return cut.named({d: (v,) for d, v in values.items()})


def _within(cut: Cut, found: Explanation) -> tuple[PartRow, ...]:
    assert cut.actual is not None  # noqa: S101 the caller's case
    assert cut.expected is not None  # noqa: S101 the caller's case
    rows = []
    for outer, inner in found.within:
        leaves = cut.cube.leaves(inner)
        seen, due = float(cut.actual[leaves].sum()), float(cut.expected[leaves].sum())
        subset, around = _named(cut, cut.cube.values(inner)), _named(cut, cut.cube.values(outer))
        rows.append(PartRow(text=sentence(told(subset)), subset=subset, within=sentence(told(around)), seen=seen,
                            expected=due, ratio=seen / due if due > 0 else math.inf))  # fmt: skip
    return tuple(rows)


def _answer(cut: Cut, what: str, rows: tuple[SubsetRow, ...], alarm: Permuted, whole: float) -> str:
    looked = count(len(cut.cube), "combination")
    if not rows:
        return (
            f"Nothing we can see is disrupted among {looked}: no combination explains a deviation of {what} "
            f"(p = {number(alarm.p, 3)})."
        )
    first = rows[0]
    sure = "" if first.disrupted else f"; so large a deviation comes about by chance, too (p = {number(alarm.p, 3)})"
    more = f"; with it {listed((told(r.subset) for r in rows[1:]), most=3)}" if len(rows) > 1 else ""
    return (
        f"{sentence(told(first.subset))} shows {number(first.seen)} {what} instead of the {number(first.expected)} "
        f"expected ({signed_percent(first.ratio - 1)}){more}; the total is at {percent(whole)} of what was "
        f"expected{sure}."
    )


def _checks(found: Explanation, alarm: Permuted, rows: tuple[SubsetRow, ...], level: float) -> tuple[Check, ...]:
    return (
        Check(name="beyond_chance", passed=alarm.p <= level if rows else None, value=alarm.p,
              text=f"Where leaves of like size trade places {alarm.permutations} times, so large a shared deviation "
              f"comes about with p = {number(alarm.p, 3)}."),
        Check(name="leaf_noise", passed=found.noise < ALIKE, value=found.noise,
              text=f"Combinations stray by {percent(found.noise)} from what was expected where nothing happened."),
    )  # fmt: skip


def _cautions(cut: Cut, rows: tuple[SubsetRow, ...], alarm: Permuted, level: float) -> tuple[Caution, ...]:
    cautions = [Caution(code="expectations", text="Expectations that are off for a whole value look like a disruption "
                        "of it; nothing here can tell them apart.")]  # fmt: skip
    cautions += [Caution(code="searched", text=note) for note in cut.notes]
    if rows and alarm.p > level:
        cautions.append(Caution(
            code="within_chance", text=f"What explains best is within chance (p = {number(alarm.p, 3)}): leaves stray "
            "as much by themselves.",
        ))  # fmt: skip
    if any(r.same_as for r in rows):
        text = "A deeper combination holds the same rows; the shorter name is told (see same_as)."
        cautions.append(Caution(code="same_leaves", text=text))
    return tuple(cautions)


def _facts(cut: Cut, found: Explanation, rows: tuple[SubsetRow, ...]) -> tuple[str, ...]:
    facts = []
    if rows:
        moved = sum(r.seen - r.expected for r in rows)
        facts.append(f"What was found accounts for {number(moved)} of the deviation of the total.")
    if found.within:
        facts.append(f"Worse within: {listed((told(w.subset) for w in _within(cut, found)), most=3)}.")
    return tuple(facts)


def _step(rows: tuple[SubsetRow, ...]) -> str:
    if not rows:
        return "Bring earlier periods with --time: they tell what leaves stray by themselves, so that less is needed."
    return "Look at what else changed for them: a release, a partner, a price."
