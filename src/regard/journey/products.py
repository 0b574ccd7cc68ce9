"""The same stage across products, or any label: which does it best, by how much, and what it does differently.

What every customer lived at a stage is one row for each product they used there. A product is held against all others;
a claim is made only where all comparisons together allow it, and is then looked at once more among like customers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from msgspec import Meta

from regard.errors import Refusal, UnknownName
from regard.figures.sidebyside import SideBlock, SideCell, side_by_side
from regard.findings import Caution, Finding
from regard.journey.alike import differences
from regard.journey.beside import (
    CLEAR,
    ENDS,
    FALLS,
    LEAST,
    LIKE,
    MEASURES,
    MOST,
    MOST_TOLD,
    NAMES,
    TOLD,
    Products,
    StageBeside,
    compared,
    held_again,
    said,
    size_of,
    values_of,
    written,
)
from regard.journey.stagerows import StageRows, stage_rows
from regard.questions import question
from regard.signals.ask import Ask
from regard.wording import Words, count, listed, number, percent

if TYPE_CHECKING:
    from regard.figures import Figure


class StageVolume(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a stage is lived with a product."""

    stage: Annotated[str, Meta(description="The stage.")]
    product: Annotated[str, Meta(description="The product, or the label compared by.")]
    dimension: Annotated[str, Meta(description="The dimension compared by.")] = ""
    customers: Annotated[int, Meta(description="Customers there in the period.")] = 0
    share: Annotated[float, Meta(description="Their share of all customers there; some may use several.")] = 0.0
    steps: Annotated[float, Meta(description="Steps there for each of them.")] = 0.0


class Differently(msgspec.Struct, frozen=True, kw_only=True):
    """A step, or a move from a step to the next, whose share differs most between a product and the others."""

    stage: Annotated[str, Meta(description="The stage it is about.")]
    product: Annotated[str, Meta(description="The product held against all others.")]
    source: Annotated[str, Meta(description="The step before; empty where the share is of all steps at the stage.")]
    step: Annotated[str, Meta(description="The step.")]
    here: Annotated[float, Meta(description="Share of each customer's steps there, on average, with this product.")]
    others: Annotated[float, Meta(description="The same with all others.")]
    difference: Annotated[float, Meta(description="This less the others.")]
    low: Annotated[float, Meta(description="Lower end of its interval.")]
    high: Annotated[float, Meta(description="Upper end.")]
    adjusted: Annotated[float, Meta(description="p-value, corrected for all of them.")]


class AcrossProducts(Finding, frozen=True, kw_only=True):
    """The same stage across products."""

    dimension: Annotated[str, Meta(description="The dimension compared by.")] = ""
    guessed: Annotated[bool, Meta(description="Whether that was a guess.")] = False
    stage: Annotated[str, Meta(description="The stage whose differences are told.")] = ""
    best: Annotated[str, Meta(description="The product the answer is about; empty where none can be told.")] = ""
    comparisons: Annotated[int, Meta(description="Comparisons that were corrected for.")] = 0
    within_days: Annotated[int | None, Meta(description="Days a customer has to get further.")] = None
    metric: Annotated[str, Meta(description="Metric of the scores.")] = ""
    rows: Annotated[tuple[StageBeside, ...], Meta(description="Measures by stage and product.")] = ()
    volumes: Annotated[tuple[StageVolume, ...], Meta(description="Customers by stage and product.")] = ()
    differently: Annotated[
        tuple[Differently, ...], Meta(description="What the product does differently at the stage, clearest first.")
    ] = ()


