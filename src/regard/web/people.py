"""One customer's rights: everything known of them as a file, and erasure everywhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from starlette.responses import RedirectResponse, Response

from regard.web import jobs, uploads
from regard.web.forms import form_of
from regard.web.frame import house
from regard.web.workers import Failed

if TYPE_CHECKING:
    from starlette.requests import Request


async def export(request: Request) -> Response:
    """Everything known of one customer, as JSON."""
    customer = request.query_params.get("customer", "").replace("\0", "").strip()
    if not customer:
        raise Failed(
            "Whom do you mean?", kind="BadInput", status=400, where="customer", hint="Open the customer's page first."
        )
    body = await house(request).workers.call("export", {"customer": customer})
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", customer)[:60] or "customer"
    return Response(
        body, media_type="application/json", headers={"content-disposition": f'attachment; filename="{name}.json"'}
    )


async def erase(request: Request) -> Response:
    """Erase one customer everywhere; the id must be written out, so that nobody is erased by a slip."""
    form = await form_of(request)
    customer = form.get("customer", "").strip()
    if not customer or form.get("written", "").strip() != customer:
        raise Failed(
            "Nobody was erased: the id written does not match.", kind="BadInput", status=400, where=customer,
            hint="Write the customer's id exactly as the dialog shows it.",
        )  # fmt: skip
    here = house(request)

    def forgotten(_: Any) -> None:
        here.renew()
        uploads.forget(here.workspace)

    job = jobs.start(
        here, f"Erasing {customer}", "erase", {"customer": customer}, back="/customers", finished=forgotten
    )
    return RedirectResponse(f"/sources/work/{job.id}", 303)


ROUTES: list[tuple[str, Any, list[str]]] = [
    ("/people/export", export, ["GET"]),
    ("/people/erase", erase, ["POST"]),
]
