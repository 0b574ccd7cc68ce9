"""What a file, and what a request, may be at most, in two tables; beyond it something is refused and the sender told.

Each limit of `Wire` may be set from outside as ``REGARD_LIMIT_<NAME>``.
"""

from __future__ import annotations

import os
from typing import Annotated

import msgspec
from msgspec import Meta

from regard.errors import BadInput


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Every limit of reading. They keep a hostile or broken file from taking the memory of the machine."""

    field_bytes: Annotated[
        int, Meta(description="Longest value of one cell; a longer one makes its row a bad row.")
    ] = 1 << 20
    row_bytes: Annotated[int, Meta(description="Longest row, line breaks inside quotes included.")] = 4 << 20
    columns: Annotated[int, Meta(description="Most columns of a file; a wider file is refused.")] = 500
    inflate_ratio: Annotated[int, Meta(description="A compressed file may unpack to so many times its size.")] = 200
    inflate_free: Annotated[int, Meta(description="The ratio is looked at beyond so many unpacked bytes.")] = 64 << 20
    array_bytes: Annotated[int, Meta(description="Largest JSON array, which must be read whole.")] = 256 << 20
    workbook_bytes: Annotated[int, Meta(description="Largest unpacked Excel workbook.")] = 1 << 30
    rejects_listed: Annotated[
        int, Meta(description="Bad rows written out per file, column and reason; all are counted.")
    ] = 1000
    sample_bytes: Annotated[int, Meta(description="Bytes at the beginning of a file its shape is decided on.")] = (
        512 << 10
    )
    block_bytes: Annotated[int, Meta(description="Bytes read at once.")] = 16 << 20
    rows: Annotated[int, Meta(description="Most rows handed on at once.")] = 200_000


LIMITS = Limits()


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    """Every limit of signals sent over HTTP. Beyond one, the request or the item is refused with its code."""

    body_bytes: Annotated[
        int, Meta(description="Bytes of a request as sent. More: 413, code too_large.", extra={"code": "too_large"})
    ] = 1 << 20
    inflated_bytes: Annotated[
        int,
        Meta(description="Bytes of a request once unpacked. More: 413, code too_large.", extra={"code": "too_large"}),
    ] = 5 << 20
    inflate_ratio: Annotated[
        int,
        Meta(
            description="A packed request may unpack to so many times its size. More: 413, code too_packed.",
            extra={"code": "too_packed"},
        ),
    ] = 100
    batch_items: Annotated[
        int, Meta(description="Items of one request. More: 413, code too_many.", extra={"code": "too_many"})
    ] = 1000
    item_bytes: Annotated[
        int, Meta(description="Bytes of one item. More: that item is refused, code item_too_large.",
                  extra={"code": "item_too_large"})
    ] = 32 << 10  # fmt: skip
    depth: Annotated[
        int, Meta(description="Objects and lists inside one another. More: the item is refused, code too_deep.",
                  extra={"code": "too_deep"})
    ] = 32  # fmt: skip
    keys: Annotated[
        int, Meta(description="Keys of one item, in all. More: the item is refused, code too_many_keys.",
                  extra={"code": "too_many_keys"})
    ] = 1000  # fmt: skip
    id_length: Annotated[
        int, Meta(description="Characters of an id. More: the item is refused, code id_too_long.",
                  extra={"code": "id_too_long"})
    ] = 512  # fmt: skip
    future_hours: Annotated[
        int, Meta(description="Hours an item may lie ahead of when it came. More: held back, code future.",
                  extra={"code": "future"})
    ] = 24  # fmt: skip
    otlp_bytes: Annotated[
        int, Meta(description="Bytes of a request of OpenTelemetry as sent. More: 413, code too_large.",
                  extra={"code": "too_large"})
    ] = 4 << 20  # fmt: skip
    otlp_inflated_bytes: Annotated[
        int, Meta(description="Bytes of a request of OpenTelemetry once unpacked. More: 413, code too_large.",
                  extra={"code": "too_large"})
    ] = 16 << 20  # fmt: skip
    otlp_items: Annotated[
        int, Meta(description="Spans, log records or points of a request of OpenTelemetry. More: 413, code too_many.",
                  extra={"code": "too_many"})
    ] = 10_000  # fmt: skip
    otlp_item_bytes: Annotated[
        int, Meta(description="Bytes of one span, log record or point, before its labels are taken. More: that item is "
                              "refused, code item_too_large.", extra={"code": "item_too_large"})
    ] = 256 << 10  # fmt: skip
    header_seconds: Annotated[
        float, Meta(description="Seconds until a request's headers are there. Longer: the connection is closed.")
    ] = 10.0
    header_bytes: Annotated[
        int, Meta(description="Bytes of a request's headers, about. More: 431, and the connection is closed.")
    ] = 32 << 10
    body_seconds: Annotated[
        float, Meta(description="Seconds until a request's body is there. Longer: 408, code too_slow.",
                    extra={"code": "too_slow"})
    ] = 20.0  # fmt: skip
    idle_seconds: Annotated[float, Meta(description="Seconds a connection may wait for its next request.")] = 30.0
    connections: Annotated[
        int, Meta(description="Open connections. More: 503 with Retry-After, and the connection is closed.")
    ] = 2000
    waiting_bytes: Annotated[
        int, Meta(description="Bytes of requests under way. More: 429 with Retry-After, code busy.",
                  extra={"code": "busy"})
    ] = 48 << 20  # fmt: skip
    source_bytes: Annotated[
        int, Meta(description="Bytes of one source's requests under way. More: 429 with Retry-After, code busy.",
                  extra={"code": "busy"})
    ] = 8 << 20  # fmt: skip
    source_rate: Annotated[
        float, Meta(description="Bytes a second one source may send, unpacked, over time; 0 for no such limit. "
                                "More: 429 with Retry-After, code too_fast.", extra={"code": "too_fast"})
    ] = 24.0 * (1 << 20)  # fmt: skip
    source_burst: Annotated[
        float, Meta(description="Bytes one source may send at once above its rate.", extra={"code": "too_fast"})
    ] = 48.0 * (1 << 20)  # fmt: skip
    free_bytes: Annotated[
        int, Meta(description="Free space of the disk below which nothing more is taken: 507, code disk_full.",
                  extra={"code": "disk_full"})
    ] = 64 << 20  # fmt: skip


def wire() -> Wire:
    """The limits of HTTP in force: the environment's, else the defaults.

    Raises:
        BadInput: A variable is no number.
    """
    given: dict[str, float] = {}
    for field in msgspec.structs.fields(Wire):
        name = f"REGARD_LIMIT_{field.name.upper()}"
        if raw := os.environ.get(name):
            try:
                given[field.name] = type(field.default)(float(raw))
            except ValueError as error:
                raise BadInput(f"{name} must be a number, not {raw!r}.", where=name) from error
    return Wire(**given)  # type: ignore[arg-type]
