"""What weighs in a count: every voice, every customer once, or what customers are worth.

Of the same rows, one implementation for every question that counts: a row's weight is divided among the rows its
customer has in the same count, so that who speaks ten times weighs as much as who speaks once; by value it is then
multiplied by what the customer is worth. One loud customer moves only the count by voices.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from regard.findings import Caution
from regard.wording import Words, count

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from regard.signals.ask import Ask

    Floats = NDArray[np.float64]

Count = Literal["voices", "customers", "value"]


def once(customer: ArrayLike, weight: ArrayLike, among: ArrayLike) -> Floats:
    """Weights that sum, per customer and count, to the mean weight of the customer's rows: each customer once.

    Args:
        customer: Who each row is of; rows of nobody known have numbers of their own.
        weight: How many each row stands for.
        among: Which count each row belongs to, such as its period: shape (rows,), any type.
    """
    who = np.unique(np.asarray(customer), return_inverse=True)[1]
    which = np.unique(np.asarray(among), return_inverse=True)[1]
    cell = np.unique(who.astype(np.int64) * (int(which.max(initial=0)) + 1) + which, return_inverse=True)[1]
    return np.asarray(np.asarray(weight, np.float64) / np.bincount(cell)[cell], np.float64)


def weighing(
    ask: Ask, by: Count, *, customer: NDArray[np.int64], weight: Floats, among: ArrayLike, known: NDArray[np.bool_]
) -> Floats:
    """The rows' weights in a count by voices, customers or value; by value, 0 where no worth is known.

    Args:
        ask: What may be looked at.
        by: What weighs.
        customer: Who each row is of.
        weight: How many each row stands for.
        among: Which count each row belongs to.
        known: Whether the log knows the customer.

    Raises:
        MissingDeclaration: By value, and what a customer is worth is not declared.
    """
    if by == "voices" or not len(weight):
        return weight
    shared = once(customer, weight, among)
    return shared if by == "customers" else shared * np.where(known, worth_of(ask, customer), 0.0)


def worth_of(ask: Ask, customer: NDArray[np.int64]) -> Floats:
    """What each row's customer is worth at the end of the period; 0 where nothing is known.

    Raises:
        MissingDeclaration: What a customer is worth is not declared.
    """
    ask.need("value.kind", "it says what a customer is worth, which is what was to be counted by.")
    table = replace(ask, package="regard.signals").table("worth.sql")
    who = table.column("customer").to_numpy()
    value = np.nan_to_num(np.asarray(table.column("value").to_numpy(zero_copy_only=False), np.float64))
    if not len(who):
        return np.zeros(len(customer))
    at = np.searchsorted(who, customer).clip(0, len(who) - 1)
    return np.where(who[at] == customer, np.maximum(value[at], 0.0), 0.0)


def told(by: Count, words: Words) -> str:
    """What weighs, as an end of a sentence: empty by voices."""
    return {
        "voices": "",
        "customers": f"each {words.one} counted once",
        "value": f"{words.several} counted by what they are worth",
    }[by]


def cautions(by: Count, words: Words, *, rows: int, weightless: int, what: str) -> tuple[Caution, ...]:
    """What to know of a count that is not by voices.

    Args:
        by: What weighs.
        words: The company's own words.
        rows: Rows counted.
        weightless: Rows that weigh nothing.
        what: What one row is: answer, promise.
    """
    if by == "voices":
        return ()
    text = (
        f"Counted by {'value' if by == 'value' else words.several}: {told(by, words)}, however many {what}s they have."
    )
    found = [Caution(code="counted_by", text=text)]
    if weightless:
        none = f"{count(weightless, what)} of {count(rows, what)} weigh nothing: nothing is known of the value behind."
        found.append(Caution(code="no_worth", text=none))
    return tuple(found)
