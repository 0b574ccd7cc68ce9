"""A request's body as sent becomes JSON: gzip, deflate, base64 and forms are unpacked, within the limits."""

from __future__ import annotations

import base64
import binascii
import zlib
from urllib.parse import parse_qs, unquote_to_bytes

from regard.sources.items import Unfit
from regard.sources.limits import Wire

GZIP = b"\x1f\x8b"
FORM = "application/x-www-form-urlencoded"
STEP = 1 << 18


def unpacked(body: bytes, *, encoding: str, compression: str, media: str, limits: Wire) -> bytes:
    """The JSON of a body.

    Args:
        body: As sent.
        encoding: Its ``Content-Encoding``.
        compression: What the address says about it, as browser clients do.
        media: Its ``Content-Type``.
        limits: How large it may become.

    Raises:
        Unfit: It cannot be unpacked, or is larger than allowed.
    """
    sent = len(body)
    for name in [e.strip().lower() for e in encoding.split(",") if e.strip()][::-1]:
        body = _inflated(body, name, sent, limits)
    form = media.partition(";")[0].strip().lower() == FORM and body.lstrip()[:1] not in {b"{", b"["}  # curl says form
    if form or body[:5] == b"data=":
        body = _of_form(body)
    wanted = compression.strip().lower()
    if wanted in {"", "none", "gzip", "gzip-js", "base64"}:
        if wanted == "base64" or (body[:1] not in b"{[" and body[:3] == b"eyJ"):  # eyJ is {" in base64
            body = _of_base64(body)
        if body[:2] == GZIP:
            body = _inflated(body, "gzip", sent, limits)
    else:
        raise Unfit("unknown_packing", f"Nothing here unpacks {compression[:40]!r}.", where="compression", status=415)
    if len(body) > limits.inflated_bytes:
        raise _too_large(limits)
    return body


def _inflated(body: bytes, name: str, sent: int, limits: Wire) -> bytes:
    if name == "identity":
        return body
    if name not in {"gzip", "x-gzip", "deflate"}:
        told = f"Nothing here unpacks {name[:40]!r}; gzip and deflate are known."
        raise Unfit("unknown_packing", told, where="Content-Encoding", status=415)
    if name != "deflate" and body[:2] != GZIP:
        raise Unfit("not_packed", "This is not gzip, though the request says so.", where="Content-Encoding")
    wide = zlib.MAX_WBITS | 32 if body[:1] == b"\x78" or name != "deflate" else -zlib.MAX_WBITS
    most = min(limits.inflated_bytes, limits.inflate_ratio * max(sent, 1024))
    parts: list[bytes] = []
    size = 0
    try:
        while body:
            machine = zlib.decompressobj(wide)
            while not machine.eof and body:
                part = machine.decompress(body, min(STEP, most - size + 1))
                size += len(part)
                parts.append(part)
                if size > most:
                    raise _too_large(limits) if most == limits.inflated_bytes else _too_packed(limits)
                body = machine.unconsumed_tail
                if not body and not machine.eof and not part:
                    break
            if not machine.eof:
                raise Unfit("not_packed", "The packed body ends too early.", where="Content-Encoding")
            body = machine.unused_data.lstrip(b"\0")
    except zlib.error as error:
        raise Unfit("not_packed", "The body cannot be unpacked.", where="Content-Encoding") from error
    return b"".join(parts)


def _of_form(body: bytes) -> bytes:
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=20)
    except (UnicodeDecodeError, ValueError) as error:
        raise Unfit("not_a_form", "The form cannot be read.") from error
    data = fields.get("data")
    if not data:
        raise Unfit("not_a_form", "A form has a field named data.", where="data")
    return unquote_to_bytes(data[0]) if data[0][:1] == "%" else data[0].encode()


def _of_base64(body: bytes) -> bytes:
    try:
        text = body.strip().replace(b"-", b"+").replace(b"_", b"/").replace(b" ", b"+")
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Unfit("not_packed", "The body is not base64, though the request says so.", where="data") from error


def _too_large(limits: Wire) -> Unfit:
    return Unfit("too_large", f"Unpacked, this request is larger than {limits.inflated_bytes:,} bytes.", status=413)


def _too_packed(limits: Wire) -> Unfit:
    told = f"This request unpacks to more than {limits.inflate_ratio} times its size."
    return Unfit("too_packed", told, status=413)
