"""Answers that stand for the base: weighted within each period to how the base divides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from regard.errors import BadInput, UnknownName
from regard.findings import Caution
from regard.listening.counted import texts
from regard.listening.reach import reaching
from regard.statistics.weighting import Margin, Weights, fit, rake
from regard.wording import count, listed, number, percent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.listening.counted import Answers
    from regard.signals.ask import Ask

LEAST = 20


@dataclass(frozen=True, kw_only=True)
class Known:
    """One way in which the base is known.

    Attributes:
        name: Column or dimension.
        label: Where each answer stands in it.
        base: What the base holds of each label, in any unit.
    """

    name: str
    label: NDArray[np.str_]
    base: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Weighted answers.

    Attributes:
        answers: With weights of mean 1 in each period, and what the cells say of each value.
        weights: How those of now came about.
        text: How they were made, in a few words.
        cautions: What to know of them.
    """

    answers: Answers
    weights: Weights
    text: str
    cautions: tuple[Caution, ...]


def stand(answers: Answers, known: Sequence[Known]) -> Standing | None:
    """Answers weighted to the base, each period by itself; None where there is none to weight.

    Args:
        answers: Of any periods; weights they have are the start.
        known: At least one way the base divides.
    """
    weight, fitted = answers.weight.copy(), np.zeros(len(answers))
    kept: Weights | None = None
    for period in sorted(np.unique(answers.period), key=lambda p: p == "now"):
        at = answers.period == period
        kept = rake([_margin(k, at) for k in known], start=answers.weight[at])
        weight[at] = kept.weight
        fitted[at] = fit(kept.columns, answers.value[at], kept.weight)
    if kept is None:
        return None
    way = "post-stratified by" if len(known) == 1 else "raked to"
    effect = f"design effect {number(kept.effect, 2)} (Kish 1965)"
    return Standing(
        answers=replace(answers, weight=weight, fitted=fitted), weights=kept,
        text=f"{way} {listed(k.name for k in known)}; {effect}",
        cautions=_cautions(kept, len(answers.of("now"))),
    )  # fmt: skip


def _margin(known: Known, at: NDArray[np.bool_]) -> Margin:
    place = {label: i for i, label in enumerate(known.base)}
    labels, number_of = np.unique(known.label[at], return_inverse=True)
    cell = np.array([place.get(str(label), -1) for label in labels], dtype=np.int64)
    return Margin(cell=cell[number_of], base=np.array(list(known.base.values())), labels=tuple(known.base))


def _cautions(made: Weights, n: int) -> tuple[Caution, ...]:
    thin = listed((label for labels in made.collapsed for label in labels), most=6)
    told = {
        "weights_unconverged": not made.converged
        and "The weights do not meet the base in every column at once; what is known of it may contradict itself.",
        "cells_collapsed": thin and f"Too few answered to weight these alone; they were taken together: {thin}.",
        "weights_trimmed": made.trimmed
        and f"{count(made.trimmed, 'weight')} beyond five times the mean were cut; a cell then misses its share "
        f"by up to {percent(made.gap)}.",
        "cell_unknown": made.unknown
        and f"{count(made.unknown, 'answer')} are of a cell the base does not know and keep the mean weight.",
        "weights_costly": made.effect > 2
        and f"The weights cost more than half of the precision: {number(n)} answers are worth "
        f"{number(round(made.effective))}.",
    }
    return tuple(Caution(code=code, text=text) for code, text in told.items() if text)


def dimensions(ask: Ask, given: str) -> tuple[str, ...]:
    """The dimensions to weight to, as they were named.

    Raises:
        UnknownName: One is not declared.
    """
    names = tuple(dict.fromkeys(n.strip() for n in given.split(",") if n.strip()))
    declared = [d.name for d in ask.declarations.dimensions]
    for name in names:
        if name not in declared:
            raise UnknownName("dimension", name, declared, where="weights")
    return names


def base(ask: Ask, answers: Answers, names: tuple[str, ...]) -> list[Known]:
    """How the base divides by declared dimensions: customers worth something by declaration, else those seen.

    Raises:
        BadInput: The log holds too few customers to weight to.
    """
    kind = ask.declarations.value.kind or ""
    kind = kind if ask.count("subscription" if kind == "recurring" else "order") else ""
    found = []
    for name in names:
        cut = reaching(replace(ask, scope=msgspec.structs.replace(ask.scope, by=name, also=())), "answer")
        table = cut.table("scores_base.sql", valued=bool(kind))
        held = dict(zip(texts(table, "slice").tolist(), table.column("n").to_pylist(), strict=True))
        if sum(held.values()) < LEAST:
            raise BadInput(
                f"Only {count(sum(held.values()), 'customer')} in the base: too few to weight to.",
                where="weights",
                hint="Leave --weights out, or bring in who the customers are.",
            )
        label = answers.slice if ask.scope.by == name else answers.slices[:, ask.scope.also.index(name)]
        found.append(Known(name=name, label=label, base={str(k): float(v) for k, v in held.items()}))
    return found
