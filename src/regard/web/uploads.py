"""Files a person drops on the page: streamed to disk as they come, never held in memory, named safely."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from regard.web.forms import check_token
from regard.web.workers import Failed

if TYPE_CHECKING:
    from typing import BinaryIO

    from starlette.requests import Request

MOST_FILES = 40
LARGEST = 20 * 1024**3
KEEP_FREE = 1024**3
KEPT_DAYS = 7
_NAME = re.compile(r"^[a-z0-9]{24}$")


@dataclass(frozen=True)
class Upload:
    """Files that were dropped together, in a directory of their own."""

    directory: Path

    @property
    def id(self) -> str:
        """Its name in addresses."""
        return self.directory.name

    @property
    def files(self) -> list[Path]:
        """The files, by name."""
        return sorted(p for p in (self.directory / "files").iterdir() if p.is_file())

    @property
    def is_here(self) -> bool:
        """Whether the files themselves are still kept."""
        return (self.directory / "files").is_dir()

    @property
    def toml(self) -> str:
        """The mapping as edited here, or nothing while the proposal stands."""
        path = self.directory / "mapping.toml"
        return path.read_text("utf-8") if path.exists() else ""

    def keep(self, toml: str) -> None:
        """Keep an edited mapping."""
        (self.directory / "mapping.toml").write_text(toml, "utf-8")

    def note(self, batch: int) -> None:
        """Remember that a batch was made of these files."""
        (self.directory / "batches.json").write_text(json.dumps([*self.batches, batch]), "utf-8")

    def drop(self) -> None:
        """Remove the files: what they held is in the log now. The mapping stays, it names columns and no customers."""
        shutil.rmtree(self.directory / "files", ignore_errors=True)

    @property
    def batches(self) -> list[int]:
        """The batches made of these files."""
        with suppress(OSError, ValueError):
            return [int(b) for b in json.loads((self.directory / "batches.json").read_text("utf-8"))]
        return []


def find(workspace: Path, name: str) -> Upload:
    """The upload of that name.

    Raises:
        Failed: There is none.
    """
    directory = workspace / "uploads" / name
    if not _NAME.match(name) or not Upload(directory).is_here:
        raise Failed(
            "These files are not here any more.",
            kind="UnknownName",
            status=404,
            hint="Drop them on the Sources page again.",
        )
    return Upload(directory)


def all_of(workspace: Path) -> list[Upload]:
    """Every upload that is known, newest first; of those imported only the mapping is kept."""
    root = workspace / "uploads"
    if not root.is_dir():
        return []
    found = [p for p in root.iterdir() if _NAME.match(p.name) and p.is_dir()]
    return [Upload(p) for p in sorted(found, key=lambda p: p.stat().st_mtime, reverse=True)]


def sweep(workspace: Path) -> None:
    """Remove files that were dropped days ago and never imported."""
    oldest = time.time() - KEPT_DAYS * 86400
    for upload in all_of(workspace):
        with suppress(OSError):
            if upload.directory.stat().st_mtime < oldest:
                upload.drop()
                if not upload.batches:
                    shutil.rmtree(upload.directory, ignore_errors=True)


def mapping(workspace: Path, name: str) -> str:
    """The mapping an upload was imported with.

    Raises:
        Failed: There is none.
    """
    text = Upload(workspace / "uploads" / name).toml if _NAME.match(name) else ""
    if not text:
        raise Failed("This mapping is not here any more.", kind="UnknownName", status=404, hint="Drop the files again.")
    return text


def forget(workspace: Path) -> None:
    """Remove every uploaded file: somebody was erased, and raw files may name them."""
    for upload in all_of(workspace):
        shutil.rmtree(upload.directory, ignore_errors=True)


class _Receiver:
    """Takes a multipart body apart as it arrives; the token must come before the first file."""

    def __init__(self, request: Request, directory: Path) -> None:
        self._request = request
        self._directory = directory
        self._heads: dict[str, bytes] = {}
        self._head = b""
        self._file: BinaryIO | None = None
        self._field: bytearray | None = None
        self._name = ""
        self._trusted = False
        self.names: list[str] = []

    def trust(self, token: str) -> None:
        """Check the token of the session."""
        check_token(self._request, token)
        self._trusted = True

    def on_part_begin(self) -> None:
        self._heads = {}

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._head += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        key = self._head.decode("latin-1").lower()
        self._heads[key] = self._heads.get(key, b"") + data[start:end]

    def on_header_end(self) -> None:
        self._head = b""

    def on_headers_finished(self) -> None:
        options: dict[bytes, bytes] = parse_options_header(self._heads.get("content-disposition", b""))[1]
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        named = options.get(b"filename")
        self._file, self._field = None, None
        if named is None:
            self._field = bytearray()
            return
        if not self._trusted:
            self.trust("")
        name = safe_name(named.decode("utf-8", "replace"), taken=self.names)
        if not named:
            return
        if len(self.names) >= MOST_FILES:
            raise Failed(f"At most {MOST_FILES} files are taken at once.", kind="BadInput", status=413)
        self.names.append(name)
        self._file = (self._directory / name).open("wb")

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._file.write(data[start:end])
        elif self._field is not None and len(self._field) < 4096:
            self._field += data[start:end]

    def on_part_end(self) -> None:
        if self._file is not None:
            self._file.close()
        elif self._name == "token" and self._field is not None and not self._trusted:
            self.trust(self._field.decode("latin-1"))

    def close(self) -> None:
        """Close a file that was cut off."""
        if self._file is not None:
            self._file.close()


async def receive(request: Request, workspace: Path) -> Upload:
    """Stream the files of a form into the workspace.

    Raises:
        Failed: No token of this session, too large, no room on the disk, no files, or a body that cannot be read.
    """
    boundary = parse_options_header(request.headers.get("content-type", ""))[1].get(b"boundary")
    if boundary is None:
        check_token(request, request.headers.get("x-regard-token", ""))
        raise Failed("No files came with this form.", kind="BadInput", status=400, hint="Choose at least one file.")
    directory = workspace / "uploads" / secrets.token_hex(12)
    (directory / "files").mkdir(parents=True)
    receiver = _Receiver(request, directory / "files")
    try:
        if "x-regard-token" in request.headers:
            receiver.trust(request.headers["x-regard-token"])
        await _stream(request, receiver, boundary, directory)
        _check_any(receiver.names)
    except BaseException:
        receiver.close()
        shutil.rmtree(directory, ignore_errors=True)
        raise
    return Upload(directory)


def _check_any(names: list[str]) -> None:
    if not names:
        raise Failed("No files came with this form.", kind="BadInput", status=400, hint="Choose at least one file.")


async def _stream(request: Request, receiver: _Receiver, boundary: bytes, directory: Path) -> None:
    callbacks: Any = {n: getattr(receiver, n) for n in dir(receiver) if n.startswith("on_")}
    parser = MultipartParser(boundary, callbacks)
    size, room = 0, shutil.disk_usage(directory).free - KEEP_FREE
    try:
        async for block in request.stream():
            size += len(block)
            if size > min(LARGEST, room):
                raise Failed(
                    "These files are larger than what fits here.", kind="BadInput", status=413,
                    hint="Free some disk, or import them where they are, on the command line: regard import FILE",
                )  # fmt: skip
            parser.write(block)
        parser.finalize()
    except FormParserError as error:
        raise Failed("The files did not arrive whole.", kind="BadInput", status=400, hint="Send them again.") from error


def safe_name(given: str, *, taken: list[str]) -> str:
    """A file name without directories or odd characters, unlike the ones taken."""
    plain = re.sub(r"[^\w.\- ()+]", "_", given.replace("\\", "/").rpartition("/")[2]).strip(". ")[-120:] or "file"
    name, number = plain, 2
    while name in taken:
        stem, dot, ending = plain.partition(".")
        name, number = f"{stem}-{number}{dot}{ending}", number + 1
    return name
