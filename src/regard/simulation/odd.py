"""Odd customers planted into a made-up company: orders placed again and again, failures in a row, sudden bursts.

They are added to signals that were made without them, so every log of an earlier seed stays what it was.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
import numpy as np
import pyarrow as pa
from msgspec import Meta

from regard.simulation.columns import DAY, HOUR, table
from regard.simulation.company import GOODS

KINDS = ("same order again", "same failure again", "much more than usual")
LAST = 60
"""Days before the end in which they are planted."""


class Odd(msgspec.Struct, frozen=True, kw_only=True):
    """One planted oddity."""

    account: Annotated[str, Meta(description="The bakery.")]
    rule: Annotated[str, Meta(description="same order again, same failure again, or much more than usual.")]
    at: Annotated[int, Meta(description="Microseconds since 1970 of the first of them.")]
    size: Annotated[int, Meta(description="How many.")]


def planted(tables: dict[str, pa.Table], *, each: int, seed: int) -> tuple[dict[str, pa.Table], tuple[Odd, ...]]:
    """The tables with so many odd customers of each kind in their last 60 days, and who they are.

    Args:
        tables: Kind to signals, as `sample` or the chunks of `simulate` put together.
        each: Oddities of each kind.
        seed: Seed of who and when.
    """
    rng = np.random.default_rng(seed)
    orders, events = tables["order"], tables["event"]
    known = np.array([a for a in events["account"].to_pylist() if a], dtype=str)
    last = int(np.max(events["occurred_at"].cast(pa.int64()).to_numpy()))
    names, times = np.unique(known, return_counts=True)
    busy = names[times >= 5]
    chosen = rng.choice(busy, size=min(3 * each, len(busy)), replace=False)
    truth, made_orders, made_events = [], [], []
    for i, account in enumerate(chosen):
        rule = KINDS[i % 3]
        at = last - int(rng.uniform(1, LAST) * DAY)
        size = int(rng.integers(*((3, 6) if rule == KINDS[0] else (5, 9) if rule == KINDS[1] else (40, 80))))
        truth.append(Odd(account=str(account), rule=rule, at=at, size=size))
        if rule == KINDS[0]:
            made_orders.append(same_orders(str(account), at, size, rng))
        else:
            made_events.append(many_events(str(account), at, size, rng, failing=rule == KINDS[1]))
    more = {"order": _joined(orders, made_orders), "event": _joined(events, made_events)}
    return tables | more, tuple(truth)


def _joined(given: pa.Table, made: list[pa.Table]) -> pa.Table:
    return pa.concat_tables([given, *made], promote_options="default").combine_chunks() if made else given


def same_orders(account: str, at: int, size: int, rng: np.random.Generator) -> pa.Table:
    """The same apron ordered again within a minute in all: somebody pressed once more."""
    ids = [f"O{account}-odd-{at}-{i}" for i in range(size)]
    gaps = np.concatenate(([0], np.cumsum(rng.uniform(2, 50 / size, size - 1)))) if size > 1 else np.zeros(1)
    columns = {
        "key": pa.array(ids), "order_id": pa.array(ids), "occurred_at": at + (gaps * 1e6).astype(np.int64),
        "account": pa.array([account] * size), "product": pa.array(["Apron 'On a knead-to-know basis'"] * size),
        "category": pa.array(["wear"] * size), "quantity": np.ones(size), "amount": np.full(size, 29.0),
        "currency": pa.array(["EUR"] * size),
    }  # fmt: skip
    return table("order", columns)


def many_events(account: str, at: int, size: int, rng: np.random.Generator, *, failing: bool) -> pa.Table:
    """A payment that fails again and again within hours, or a day of frantic dough."""
    span = (3 if failing else 8) * HOUR
    times = at + np.sort(rng.uniform(0, span, size)).astype(np.int64)
    times[0] = at
    name, error = ("payment_made", "card_declined") if failing else ("dough_scheduled", None)
    columns = {
        "occurred_at": times, "account": pa.array([account] * size), "name": pa.array([name] * size),
        "error": pa.array([error] * size, pa.string()), "duration": np.full(size, 20.0),
        "message_id": pa.array([f"odd-{account}-{at}-{i}" for i in range(size)]),
    }  # fmt: skip
    return table("event", columns)


def many_orders(account: str, at: int, size: int, rng: np.random.Generator) -> pa.Table:
    """Different things ordered all day long by somebody who orders once in a while."""
    ids = [f"O{account}-many-{at}-{i}" for i in range(size)]
    goods = [GOODS[int(i)] for i in rng.integers(0, len(GOODS), size)]
    columns = {
        "key": pa.array(ids), "order_id": pa.array(ids),
        "occurred_at": at + np.sort(np.append(0, rng.uniform(0, 8 * HOUR, size - 1))).astype(np.int64),
        "account": pa.array([account] * size), "product": pa.array([good[0] for good in goods]),
        "category": pa.array([good[1] for good in goods]), "quantity": 1.0 + np.arange(size),
        "amount": np.array([good[2] for good in goods]) * (1.0 + np.arange(size)), "currency": pa.array(["EUR"] * size),
    }  # fmt: skip
    return table("order", columns)
