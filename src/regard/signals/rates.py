"""Exchange rates as declared: which currencies can be converted, and at what rate at an instant."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regard.signals.declarations import Declarations


def currencies(declared: Declarations) -> list[str]:
    """Every currency that can be converted; '' is the company's own."""
    return list(dict.fromkeys(["", declared.currency, *(r.currency for r in declared.rates)]))


def rate_at(declared: Declarations, currency: str, instant: datetime) -> float | None:
    """The rate in force just before an instant; None before the first one."""
    if currency in ("", declared.currency):
        return 1.0
    held = [r for r in declared.rates if r.currency == currency and datetime.fromisoformat(r.since) < instant]
    return max(held, key=lambda r: r.since).rate if held else None