@question(title="Across products", needs=("stages", "event|order|contact|subscription"))
def products(
    *,
    ask: Ask,
    product: Annotated[
        str, Meta(description="Dimension that tells products apart; default the one cut by, else a guess that is told.")
    ] = "",
    stage: Annotated[str, Meta(description="Stage whose differences are told; default the clearest.")] = "",
    within: Annotated[int, Meta(description="Days a customer has to get to a later stage.", ge=1, le=365)] = 30,
    then: Annotated[int, Meta(description="Days after being there in which a score counts.", ge=1, le=730)] = 90,
    metric: Annotated[str, Meta(description="nps, csat, ces, stars or your own; default the declared one.")] = "",
) -> AcrossProducts:
    """Which product does the same stage best, and what does it do differently?"""
    ask.need("stages", "they say which steps belong to which part of the journey.")
    by, guessed = _dimension(ask, product)
    stages = [s.name for s in ask.declarations.stages]
    if stage and stage not in stages:
        raise UnknownName("stage", stage, stages, where="stage")
    stepped = ask.steps()
    lived = stage_rows(stepped, ask.declarations.stages, by, within=within) if stepped.steps else None
    names = stepped.steps[0].labels[by].values if stepped.steps else ()
    shown = _most_used(lived) if lived is not None else ()
    if lived is None or len(shown) < 2:
        raise Refusal(
            f"Fewer than two values of {by} were seen at a stage in this period.",
            hint="Name another dimension with --product, or widen the period.",
        )
    lived = lived.only(np.isin(lived.label, shown))
    metric = metric or ask.declarations.metric or "nps"
    made = Products(ask=ask, stepped=stepped, lived=lived, by=by, names=names, stages=tuple(stages), metric=metric)
    values = values_of(ask, lived, metric, then)
    rows, comparisons = compared(made, values)
    rows = tuple(held_again(made, values, rows))
    first = _headline(rows, stage)
    told = _differently(made, first, shown) if first else ()
    found = AcrossProducts(
        answer="", dimension=by, guessed=guessed, stage=first.stage if first else stage,
        best=first.product if first else "", comparisons=comparisons, within_days=within, metric=metric, rows=rows,
        volumes=_volumes(made), differently=told, facts=_facts(first, told, rows),
        next_step="See what they do there step by step: regard journey discovered --where "
        f"{by}={first.product if first else 'NAME'}.",
        evidence=ask.evidence(
            n=len(lived), customers=len(np.unique(lived.customer)), kind="estimated",
            method="One row a customer, stage and product; differences with the covariance of customers of several "
            "(Binder 1983), all corrected together (Holm 1979); among like customers doubly robust.",
        ),
    )  # fmt: skip
    return msgspec.structs.replace(found, answer=_answer(made, found, first), cautions=tuple(_cautions(made, found)))


def _dimension(ask: Ask, product: str) -> tuple[str, bool]:
    """The dimension that tells products apart, and whether it is a guess."""
    known = [d.name for d in ask.declarations.dimensions]
    if product and product not in known:
        raise UnknownName("dimension", product, known, where="product")
    if product or ask.scope.by:
        return product or ask.scope.by, False
    if not known:
        raise Refusal(
            "No dimension is declared: nothing tells products apart.",
            hint="Declare one, such as product, under [[dimensions]] in company.toml.",
        )
    like = [name for name in known if LIKE.search(name)]
    own = [d.name for d in ask.declarations.dimensions if d.of == "signal"]
    return (like or own or known)[0], True


def _most_used(lived: StageRows) -> tuple[int, ...]:
    """Products with enough customers at a stage, the most used first."""
    codes, n = np.unique(lived.label, return_counts=True)
    order = np.lexsort((codes, -n))[:MOST]
    return tuple(int(codes[i]) for i in order if n[i] >= LEAST)


def _headline(rows: Sequence[StageBeside], stage: str) -> StageBeside | None:
    """What the answer is about: who is best beyond chance, else better, the largest difference for its size first."""
    order = {"best": 0, "better": 1, "worse": 2}
    told = [r for r in rows if r.verdict and (not stage or r.stage == stage)]
    return min(
        told, key=lambda r: (order[r.verdict], r.alike_told == FALLS, -size_of(r), r.stage, r.product), default=None
    )


def _differently(made: Products, first: StageBeside, shown: Sequence[int]) -> tuple[Differently, ...]:
    found = differences(
        made.stepped, made.ask.declarations.stages, made.by, made.stages.index(first.stage),
        made.names.index(first.product), shown=shown,
    )  # fmt: skip
    steps = made.stepped.steps[0].names
    return tuple(
        Differently(
            stage=first.stage, product=first.product, source=steps[d.source] if d.source >= 0 else "",
            step=steps[d.step] if d.step >= 0 else ENDS, here=d.here, others=d.others, difference=d.difference.value,
            low=d.difference.low, high=d.difference.high, adjusted=d.adjusted,
        )
        for d in found[:MOST_TOLD]
    )  # fmt: skip


def _volumes(made: Products) -> tuple[StageVolume, ...]:
    told = []
    for stage, codes in made.places():
        there = made.lived.stage == stage
        whole = len(np.unique(made.lived.customer[there]))
        for code in codes:
            own = there & (made.lived.label == code)
            told.append(StageVolume(
                stage=made.stages[stage], product=made.names[code], dimension=made.by, customers=int(own.sum()),
                share=float(own.sum() / whole), steps=float(made.lived.times[own].mean()),
            ))  # fmt: skip
    return tuple(told)


