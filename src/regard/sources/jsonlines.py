"""JSON Lines, and JSON arrays: objects flattened into columns, nested names joined by dots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from regard.errors import BadInput
from regard.sources.chunks import BadRow, Chunk, counted_from, ids_in, text_table

if TYPE_CHECKING:
    from regard.sources.bytestream import ByteStream
    from regard.sources.limits import Limits

DEPTH = 4
SAMPLE_ROWS = 4000
_any = msgspec.json.Decoder()
_encode = msgspec.json.Encoder()
_raw_list = msgspec.json.Decoder(list[msgspec.Raw])
_raw_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


def flatten(item: Mapping[str, Any], prefix: str = "", depth: int = 1) -> Iterator[tuple[str, str | None]]:
    """The leaves of an object as (dotted name, text); lists and what is too deep stay JSON."""
    for name, value in item.items():
        path = f"{prefix}{name}"
        if isinstance(value, dict) and depth < DEPTH:
            yield from flatten(value, f"{path}.", depth + 1)
        else:
            yield path, as_text(value)


def as_text(value: Any) -> str | None:
    """A JSON value as the text of a cell."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return _encode.encode(value).decode()
    return str(value)


def sample(
    head: bytes, *, whole: bool, name: str, path: Path, format_: str
) -> tuple[str, tuple[list[str], list[list[str | None]]]]:
    """Whether the file is lines or one value (jsonl, json), its columns and sample rows.

    Raises:
        BadInput: Nothing in the sample is a JSON object.
    """
    objects = list(_lines_of(head, whole=whole)) if format_ == "jsonl" else []
    kind = "jsonl"
    if not objects:
        kind, objects = "json", list(_head_of_array(head))
    if not objects:
        raise BadInput(
            f"{name} holds no JSON object that can be read.",
            where=str(path),
            hint="One object per line (JSON Lines) or an array of objects is read.",
        )
    names: dict[str, None] = {}
    flat = [dict(flatten(item)) for item in objects]
    for row in flat:
        names.update(dict.fromkeys(row))
    return kind, (list(names), [[row.get(n) for n in names] for row in flat])


def _lines_of(head: bytes, *, whole: bool) -> Iterator[dict[str, Any]]:
    lines = head.split(b"\n")
    for line in (lines if whole else lines[:-1])[:SAMPLE_ROWS]:
        try:
            item = _any.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        if isinstance(item, dict):
            if len(lines) <= 2 and _list_inside(item):
                return  # one object around a list, on one line
            yield item


def _list_inside(item: Mapping[str, Any]) -> bool:
    return sum(isinstance(v, list) and bool(v) and isinstance(v[0], dict) for v in item.values()) == 1


def _head_of_array(head: bytes) -> Iterator[dict[str, Any]]:
    """Objects at the beginning of an array, found by decoding ever longer pieces up to a closing brace."""
    start = head.find(b"[")
    text = head[start + 1 :].decode("utf-8", "ignore")
    import json  # noqa: PLC0415  the standard decoder can say where a value ends

    decoder, at = json.JSONDecoder(), 0
    for _ in range(SAMPLE_ROWS):
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
        try:
            item, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return
        if isinstance(item, dict):
            yield item


