"""Whether it worked: the effect on those treated, what it rests on, and what speaks against it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from msgspec import Meta, structs

from regard.errors import BadInput, Refusal
from regard.figures.counterfactual import Lived, counterfactual
from regard.findings import Caution
from regard.statistics.panels import Panel
from regard.statistics.placebos import Block, judge
from regard.statistics.staggered import staggered
from regard.trying import panelled, proven, rolled
from regard.trying.columns import Columns
from regard.trying.doubted import ProofControl
from regard.trying.panelled import Panelled
from regard.trying.proven import LEAST_PAST, ProofTrial
from regard.trying.trials import trial
from regard.wording import count, listed

if TYPE_CHECKING:
    from regard.figures.figure import Figure

MOST_DONORS = 500
"""Donors from which weights of all are no longer sought: differences are taken in place of a fit."""

ASSUMED = (
    "No data can show that nothing else happened to the treated at that time, or that the treatment left the donors "
    "alone (spillover): ask those who know."
)


@trial(
    title="Proof",
    example="regard try proof smoking.csv --unit state --time year --outcome cigsale --treated California --from 1989",
)
def proof(
    data: Columns,
    *,
    unit: Annotated[str, Meta(description="Column that names the unit: a shop, a region, a segment.")] = "",
    time: Annotated[str, Meta(description="Column of the time: a date, a year or a number.")] = "",
    outcome: Annotated[str, Meta(description="Column of the outcome.")] = "",
    treated: Annotated[
        tuple[str, ...],
        Meta(description="Treated units; or one column of 0 and 1, or of each unit's own start (empty: never)."),
    ] = (),
    from_: Annotated[
        str, Meta(description="The first treated time, where units are named.", extra={"option": "from"})
    ] = "",
    method: Annotated[
        Literal["auto", "sdid", "sc", "did", "staggered"],
        Meta(
            description="sdid: synthetic difference in differences; sc: synthetic control; did: difference in "
            "differences; staggered: Callaway and Sant'Anna; auto chooses by the shape of the data."
        ),
    ] = "auto",
    every: Annotated[
        Literal["", "day", "week", "month", "quarter", "year"],
        Meta(description="Step that times are put into; found when left out."),
    ] = "",
    margin: Annotated[
        float | None, Meta(description="Effects no larger than this count as none; decide before looking.", ge=0)
    ] = None,
    unaffected: Annotated[
        tuple[str, ...],
        Meta(description="Negative controls: columns of outcomes that the treatment cannot move."),
    ] = (),
) -> ProofTrial:
    """Did it work: how much did the treatment move the outcome, and what speaks against that?"""
    found = panelled.read(data, unit=unit, time=time, outcome=outcome, treated=treated, since=from_, every=every)
    chosen = _method(found, method)
    if found.every:
        found.cautions.append(Caution(code="step", text=f"Times are put into steps of a {found.every}."))
    found.cautions.append(Caution(code="assumed", text=ASSUMED))
    controls = tuple(
        _controlled(
            panelled.read(data, unit=unit, time=time, outcome=one, treated=treated, since=from_, every=every), chosen
        )
        for one in unaffected
    )
    if chosen == "staggered":
        return rolled.staged(found, margin=margin, controls=controls)
    told = proven.blocked(found, _block(found, chosen), margin=margin, controls=controls)
    why = f"Chosen by the shape of the data: {chosen}." if method == "auto" else ""
    return structs.replace(told, facts=(*told.facts, why) if why and not told.refused else told.facts)


def _block(found: Panelled, chosen: str) -> Block:
    panel = _one_start(found.panel)
    return Block(
        outcomes=panel.outcomes, before=int(panel.groups[0]), treated=~panel.never, published=True,
        method=chosen,  # type: ignore[arg-type]
    )  # fmt: skip


def _controlled(found: Panelled, chosen: str) -> ProofControl:
    """The same question of an outcome that the treatment cannot move."""
    if chosen == "staggered":
        effect = staggered(found.panel.outcomes, found.panel.starts).effect
    else:
        effect = judge(_block(found, chosen)).effect
    if effect.refused:
        return ProofControl(outcome=found.outcome, refused=effect.refused)
    return ProofControl(outcome=found.outcome, effect=effect.value, low=effect.low, high=effect.high)


def _method(found: Panelled, method: str) -> str:
    """The method for the panel's shape; refuses one that does not fit it."""
    panel = found.panel
    starts = panel.groups
    if method == "staggered":
        return method
    if len(starts) > 1:
        if method != "auto":
            late = listed((f"{u} from {found.label(int(s))}" for u, s in _others(panel)), most=4)
            raise Refusal(
                f"Not all start at once: {late}. Taken for donors they would be treated controls.",
                hint="Use --method staggered, or leave them out of the file.",
            )
        return "staggered"
    if starts[0] == 0:
        raise Refusal("The treated have no time before their start.", hint="Bring earlier rows.")
    if method != "auto":
        return method
    return "sdid" if int(starts[0]) >= LEAST_PAST - 3 and int(panel.never.sum()) <= MOST_DONORS else "did"


def _others(panel: Panel) -> list[tuple[str, int]]:
    first = panel.groups[0]
    later = np.flatnonzero(~panel.never & (panel.starts > first))
    return [(panel.units[i], int(panel.starts[i])) for i in later]


def _one_start(panel: Panel) -> Panel:
    if int(panel.never.sum()) > 20 * MOST_DONORS:
        raise BadInput(
            f"{count(int(panel.never.sum()), 'donor')} are more than are fitted.", where="--unit",
            hint="Ask of groups of units: a region or a segment in place of a customer.",
        )  # fmt: skip
    return panel


def figure(found: ProofTrial) -> Figure | None:
    """Treated and synthetic over time with the band, and the effect with the placebos behind it."""
    if not found.rows:
        return None
    lived = [
        Lived(
            label=r.time, outcome=r.outcome, without=r.without, effect=r.effect, low=r.low, high=r.high, after=r.after
        )
        for r in found.rows
    ]
    who = found.treated[0] if len(found.treated) == 1 else "treated"
    return counterfactual(lived, title=found.answer, who=who, placebos=found.placebos)
