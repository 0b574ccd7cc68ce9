"""What OpenTelemetry sends, in one shape however it was written: spans, log records and points of metrics.

Attributes are pairs of a name and a plain value. Ids are hexadecimal, times nanoseconds since 1970, 0 where unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Signal = Literal["traces", "logs", "metrics"]
Pairs = Sequence[tuple[str, Any]]

INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5
"""Kinds of span."""

OK, FAILED = 1, 2
"""States of a span; 0 says nothing."""

DELTA, CUMULATIVE = 1, 2
"""What a point of a metric counts: since the last one, or since its start."""

NO_VALUE = 1
"""The flag of a point that has none."""


@dataclass(slots=True, kw_only=True)
class Span:
    """One step of a trace."""

    trace: str
    id: str
    parent: str
    state: str
    name: str
    kind: int
    start: int
    end: int
    attributes: Pairs
    status: int
    message: str
    exception: str
    """The type of the last exception recorded, or nothing."""


@dataclass(slots=True, kw_only=True)
class Record:
    """One log record."""

    at: int
    observed: int
    severity: int
    event: str
    body: Any
    attributes: Pairs
    trace: str
    span: str


@dataclass(slots=True, kw_only=True)
class Point:
    """One point of a metric: a number, or a histogram with the sum, the count and the upper bounds of its buckets."""

    name: str
    unit: str
    form: Literal["gauge", "sum", "histogram"]
    temporality: int
    monotonic: bool
    start: int
    at: int
    attributes: Pairs
    value: float | None = None
    count: int | None = None
    sum: float | None = None
    bounds: Sequence[float] = ()
    counts: Sequence[int] = ()
    flags: int = 0


@dataclass(slots=True)
class Lot:
    """Items of one resource.

    Attributes:
        resource: Its attributes.
        items: Each as it was sent; `read` makes an item of one, or raises `Unfit`.
        read: Reads one of them.
        sizes: Bytes of each as sent, 0 where not known.
    """

    resource: Pairs
    items: list[Any]
    read: Callable[[Any], Any]
    sizes: list[int] = field(default_factory=list)
