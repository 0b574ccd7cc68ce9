"""Contacts counted by voices, customers or value: which cells come first, and how much the first weighs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from regard.wording import Words, money, percent

if TYPE_CHECKING:
    from regard.listening.contacts import ContactRow
    from regard.signals.ask import Ask
    from regard.signals.voices import Count


def valued(ask: Ask, rows: tuple[ContactRow, ...], count: Count) -> tuple[ContactRow, ...]:
    """The rows with what the customers who asked are worth, where value is what counts.

    Raises:
        MissingDeclaration: What a customer is worth is not declared.
    """
    if count != "value":
        return rows
    ask.need("value.kind", "it says what a customer is worth, by which contacts are to be counted.")
    found = ask.rows("contacts_value.sql")
    worth = {(r["area"], r["issue"]): float(r["value"] or 0.0) for r in found}
    return tuple(msgspec.structs.replace(r, value=worth.get((r.area, r.issue), 0.0)) for r in rows)


def amount(row: ContactRow, count: Count) -> float:
    """What a row weighs."""
    return {"voices": float(row.n), "customers": float(row.customers), "value": row.value or 0.0}[count]


def largest(rows: tuple[ContactRow, ...], count: Count) -> tuple[ContactRow, ...]:
    """Rising rows first as they stand, then by what counts."""
    return tuple(
        sorted(rows, key=lambda r: (r.direction != "rising" or r.season, -amount(r, count), -r.n, r.area, r.issue))
    )


def lead(rows: tuple[ContactRow, ...], count: Count, words: Words, currency: str) -> str:
    """How much the largest row weighs, in words: 40 % of it, 12 customers, by customers worth €19 k."""
    top = max(rows, key=lambda r: amount(r, count))
    whole = max(sum(amount(r, count) for r in rows), 1e-9)
    if count == "voices":
        return f"{percent(top.n / whole)} of it"
    if count == "customers":
        return f"{words.count(top.customers)}"
    return f"by {words.some(2)} worth {money(top.value or 0.0, currency)}"
