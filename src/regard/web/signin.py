"""Who may see the pages: a link that works once, a signed cookie, and a token in every form.

Until there are accounts, whoever can read the terminal is who may look. The secret and the unused links are kept in the
workspace, readable by its owner only, so that a restart keeps people signed in and a used link stays used.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

LINK_SECONDS = 15 * 60
SESSION_SECONDS = 30 * 24 * 3600
MOST_LINKS = 20


class Kept(msgspec.Struct, kw_only=True):
    """What is kept: the secret, and hashes of unused links and of ended sessions, each with its last second."""

    secret: str
    links: dict[str, float] = {}
    ended: dict[str, float] = {}


class Door:
    """Makes links, opens sessions, checks cookies and tokens.

    Args:
        workspace: Where the secret is kept, in ``pages/sign-in.json``.
    """

    def __init__(self, workspace: Path) -> None:
        self._path = workspace / "pages" / "sign-in.json"
        self._secret = self._load().secret

    def new_key(self) -> str:
        """A key for one sign-in, 256 bits, good for a quarter of an hour."""
        key = secrets.token_urlsafe(32)
        known = self._load()
        live = {k: until for k, until in known.links.items() if until > time.time()}
        live[_hashed(key)] = time.time() + LINK_SECONDS
        known.links = dict(list(live.items())[-MOST_LINKS:])
        self._save(known)
        return key

    def use_key(self, key: str) -> str | None:
        """Spend a key: the value of a session cookie, or None for a key that is unknown, spent or too old."""
        known = self._load()
        until = known.links.pop(_hashed(key), None)
        if until is None:
            return None
        self._save(known)
        return self._session() if until > time.time() else None

    def _session(self) -> str:
        body = f"{secrets.token_urlsafe(24)}.{int(time.time()) + SESSION_SECONDS}"
        return f"{body}.{self._signed('session', body)}"

    def is_session(self, cookie: str) -> bool:
        """Whether a cookie's value was made here, has not expired and was not signed out."""
        body, _, signature = cookie.rpartition(".")
        until = body.rpartition(".")[2]
        if not hmac.compare_digest(signature.encode(), self._signed("session", body).encode()):
            return False
        return until.isdigit() and int(until) > time.time() and _hashed(body) not in self._load().ended

    def end(self, cookie: str) -> None:
        """Sign a session out for good."""
        body = cookie.rpartition(".")[0]
        known = self._load()
        known.ended = {k: until for k, until in known.ended.items() if until > time.time()}
        known.ended[_hashed(body)] = time.time() + SESSION_SECONDS
        self._save(known)

    def token(self, cookie: str) -> str:
        """The token every form of this session carries."""
        return self._signed("form", cookie)

    def is_token(self, cookie: str, token: str) -> bool:
        """Whether a form's token belongs to the session."""
        return hmac.compare_digest(token.encode(), self.token(cookie).encode())

    def _signed(self, purpose: str, text: str) -> str:
        return hmac.new(self._secret.encode(), f"{purpose}:{text}".encode(), hashlib.sha256).hexdigest()

    def _load(self) -> Kept:
        with suppress(OSError, msgspec.DecodeError):
            return msgspec.json.decode(self._path.read_bytes(), type=Kept)
        fresh = Kept(secret=secrets.token_hex(32))
        self._save(fresh)
        return fresh

    def _save(self, known: Kept) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_suffix(f".{os.getpid()}.tmp")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.encode(known))
        temporary.replace(self._path)


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
