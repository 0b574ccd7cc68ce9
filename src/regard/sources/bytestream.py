"""A file as a stream of UTF-8 bytes: unpacked, transcoded, with the bytes consumed and a guard against bombs."""

from __future__ import annotations

import codecs
import re
import zlib
from typing import TYPE_CHECKING, BinaryIO

from regard.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

    from regard.sources.limits import Limits

GZIP = b"\x1f\x8b"
BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def open_file(path: Path) -> BinaryIO:
    """The file opened for reading, or the reason in a person's words.

    Raises:
        BadInput: It is not there, is a directory, or may not be read.
    """
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise BadInput(f"There is no file {path}.", where=str(path), hint="Check the name; globs are fine.") from error
    except IsADirectoryError as error:
        raise BadInput(f"{path} is a directory, not a file.", where=str(path), hint=f"Try: {path}/*") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.", where=str(path)) from error


class ByteStream:
    """The bytes of a file as UTF-8 without byte order mark, unpacked where gzipped.

    Attributes:
        consumed: Bytes of the file taken so far (compressed bytes), for progress.
        replaced: Characters that the encoding could not read and that became U+FFFD.
    """

    def __init__(self, path: Path, *, gzipped: bool, encoding: str, limits: Limits) -> None:
        self.path = path
        self.limits = limits
        self.consumed = 0
        self.inflated = 0
        self.replaced = 0
        self._gunzip = zlib.decompressobj(31) if gzipped else None
        self._pending = b""
        utf8 = encoding.lower().replace("_", "-") in {"utf-8", "utf8", "utf-8-sig", "ascii", "us-ascii"}
        self._decoder = None if utf8 else codecs.getincrementaldecoder(encoding)(errors="replace")
        self._start = True
        self._file = open_file(path)

    def read(self, size: int) -> bytes:
        """At least one byte and about `size`, or b"" at the end.

        Raises:
            BadInput: The compressed data is damaged, cut short, or unpacks beyond the limit.
        """
        while True:
            raw = self._inflate(size) if self._gunzip is not None else self._take(size)
            at_end = not raw
            if self._start and raw:
                self._start = False
                if self._decoder is None:
                    raw = raw.removeprefix(codecs.BOM_UTF8)
            if self._decoder is not None:
                text = self._decoder.decode(raw, at_end)
                self.replaced += text.count("\N{REPLACEMENT CHARACTER}")
                raw = text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}").encode() if text else b""
            if raw or at_end:
                return raw

    def close(self) -> None:
        """Let the file go."""
        self._file.close()

    def _take(self, size: int) -> bytes:
        data = self._file.read(size)
        self.consumed += len(data)
        return data

    def _inflate(self, size: int) -> bytes:
        while True:
            if self._gunzip is None or self._gunzip.eof:
                rest = (self._gunzip.unused_data if self._gunzip else b"") or self._take(1 << 16)
                if not rest.startswith(GZIP):  # the end, or padding after the last member
                    return b""
                self._gunzip, self._pending = zlib.decompressobj(31), rest
            if not self._pending:
                self._pending = self._take(1 << 20)
                if not self._pending:
                    return self._cut_short()
            try:
                data = self._gunzip.decompress(self._pending, size)
            except zlib.error as error:
                raise self._broken(f"the compressed data is damaged ({error})") from error
            self._pending = self._gunzip.unconsumed_tail
            self.inflated += len(data)
            self._guard()
            if data:
                return data

    def _cut_short(self) -> bytes:
        if self._gunzip is not None and not self._gunzip.eof:
            raise self._broken("the compressed data ends before it is complete")
        return b""

    def _broken(self, what: str) -> BadInput:
        return BadInput(
            f"{self.path.name} can be read only up to {self.inflated:,} unpacked bytes: {what}.",
            where=str(self.path),
            hint="Fetch or export the file again.",
        )

    def _guard(self) -> None:
        if self.inflated > self.limits.inflate_free and self.inflated > self.limits.inflate_ratio * max(
            self.consumed, 1
        ):
            raise BadInput(
                f"{self.path.name} unpacks to more than {self.limits.inflate_ratio} times its size and was stopped.",
                where=str(self.path),
                hint="If that is honest data, unpack it yourself (gunzip) and import the plain file.",
            )


def sniff_encoding(sample: bytes, *, tail: bytes = b"") -> tuple[str, str]:
    """The encoding of a sample and how it was found: ("utf-8", "valid UTF-8")."""
    for mark, name in BOMS:
        if sample.startswith(mark):
            return name, "byte order mark"
    if _valid_utf8(sample) and _valid_utf8(tail, at_start=False):
        return "utf-8", "valid UTF-8"
    if sample[1::2].count(0) > len(sample) // 4:
        return "utf-16-le", "every second byte is zero"
    if sample[::2].count(0) > len(sample) // 4:
        return "utf-16-be", "every first byte of two is zero"
    if _mostly_utf8(sample):
        return "utf-8", "nearly all of it is valid UTF-8"
    return _guess(sample + tail)


def _mostly_utf8(data: bytes) -> bool:
    text = data.decode("utf-8", "replace")
    broken = text.count("\N{REPLACEMENT CHARACTER}")
    return sum(1 for char in text if ord(char) > 127) > 5 * broken


def _western(data: bytes) -> bool:
    """Whether bytes beyond ASCII are letters with accents among plain ones, as Excel writes them in the west."""
    text = data.decode("cp1252", "replace")
    beyond = [char for char in text if ord(char) > 127]
    known = sum(1 for char in beyond if "\u00a0" <= char <= "\u00ff" or char in "€„…–—‘’“”•")
    words = "".join(w for w in re.findall(r"[^\W\d_]+", text) if not w.isascii())
    plain = sum(1 for char in words if char.isascii())
    return known >= 0.95 * len(beyond) and plain >= 0.4 * len(words)


def _valid_utf8(data: bytes, *, at_start: bool = True) -> bool:
    if not at_start:  # a tail may begin inside a character
        data = data[next((i for i in range(min(4, len(data))) if data[i] & 0xC0 != 0x80), 0) :]
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return False
    return True


def _guess(data: bytes) -> tuple[str, str]:
    from charset_normalizer import from_bytes  # noqa: PLC0415  heavy, and only needed here

    lines = [line for line in data.split(b"\n") if any(byte > 127 for byte in line)]
    if _western(b"\n".join(lines)[:65536]):
        return "cp1252", "guessed from its bytes"
    best = from_bytes(b"\n".join(lines)[:65536]).best()
    name = best.encoding if best is not None else "cp1252"
    if name in {"latin_1", "iso8859_1", "ascii", "iso8859_15", "cp1250", "cp1254", "cp1257", "cp1258"} or not name:
        name = "cp1252"  # what Excel writes in the west; letters alone cannot tell these apart
    return name.replace("_", "-"), "guessed from its bytes"