def read_lines(stream: ByteStream, names: tuple[str, ...], limits: Limits) -> Iterator[Chunk]:
    """The objects of a stream of lines, in chunks."""
    line, left, at_end = 1, b"", False
    while not at_end or left:
        more = b"" if at_end else stream.read(limits.block_bytes // 2)
        at_end = at_end or not more
        left += more
        cut = len(left) if at_end else left.rfind(b"\n") + 1
        if not cut and len(left) > limits.row_bytes:
            left, found = _drop_line(stream, limits)
            yield _too_long(stream.path.name, line, names, limits)
            line, at_end = line + 1, at_end or not found
            continue
        block, left = left[:cut], left[cut:]
        if block:
            lines = block.split(b"\n")
            yield _chunk(lines, line, names, stream.path.name, limits)
            line += block.count(b"\n")
        if at_end and not left:
            return


def _drop_line(stream: ByteStream, limits: Limits) -> tuple[bytes, bool]:
    while more := stream.read(limits.block_bytes // 2):
        end = more.find(b"\n") + 1
        if end:
            return more[end:], True
    return b"", False


def _too_long(file: str, line: int, names: tuple[str, ...], limits: Limits) -> Chunk:
    reason = f"the line is longer than {limits.row_bytes:,} bytes"
    return Chunk(
        table=text_table(names, []), lines=counted_from(line, 0), bad=[BadRow(file=file, line=line, reason=reason)]
    )


def _chunk(lines: list[bytes], first: int, names: tuple[str, ...], file: str, limits: Limits) -> Chunk:
    """Lines as a chunk: decoded all at once where all are objects, else one by one with the broken ones reported."""
    at = [n for n, raw in enumerate(lines, first) if raw.strip()]
    bad: list[BadRow] = []
    try:
        items = _any.decode_lines(b"\n".join(lines))
        whole = len(items) == len(at) and all(type(item) is dict for item in items)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        whole = False
    if not whole or any(len(raw) > limits.field_bytes for raw in lines):
        at, items = _one_by_one(lines, first, file, limits, bad=bad)
    places = np.asarray(at, dtype=np.int64)
    return Chunk(table=_table(items, names), lines=lambda: places, bad=bad)


def _one_by_one(
    lines: list[bytes], first: int, file: str, limits: Limits, *, bad: list[BadRow]
) -> tuple[list[int], list[dict[str, Any]]]:
    at, items = [], []
    for number, raw in enumerate(lines, first):
        if not raw.strip():
            continue
        try:
            item = _any.decode(raw)
            reason = "" if isinstance(item, dict) else "the line is not a JSON object"
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            item, reason = {}, f"the line is not JSON ({error})"
        if not reason and len(raw) > limits.field_bytes and _longest(item) > limits.field_bytes:
            reason = f"a value is longer than {limits.field_bytes:,} bytes"
        if reason:
            value = raw[:200].decode("utf-8", "replace")
            bad.append(BadRow(file=file, line=number, value=value, reason=reason, ids=ids_in(raw)))
        else:
            at.append(number)
            items.append(item)
    return at, items


def _longest(item: Mapping[str, Any]) -> int:
    return max((len(value) for _, value in flatten(item) if value is not None), default=0)


def _table(items: list[dict[str, Any]], names: tuple[str, ...]) -> pa.Table:
    """Objects as columns of text; taken apart only where the columns have dotted names."""
    if any("." in name for name in names):
        items = [dict(flatten(item)) for item in items]
    arrays = []
    for name in names:
        values = [item.get(name) for item in items]
        try:
            array = pa.array(values, pa.string())
        except (pa.ArrowTypeError, pa.ArrowInvalid):
            array = pa.array([as_text(value) for value in values], pa.string())
        arrays.append(pc.if_else(pc.equal(array, ""), pa.scalar(None, pa.string()), array))
    return pa.Table.from_arrays(arrays, names=list(names))


def read_array(stream: ByteStream, names: tuple[str, ...], limits: Limits) -> Iterator[Chunk]:
    """The objects of an array, or of the one list inside an object; read whole, so bounded in size.

    Raises:
        BadInput: It is larger than the limit, or not JSON.
    """
    parts, total = [], 0
    while more := stream.read(limits.block_bytes):
        parts.append(more)
        total += len(more)
        if total > limits.array_bytes:
            raise BadInput(
                f"{stream.path.name} is one JSON value of more than {limits.array_bytes >> 20} MiB.",
                where=str(stream.path),
                hint="Save it as JSON Lines, one object per line: jq -c '.[]' FILE > FILE.jsonl",
            )
    items = _items(b"".join(parts), stream.path)
    for start in range(0, len(items), limits.rows):
        part = [bytes(raw) for raw in items[start : start + limits.rows]]
        yield _chunk(part, start + 1, names, stream.path.name, limits)


def _items(data: bytes, path: Path) -> list[msgspec.Raw]:
    try:
        if data.lstrip().startswith(b"["):
            return _raw_list.decode(data)
        inside = [raw for raw in _raw_object.decode(data).values() if bytes(raw).lstrip().startswith(b"[")]
        lists = [items for raw in inside if (items := _raw_list.decode(raw)) and bytes(items[0]).startswith(b"{")]
        return lists[0] if len(lists) == 1 else [msgspec.Raw(data)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"{path.name} is not valid JSON: {error}.", where=str(path), hint="Export it again.") from error
