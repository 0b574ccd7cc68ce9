"""From a number to the customers behind it: which rows of which question stand for whom.

A trail is a link on a cell: a customer's name leads to the customer, a count to "show the customers" with the same
scope, a slice to the same question with that slice alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from regard.web.slices import Slice

CUSTOMER, LIST, VERBATIMS = "/customers/customer", "/customers/list", "/listening/verbatims"
LEDGER = ("opening", "new", "returned", "moved in", "moved out", "lost", "grown", "shrunk", "exchange", "closing")


def trails(path: str, row: Mapping[str, Any], seen: Slice) -> dict[str, str]:
    """Column name to the address its cell leads to.

    Args:
        path: The question.
        row: One row of one of its tables.
        seen: The scope in view; every address keeps it.
    """
    found: dict[str, str] = {}
    if known := _customer(row, seen):
        found |= {"name": known} if row.get("name") else {"customer" if "customer" in row else "id": known}
    by, value = seen.scope.get("by"), row.get("slice")
    if by and value not in (None, "", "all", "unknown"):
        found["slice"] = seen.with_arguments(f"/{path}", by="", where=[*seen.scope.get("where", []), f"{by}={value}"])
    if rule := _RULES.get(path):
        found |= rule(row, seen)
    return found


def _customer(row: Mapping[str, Any], seen: Slice) -> str:
    who = row.get("customer") if isinstance(row.get("customer"), str) else row.get("id")
    if not isinstance(who, str) or not who or "name" not in row:
        return ""
    return seen.link(CUSTOMER, {"id": who})


def _ledger(row: Mapping[str, Any], seen: Slice) -> dict[str, str]:
    line = row.get("line")
    if line not in LEDGER or not row.get("customers"):
        return {}
    return {"customers": seen.link(LIST, {"who": "base" if line == "closing" else line})}


def _stage(row: Mapping[str, Any], seen: Slice) -> dict[str, str]:
    if not row.get("stage"):
        return {}
    place = {"who": "stage", "stage": row["stage"], "moment": row.get("moment") or ""}
    return {
        n: seen.link(LIST, place) for n in ("customers", "came", "reached", "volume", "moment", "stage") if n in row
    }


def _contacts(row: Mapping[str, Any], seen: Slice) -> dict[str, str]:
    if not row.get("area") or row["area"] == "all" or "verbatim" in row:
        return {}
    issue = row.get("issue") or ""
    where = [*seen.scope.get("where", []), f"area={row['area']}", *([f"issue={issue}"] if issue else [])]
    return {
        "customers": seen.link(LIST, {"who": "contacted"}, where=where),
        "area": seen.link(VERBATIMS, {"kind": "contact", "area": row["area"], "issue": issue}),
    }


def _promises(row: Mapping[str, Any], seen: Slice) -> dict[str, str]:
    broken = seen.link(LIST, {"who": "broken-promise"})
    return {n: broken for n in ("broken", "late", "never") if row.get(n)} if row.get("promise") == "all" else {}


_RULES: dict[str, Callable[[Mapping[str, Any], Slice], dict[str, str]]] = {
    "customers/ledger": _ledger,
    "journey/map": _stage,
    "journey/promises": _promises,
    "listening/contacts": _contacts,
}
FIRST_TABLES = {"customers/customer": ("waiting", "people", "contracts", "rows")}
"""Tables shown before the others, where the order of a finding's fields is not the order people read in."""
SHEET_ONLY = {"customers/customer": {"key", "instant", "until", "unit", "currency"}}
"""Columns that only machines read, or that are said with the amount beside them: in the CSV, not on the page."""
