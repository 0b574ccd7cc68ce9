"""What a proof says of units that start at different times: group by group, and by the time since."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from regard.findings import Interval
from regard.statistics.departures import departures
from regard.statistics.placebos import least_of
from regard.statistics.staggered import Staggered, staggered
from regard.trying.doubted import ProofControl, controlled, known, parted, trends
from regard.trying.proven import ProofGroup, ProofTime, ProofTrial, ending, graded
from regard.trying.trials import Check
from regard.wording import between, count, number, percent, signed

if TYPE_CHECKING:
    from regard.trying.panelled import Panelled


def staged(found: Panelled, *, margin: float | None, controls: tuple[ProofControl, ...] = ()) -> ProofTrial:
    """The proof of a roll-out in several steps."""
    panel = found.panel
    told = staggered(panel.outcomes, panel.starts)
    treated = tuple(u for u, never in zip(panel.units, panel.never, strict=True) if not never)
    shared: dict[str, Any] = {
        "treated": treated, "n": found.rows, "cautions": tuple(found.cautions), "method": told.effect.method,
        "two_way": known(told.two_way),
    }  # fmt: skip
    if told.refused:
        return ProofTrial(
            answer=f"No answer: {told.refused}.", refused=told.refused,
            next_step="Add units that are treated later or never, or ask of those who started at one time alone.",
            **shared,
        )  # fmt: skip
    parting = departures(told.moves) if told.moves else None
    checks = [*_checks(found, told), *([trends(parting, None)] if parting else []), *controlled(controls)]
    effect, verdict = told.effect, graded(told.effect, checks, margin)
    way = "higher" if effect.value > 0 else "lower"
    range_ = between(effect.low, effect.high, lambda v: signed(v, None))
    return ProofTrial(
        answer=f"Since each of {count(len(treated), 'unit')} started, {found.outcome} was {number(abs(effect.value))} "
        f"{way} than without it, {range_}{ending(verdict, margin, checks)}",
        estimate=effect.value, interval=Interval(effect.low, effect.high), verdict=verdict, checks=tuple(checks),
        least_seen=least_of(effect), rows=_rows(told), groups=_groups(found, told), facts=_facts(told),
        next_step="See by the time since the start how the effect grows, and what else happened at each start.",
        unaffected=controls, **(parted(parting) if parting else {}), **shared,
    )  # fmt: skip


def _checks(found: Panelled, told: Staggered) -> list[Check]:
    never = int(found.panel.never.sum())
    groups = len(found.panel.groups)
    checks = [
        Check(
            name="compared", passed=never >= 10, value=float(never),
            text=f"{count(groups, 'group')} by their start, compared with {told.compared} ({never} never treated).",
        )
    ]  # fmt: skip
    if math.isnan(told.before):
        return [*checks, Check(name="before", passed=None, text="No group has two times before its start.")]
    good = told.before > 0.05
    said = "did not move apart before their starts" if good else "moved apart before their starts already"
    text = f"Treated and compared {said} (joint test, p = {number(told.before, 3)})."
    return [*checks, Check(name="before", passed=good, value=told.before, text=text)]


def _rows(told: Staggered) -> tuple[ProofTime, ...]:
    return tuple(
        ProofTime(
            time=f"{e.after:+d}".replace("-", "−") if e.after else "0", effect=e.effect.value, low=e.effect.low,
            high=e.effect.high, after=e.after >= 0,
        )
        for e in told.events
    )  # fmt: skip


def _groups(found: Panelled, told: Staggered) -> tuple[ProofGroup, ...]:
    return tuple(
        ProofGroup(
            start=found.label(c.start), time=found.label(c.time), units=c.units, effect=c.effect.value,
            low=c.effect.low, high=c.effect.high,
        )
        for c in told.cells
    )  # fmt: skip


def _facts(told: Staggered) -> tuple[str, ...]:
    if not math.isfinite(told.two_way):
        return ()
    text = f"The usual two-way regression would have said {signed(told.two_way, None)}"
    if told.negative > 0:
        text += f"; it weights {percent(told.negative)} of the treated cells negatively"
    return (text + ".",)
