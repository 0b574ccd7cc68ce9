"""Secrets of receivers: named, not kept. State holds where a secret is read from, an environment variable or a file."""

from __future__ import annotations

import os
from pathlib import Path

from regard.errors import BadInput

LONGEST = 4096


def check(reference: str) -> str:
    """A reference to a secret as it is kept: env:NAME or file:PATH; empty stays empty.

    Raises:
        BadInput: It is neither; a secret itself is refused, since it would be kept and shown.
    """
    how, _, rest = reference.partition(":")
    if reference and (how not in {"env", "file"} or not rest.strip()):
        hint = "Put it in an environment variable or a file and name that: env:REGARD_HOOK_SECRET or file:/run/hook"
        raise BadInput("A secret is named, not given.", where="secret", hint=hint)
    return reference


def read(reference: str) -> str:
    """What a reference leads to, without the line's end.

    Raises:
        BadInput: It leads nowhere.
    """
    how, _, rest = check(reference).partition(":")
    if not reference:
        return ""
    if how == "env":
        found = os.environ.get(rest, "")
        if not found:
            hint = "Set it where Regard is started."
            raise BadInput(f"The environment variable {rest} is empty or not set.", where="secret", hint=hint)
        return found.strip()
    try:
        found = Path(rest).read_text("utf-8")[:LONGEST].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"The file of the secret cannot be read: {error}.", where=rest, hint="Check its path."
        ) from error
    if not found:
        raise BadInput("The file of the secret is empty.", where=rest, hint="Put the secret on its first line.")
    return found
