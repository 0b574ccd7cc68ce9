"""The checks of a proof, one after the other, so that it can be walked through with a sceptic."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from msgspec import Meta

from regard.statistics import placebos
from regard.statistics.departures import departures, words
from regard.statistics.placebos import WORSE
from regard.wording import between, count, listed, number, percent, signed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regard.signals.declarations import Change
    from regard.statistics.estimates import Estimate
    from regard.statistics.placebos import Block, Judged


class ProofCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One check."""

    name: Annotated[str, Meta(description="What was checked, in a word or two.")]
    passed: Annotated[bool | None, Meta(description="Whether it passed; empty where it could not be made.")] = None
    told: Annotated[str, Meta(description="What came out.")] = ""
    counts: Annotated[bool, Meta(description="Whether it must be made and passed for a proof.")] = True


def checks_of(
    block: Block,
    judged: Judged,
    units: tuple[str, ...],
    change: Change,
    steps: Sequence[str],
    *,
    controls: Mapping[str, Estimate | str],
) -> tuple[ProofCheck, ...]:
    """Every check of a change, in the order a sceptic asks.

    Args:
        block: The panel.
        judged: The effect.
        units: Names of the groups.
        change: As declared.
        steps: Names of the times.
        controls: What was found of each measure that it cannot move; or why nothing could be.
    """
    compared = [u for u, on in zip(units, block.treated, strict=True) if not on]
    told = [_declared(change), _compared(compared)]
    if judged.effect.refused:
        good = len(compared) >= placebos.LEAST_DONORS
        return (*told, _fit(block, judged)) if good else tuple(told)
    return (
        *told, _fit(block, judged), *_past(block, judged, steps), _without(block, judged, units),
        *_controls(controls), _placebo(judged), _parting(block, judged),
    )  # fmt: skip


def _controls(controls: Mapping[str, Estimate | str]) -> list[ProofCheck]:
    """Negative controls: the same question of measures that the change cannot move, at 5 % for all of them together."""
    if not controls:
        text = "Nothing was declared that the change cannot move (unmoved): a control would show what else happened."
        return [ProofCheck(name="what it cannot move", counts=False, told=text)]
    found = []
    for name, effect in controls.items():
        what = f"what it cannot move: {name}"
        if isinstance(effect, str) or effect.refused:
            why = effect if isinstance(effect, str) else effect.refused
            found.append(ProofCheck(name=what, told=f"Could not be asked: {why}."))
            continue
        good = _p(effect.p) * len(controls) >= 0.05
        text = (
            f"It moved by {signed(effect.value, 1)} points, {between(effect.low, effect.high, lambda v: signed(v, 1))}"
        )
        text += "." if good else ": something else happened there."
        found.append(ProofCheck(name=what, passed=good, told=text))
    return found


def _placebo(judged: Judged) -> ProofCheck:
    """The negative control of the treatment: groups it did not reach, each taken for reached."""
    n = len(judged.space.targets)
    if not n or not math.isfinite(judged.rank):
        return ProofCheck(name="others taken for reached", counts=False, told="Could not be made: too few groups.")
    text = f"Of {count(n + 1, 'group')}, each taken for reached, {percent(judged.rank)} show as large an effect."
    # Of few groups the share cannot be small, whatever happened: then it is told and does not count.
    good = judged.rank <= 0.05 if n >= 19 and judged.effect.clear else None
    return ProofCheck(name="others taken for reached", passed=good, counts=False, told=text)


def _parting(block: Block, judged: Judged) -> ProofCheck:
    found, drift = departures(placebos.moves(block, judged)), placebos.drift(block, judged)
    good = None
    if found.drift > 0 and not drift.refused:
        good = found.drift > max(abs(drift.low), abs(drift.high))
    return ProofCheck(name="how far trends may part", passed=good, counts=False, told=words(found, unit="step"))


def _declared(change: Change) -> ProofCheck:
    if not change.declared:
        return ProofCheck(name="declared before", passed=False, counts=False, told="When it was declared is not said.")
    early = change.declared <= change.on
    text = f"Declared on {change.declared}, {'before' if early else 'after'} it took hold on {change.on}."
    return ProofCheck(name="declared before", passed=early, counts=False, told=text)


def _compared(compared: list[str]) -> ProofCheck:
    text = f"Compared with {count(len(compared), 'group')} that no declared change of this measure reached: "
    return ProofCheck(
        name="comparison", passed=len(compared) >= placebos.LEAST_DONORS, told=text + listed(compared) + "."
    )


def _fit(block: Block, judged: Judged) -> ProofCheck:
    if not math.isfinite(judged.worse):
        return ProofCheck(name="fit before", told="There are no placebos to hold the fit against.")
    good = judged.worse <= max(WORSE[block.method], 1.5)
    text = f"Before, the fit was off by {number(float(judged.fit.before[0]))} points, "
    return ProofCheck(
        name="fit before", passed=good, told=text + f"{judged.worse:.1f} times what is usual for the others."
    )


def _past(block: Block, judged: Judged, steps: Sequence[str]) -> tuple[ProofCheck, ...]:
    past = placebos.in_time(block, judged)
    drift = past.drift
    if drift.refused:
        moved = ProofCheck(name="drift before", told=f"Could not be made: {drift.refused}.")
    else:
        text = f"Before, they moved apart by {signed(drift.value, 2)} points a step, "
        text += between(drift.low, drift.high, lambda v: signed(v, 2)) + "."
        moved = ProofCheck(name="drift before", passed=not drift.clear, told=text)
    if not past.starts:
        return ProofCheck(name="made-up starts", told="Too little past for a made-up start."), moved
    # With few groups a rank cannot reach 5 %, so each made-up start is held against its own interval, all at 5 %.
    clear = [
        s for s, e in zip(past.starts, past.effects, strict=True) if not e.refused and _p(e.p) * len(past.starts) < 0.05
    ]
    at = [steps[s] for s in clear]
    text = f"At {count(len(past.starts), 'made-up start')} before the real one, "
    text += f"an effect is found: {listed(at)}." if at else "nothing is found."
    if math.isfinite(past.rank):
        text += f" {percent(past.rank)} of groups show as much."
    return ProofCheck(name="made-up starts", passed=not at, told=text), moved


def _p(p: float) -> float:
    return p if math.isfinite(p) else 1.0


def _without(block: Block, judged: Judged, units: tuple[str, ...]) -> ProofCheck:
    at, left = placebos.without_each(block, judged.fit)
    if not len(at):
        return ProofCheck(name="without one", told="No group could be left out.")
    effect = judged.effect
    half = (effect.high - effect.low) / 2
    kept = np.abs(left) > half if effect.clear else np.abs(left - effect.value) <= half
    good = bool((kept & ((np.sign(left) == np.sign(effect.value)) | (not effect.clear))).all())
    most = units[at[int(np.abs(left - effect.value).argmax())]]
    text = f"Leaving out one group in turn gives {signed(float(left.min()), 1)} to {signed(float(left.max()), 1)}; "
    return ProofCheck(name="without one", passed=good, told=text + f"{most} moves it most.")