def _answer(made: Products, found: AcrossProducts, first: StageBeside | None) -> str:
    words = Words(made.ask.declarations.called, made.ask.declarations.called_many)
    who = words.count(len(np.unique(made.lived.customer)))
    if first is None:
        where = f"at {found.stage} " if found.stage else ""
        return (
            f"No {made.by} can be told to be better or worse than the others {where}beyond chance: "
            f"{count(found.comparisons, 'comparison')} of {who}."
        )
    lead = {"best": "does best", "better": "does better than the others", "worse": "does worse than the others"}
    told = f"At {first.stage} {first.product} {lead[first.verdict]}: {said(first, made.metric)}"
    return f"{told}; {first.alike_told}." if first.alike_told else f"{told}."


def _facts(first: StageBeside | None, told: Sequence[Differently], rows: Sequence[StageBeside]) -> tuple[str, ...]:
    facts = []
    clear = [d for d in told if d.adjusted <= CLEAR]
    if first is not None and clear:
        parts = [
            f"{d.step} is {percent(d.here)} of {'steps there' if not d.source else f'what follows {d.source}'}, "
            f"{percent(d.others)} with all others" for d in clear[:2]
        ]  # fmt: skip
        facts.append(f"What {first.product} does differently: {'; '.join(parts)}.")
    elif first is not None:
        facts.append(f"Nothing that {first.product}'s customers do at {first.stage} differs beyond chance.")
    others = [r for r in rows if r.verdict == "best" and first is not None and (r.stage, r.product, r.measure) != (
        first.stage, first.product, first.measure)]  # fmt: skip
    if others:
        facts.append(
            "Best elsewhere: "
            + listed([f"{r.product} at {r.stage} ({NAMES[r.measure]})" for r in others], most=3)
            + "."
        )
    return tuple(facts)


def _cautions(made: Products, found: AcrossProducts) -> Iterator[Caution]:
    if found.guessed:
        others = [d.name for d in made.ask.declarations.dimensions if d.name != found.dimension]
        text = f"Compared by {found.dimension}, which is a guess" + (
            f": --product takes {listed(others, most=4, last='or')} as well." if others else "."
        )
        yield Caution(code="guessed", text=text)
    text = (
        "Who uses which product is not drawn by lot: a difference may lie in the customers. Among like ones it is told "
        "as far as what is declared of them goes."
    )
    yield Caution(code="not_proof", text=text)
    yield from made.stepped.cautions()


def figure(finding: AcrossProducts) -> Figure | None:
    """Products side by side at every stage, coloured where they differ beyond chance."""
    if not finding.rows:
        return None
    measures = [m for m in MEASURES if any(r.measure == m and r.value is not None for r in finding.rows)]
    told = {(r.stage, r.product, r.measure): r for r in finding.rows}
    blocks: dict[str, list[tuple[str, tuple[SideCell, ...]]]] = {}
    for volume in finding.volumes:
        cells = [SideCell(text=number(volume.customers), ends=f"{percent(volume.share)} of those there")]
        cells += [_cell(told.get((volume.stage, volume.product, m)), finding.metric) for m in measures]
        blocks.setdefault(volume.stage, []).append((volume.product, tuple(cells)))
    metric = finding.metric.upper() if len(finding.metric) <= 4 else finding.metric
    heads = ["customers", *(metric + " then" if m == "score" else TOLD[m] for m in measures)]
    legend = (
        "Beneath each: its interval. ★ best, ▲ better, ▼ worse than all others together, beyond chance with all "
        "comparisons counted; grey cannot be told."
    )
    return side_by_side(
        [SideBlock(label=stage, rows=tuple(rows)) for stage, rows in blocks.items()], heads, title=finding.answer,
        legend=legend,
    )  # fmt: skip


def _cell(row: StageBeside | None, metric: str) -> SideCell:
    if row is None or row.value is None:
        return SideCell()
    ends = f"{written(row.measure, row.low, metric)} to {written(row.measure, row.high, metric)}"
    alike = f"; {row.alike_told}" if row.alike_told else ""
    verdict = f", {row.verdict}" if row.verdict else ""
    return SideCell(
        text=written(row.measure, row.value, metric), ends=ends, verdict=row.verdict,
        tip=f"{row.stage}, {row.product}: {said(row, metric)} ({ends}){verdict}{alike}",
    )  # fmt: skip
