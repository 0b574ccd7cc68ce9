"""Forms and uploads: read in bounded memory, refused without the token of the session."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from regard.web.frame import house
from regard.web.workers import Failed

if TYPE_CHECKING:
    from starlette.requests import Request

LARGEST_FORM = 1024 * 1024


class Form(dict[str, str]):
    """The fields of a form; where a name came several times, `lists` has them all."""

    lists: dict[str, list[str]]


async def form_of(request: Request) -> Form:
    """The fields of an urlencoded form of this session.

    Raises:
        Failed: It carries no token of this session, is too large or is not a form.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await _body(request)
    pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=5000) if body else []
    given = dict(pairs)
    check_token(request, request.headers.get("x-regard-token") or given.get("token", ""))
    if kind not in {"", "application/x-www-form-urlencoded"}:
        raise Failed("This form was sent in a way that cannot be read.", kind="BadInput", status=400, where=kind)
    form = Form({k: v.replace("\0", "") for k, v in pairs})
    form.lists = {}
    for name, value in pairs:
        form.lists.setdefault(name, []).append(value.replace("\0", ""))
    return form


def check_token(request: Request, token: str) -> None:
    """Refuse what does not carry the token of this session.

    Raises:
        Failed: It does not.
    """
    session = request.scope.get("regard.session", "")
    if not session or not token or not house(request).door.is_token(session, token):
        raise Failed(
            "This form has expired or came from somewhere else.", kind="NotPermitted", status=403,
            hint="Reload the page and send it again.",
        )  # fmt: skip


async def _body(request: Request) -> bytes:
    parts, size = [], 0
    async for block in request.stream():
        size += len(block)
        if size > LARGEST_FORM:
            raise Failed(
                "This form is larger than 1 MB.", kind="BadInput", status=413, hint="Files go to the Sources page."
            )
        parts.append(block)
    return b"".join(parts)
