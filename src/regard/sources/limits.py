"""What a file may be at most, in one table: beyond it a row is refused, or the file, and the person is told which."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


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
