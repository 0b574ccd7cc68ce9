"""What a sceptic asks of a proof besides: negative controls, and how far trends may part before the effect is gone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from regard.statistics.departures import Departures, words
from regard.trying.trials import Check
from regard.wording import listed, percent, signed

if TYPE_CHECKING:
    from regard.statistics.estimates import Estimate
    from regard.statistics.placebos import Judged

RARE = 0.05


class ProofControl(msgspec.Struct, frozen=True, kw_only=True):
    """A negative control: an outcome that the treatment cannot move."""

    outcome: Annotated[str, Meta(description="The outcome.")]
    effect: Annotated[float | None, Meta(description="The effect found on it; there should be none.")] = None
    low: Annotated[float | None, Meta(description="Lower end of its interval.")] = None
    high: Annotated[float | None, Meta(description="Upper end.")] = None
    refused: Annotated[str, Meta(description="Why none was told.")] = ""


class ProofBound(msgspec.Struct, frozen=True, kw_only=True):
    """The effect where trends part after the start."""

    ratio: Annotated[float, Meta(description="How far, in times of the largest step before, each time anew.")]
    low: Annotated[float, Meta(description="Lower end of the interval then.")]
    high: Annotated[float, Meta(description="Upper end.")]


def known(value: float) -> float | None:
    """The value; None where it is no number."""
    return float(value) if math.isfinite(value) else None


def in_space(judged: Judged) -> list[Check]:
    """The negative control of the treatment: units that were not treated, each taken for treated."""
    if not math.isfinite(judged.rank):
        return []
    n = len(judged.space.targets)
    groups = "units" if judged.space.all else "groups of units"
    text = f"Of {n + 1:,} {groups}, each taken for treated, {percent(judged.rank)} show as large an effect."
    fair = 1 / (n + 1) <= RARE
    rare = judged.rank <= RARE
    return [
        Check(
            name="placebo_treatment",
            passed=rare if fair and judged.effect.clear else None,
            value=judged.rank,
            text=text,
        )
    ]


def trends(found: Departures, drift: Estimate | None) -> Check:
    """How far trends may part; passed where only a drift beyond what the past leaves room for undoes the effect."""
    good = None
    if found.drift > 0 and drift is not None and not drift.refused:
        good = found.drift > max(abs(drift.low), abs(drift.high))
    return Check(name="parting_trends", passed=good, value=known(found.breakdown), text=words(found))


def parted(found: Departures) -> dict[str, Any]:
    """The fields that tell how far trends may part."""
    bounds = tuple(ProofBound(ratio=m, low=low, high=high) for m, low, high in found.bounds)
    return {"breakdown": known(found.breakdown), "drift_undoes": known(found.drift), "bounds": bounds}


def controlled(controls: tuple[ProofControl, ...]) -> list[Check]:
    """The negative controls of the outcome, as one check."""
    if not controls:
        return []
    moved = [c for c in controls if c.low is not None and c.high is not None and not c.low <= 0 <= c.high]
    made = [c for c in controls if c.effect is not None]
    said = [f"{c.outcome} by {signed(c.effect, None)} ({signed(c.low, None)} to {signed(c.high, None)})" for c in made]
    none = [f"{c.outcome} could not be asked: {c.refused}" for c in controls if c.effect is None]
    text = "What the treatment cannot move: " + "; ".join([*said, *none]) + "."
    if moved:
        text += f" It moved {listed([c.outcome for c in moved])}: something else happened to the treated."
    return [Check(name="negative_control", passed=None if not made else not moved, value=float(len(moved)), text=text)]
