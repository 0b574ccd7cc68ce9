"""How the slice in view becomes a selection of steps: period, filters, customers, and who is taken for a machine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from regard.errors import UnknownName
from regard.findings import Caution
from regard.steps.columns import Selection
from regard.store.pace import abreast
from regard.wording import count, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regard.signals.declarations import Declarations
    from regard.signals.scope import Scope
    from regard.signals.stepping import Made
    from regard.steps.columns import Steps, Truths, Whole

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_STEPS = {"person": 2_000, "account": 50_000}
"""Steps in 24 hours beyond which nobody is taken for people, unless the company declares otherwise."""


@dataclass(frozen=True)
class Stepped:
    """The steps a question looks at.

    Attributes:
        steps: Slices of whole customers.
        now: The period, with the scope's filters.
        before: The period compared with, the same otherwise.
        machines: Customers left out, since they did more steps in 24 hours than the company says people do.
        left_out: Their steps.
        busiest: The limit.
    """

    steps: tuple[Steps, ...]
    now: Selection
    before: Selection
    machines: int
    left_out: int
    busiest: int

    def cautions(self) -> list[Caution]:
        """Who is left out for doing more than people do; empty where nobody is."""
        if not self.machines:
            return []
        text = (
            f"{count(self.machines, 'customer')} with more than {number(self.busiest)} steps in a day "
            f"({count(self.left_out, 'step')}) are taken for machines and left out."
        )
        return [Caution(code="machines", text=text)]


def stepped(made: Made, scope: Scope, declared: Declarations, *, customers: Whole | None = None) -> Stepped:
    """What of the steps a scope lets one look at.

    Args:
        made: All of them.
        scope: The slice in view; its grouping is for the question to use.
        declared: Dimensions, and how many steps a day are no person's.
        customers: Only these; anybody where None.

    Raises:
        UnknownName: A filter or the grouping is no declared dimension.
    """
    for name in [scope.by, *scope.where]:
        if name and declared.dimension(name) is None:
            raise UnknownName("dimension of steps", name, [d.name for d in declared.dimensions], where="where, by")
    limit = declared.most_steps_a_day or MOST_STEPS[declared.customer]
    people = [most <= limit for most in made.busiest]
    left_out = [(int((~mask).sum()), int(s.counts[~mask].sum())) for mask, s in zip(people, made.steps, strict=True)]
    if customers is not None:
        wanted = np.sort(customers)
        people = [mask & _among(s.customers, wanted) for mask, s in zip(people, made.steps, strict=True)]
    masks = None if customers is None and not any(n for n, _ in left_out) else people
    rows = _rows(made, scope)

    def within(since: datetime, until: datetime) -> Selection:
        return Selection(since=micros(since), until=micros(until), customers=masks, rows=rows, end=made.end)

    return Stepped(
        steps=made.steps, now=within(scope.since, scope.until), before=within(scope.before_since, scope.before_until),
        machines=sum(n for n, _ in left_out), left_out=sum(n for _, n in left_out), busiest=limit,
    )  # fmt: skip


def micros(at: datetime) -> int:
    """Microseconds since 1970 of an instant in UTC without zone type."""
    passed = at.replace(tzinfo=UTC) - EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def _among(customers: Whole, wanted: Whole) -> Truths:
    if not len(wanted):
        return np.zeros(len(customers), np.bool_)
    at = np.minimum(np.searchsorted(wanted, customers), len(wanted) - 1)
    found: Truths = wanted[at] == customers
    return found


def _rows(made: Made, scope: Scope) -> Sequence[Truths] | None:
    """Which steps the filters let through, labels as they were then; and none that is yet to come."""
    late = any(int(s.times[s.lasts].max(initial=made.end)) > made.end for s in made.steps)
    if not scope.where and not late:
        return None

    def mask(steps: Steps) -> Truths:
        found = steps.times <= made.end if late else np.ones(len(steps.times), np.bool_)
        for name, values in scope.where.items():
            label = steps.labels[name]
            allowed = np.array([value in values for value in label.values], np.bool_)
            found &= allowed[label.codes]
        return found

    return list(abreast(mask, made.steps))
