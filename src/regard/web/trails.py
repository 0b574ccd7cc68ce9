"""From a number to the customers behind it: which rows of which question stand for whom.

A trail is a link on a cell: a customer's name leads to the customer, a count to "show the customers" with the same
scope, a slice to the same question with that slice alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regard.figures.drawing import clean
from regard.wording import sentence

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


def marks(path: str, finding: Mapping[str, Any], seen: Slice) -> dict[str, str]:
    """What a mark of a question's figure stands for to the customers behind it.

    Args:
        path: The question.
        finding: Its answer; the same rows that the figure draws.
        seen: The scope in view; every address keeps it.
    """
    key, column = _MARKS.get(path, ("slice", "slice"))
    seen = seen.answered(finding)
    found: dict[str, str] = {}
    for row in finding.get("rows") or ():
        way = trails(path, row, seen).get(column, "")
        between = " → " if " → " in key else " · "
        names = [str(row.get(part) or "") for part in key.split(between)]
        if way and not row.get("moment") and row.get("slice", "all") in {"all", names[0]}:
            drawn = between.join(names)
            found.setdefault(sentence(drawn) if path == "customers/ledger" else clean(drawn), way)
    for row in finding.get("steps") or () if path == "journey/discovered" else ():
        found.setdefault(clean(row["step"]), trails(path, row, seen)["customers"])
    for row in finding.get("curve") or () if path == "journey/retention" else ():
        if counted := trails(path, row, seen).get("came"):
            found.setdefault(f"all · {row['later']}", counted)
    return found


def behind(path: str, finding: Mapping[str, Any], seen: Slice) -> dict[str, str]:
    """Name of a single number to the address of the customers behind it; only where there are any."""
    ways = _BEHIND.get(path, {})
    return {name: seen.link(LIST, {"who": who}) for name, who in ways.items() if finding.get(name)}


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
    said = seen.link(VERBATIMS, {"kind": "contact", "area": row["area"], "issue": row.get("issue") or ""})
    return {"customers": said, "area": said}


def _promises(row: Mapping[str, Any], seen: Slice) -> dict[str, str]:
    broken = seen.link(LIST, {"who": "broken-promise"})
    return {n: broken for n in ("broken", "late", "never") if row.get(n)} if row.get("promise") == "all" else {}


def _paths(row: Mapping[str, Any], seen: Slice) -> dict[str, str]:
    """A step of a tree: its name leads on from there, its number to its customers."""
    if not row.get("path"):
        return {} if not row.get("step") else {"step": seen.with_arguments("/journey/paths", start=row["step"])}
    window = seen.arguments.get("window", "7d")
    who = seen.link(LIST, {"who": "walked", "path": row["path"], "window": window})
    on = "" if row.get("step", "").startswith("(") or seen.arguments.get("target") else row["path"]
    same = not (seen.arguments.get("target") or seen.arguments.get("among") or seen.scope.get("by"))
    found = {"customers": who} if same else {}  # those of a target, of some steps, or of one group are fewer
    return found | ({"path": seen.with_arguments("/journey/paths", start=on)} if on else {})


def _discovered(row: Mapping[str, Any], seen: Slice) -> dict[str, str]:
    """A move leads to the ways on from its first step; a step to its customers."""
    if row.get("source") and row.get("target"):
        on = seen.link("/journey/paths", {"start": row["source"], "window": seen.arguments.get("window", "7d")})
        return {"source": on, "share": on}
    if row.get("step"):
        return {
            "step": seen.link("/journey/paths", {"start": row["step"]}),
            "customers": seen.link(LIST, {"who": "did", "path": row["step"]}),
        }
    return {}


def _funnel(row: Mapping[str, Any], seen: Slice) -> dict[str, str]:
    if not row.get("path") or row.get("slice") != "all":
        return {}
    window = seen.arguments.get("window", "7d")
    return {
        "customers": seen.link(LIST, {"who": "reached", "path": row["path"], "window": window}),
        "stage": seen.link("/journey/paths", {"start": row["stage"], "window": window}),
    }


def _before_loss(row: Mapping[str, Any], seen: Slice) -> dict[str, str]:
    """A path leads to those who are here and took it lately; its name to the ways on from its first step."""
    if not row.get("path"):
        return {}
    window = seen.arguments.get("window", "60d")
    who = seen.link(LIST, {"who": "took", "path": row["path"], "window": window})
    on = seen.link("/journey/paths", {"start": row["path"].split(" → ", maxsplit=1)[0]})
    return {"path": on} | ({"now": who, "value": who} if row.get("now") else {})


def _retention(row: Mapping[str, Any], seen: Slice) -> dict[str, str]:
    """A cell leads to those who were there again, and to those who were not."""
    if not row.get("cell"):
        return {}
    path = f"{seen.arguments.get('start', '')} → {seen.arguments.get('back', '')}"
    given = {"path": path, "cohort": row["cell"]}
    return {
        name: seen.link(LIST, {"who": who, **given})
        for name, who in (("came", "came-back"), ("away", "stayed-away")) if row.get(name)
    }  # fmt: skip


def _deflection(row: Mapping[str, Any], seen: Slice) -> dict[str, str]:
    """An article leads to those who asked all the same, and to those who did not."""
    if not row.get("cell"):
        return {}
    given = {"path": row["cell"], "window": seen.arguments.get("within", "72h")}
    asking, quiet = (seen.link(LIST, {"who": who, **given}) for who in ("asked-anyway", "did-not-ask"))
    found = {name: asking for name in ("asked", "asking") if row.get(name)} | ({"quiet": quiet} if row["quiet"] else {})
    return found | ({"article": asking if row.get("asked") else quiet} if row.get("views") else {})


def _products(row: Mapping[str, Any], seen: Slice) -> dict[str, str]:
    """A stage leads to what is told of it; a step to the ways on from it."""
    if row.get("step"):
        names = {n: str(row.get(n) or "") for n in ("source", "step")}
        return {n: seen.link("/journey/paths", {"start": v}) for n, v in names.items() if v and not v.startswith("(")}
    if not row.get("stage"):
        return {}
    found = {"stage": seen.with_arguments("/journey/products", stage=row["stage"])}
    if row.get("dimension"):
        where = [*seen.scope.get("where", []), f"{row['dimension']}={row['product']}"]
        found["customers"] = seen.link(LIST, {"who": "lived", "path": row["stage"]}, by="", where=where)
    return found


def _variants(row: Mapping[str, Any], seen: Slice) -> dict[str, str]:
    """A whole way leads to those who went it; its name to the ways on from its first step."""
    if not row.get("path") or "times" not in row:
        return {}
    asked = {name: seen.arguments.get(name, "") for name in ("window", "start", "target")}
    who = seen.link(LIST, {"who": "way", "path": row["path"]} | {n: v for n, v in asked.items() if v})
    on = seen.link("/journey/paths", {"start": row["path"].split(" → ", maxsplit=1)[0]})
    fewer = seen.scope.get("by") or seen.arguments.get("among")  # those of one group, or of ways with less looked at
    return {"path": on} | ({} if fewer else {"customers": who})


def _friction(row: Mapping[str, Any], seen: Slice) -> dict[str, str]:
    """A friction leads to those who met it; its step to the ways on from there."""
    if not row.get("cell"):
        return {}
    given = {"path": row["cell"], "window": seen.arguments.get("pause", "30min")}
    who = seen.link(LIST, {"who": "met-friction", **given})
    return {"friction": who, "customers": who, "step": seen.link("/journey/paths", {"start": row["step"]})}


def _served(row: Mapping[str, Any], seen: Slice) -> dict[str, str]:
    """An indicator leads to itself alone: its slices, and everybody it did not serve well."""
    if not row.get("indicator") or "not_served" not in row:
        return {}
    alone = seen.link("/reliability/served", {"indicator": row["indicator"]})
    return {"indicator": alone, "not_served": alone} if row["not_served"] else {"indicator": alone}


def _disruptions(row: Mapping[str, Any], seen: Slice) -> dict[str, str]:
    """A subset leads to its indicator alone, with everybody who is disrupted."""
    if not row.get("where") or "disrupted" not in row:
        return {}
    alone = seen.link("/reliability/disruptions", {"indicator": row["indicator"], "limit": 1000})
    return {"subset": alone, "disrupted": alone}


_RULES: dict[str, Callable[[Mapping[str, Any], Slice], dict[str, str]]] = {
    "customers/ledger": _ledger,
    "journey/before-loss": _before_loss,
    "journey/map": _stage,
    "journey/discovered": _discovered,
    "journey/friction": _friction,
    "journey/funnel": _funnel,
    "journey/paths": _paths,
    "journey/promises": _promises,
    "journey/retention": _retention,
    "journey/products": _products,
    "journey/variants": _variants,
    "listening/contacts": _contacts,
    "listening/deflection": _deflection,
    "reliability/disruptions": _disruptions,
    "reliability/served": _served,
}
_MARKS = {
    "customers/ledger": ("line", "customers"),
    "journey/before-loss": ("path", "now"),
    "journey/map": ("stage", "customers"),
    "journey/discovered": ("source → target", "source"),
    "journey/friction": ("friction", "customers"),
    "journey/funnel": ("stage", "customers"),
    "journey/paths": ("path", "path"),
    "journey/retention": ("cohort · later", "came"),
    "journey/variants": ("path", "customers"),
    "listening/contacts": ("area · issue", "customers"),
    "listening/deflection": ("article", "article"),
}
"""The fields that make a mark's key, and the column whose address it takes; elsewhere a mark is a slice."""
_BEHIND = {
    "customers/ledger": {
        "customers": "base", "value": "base", "opening": "opening", "opening_value": "opening", "lost": "lost",
        "lost_value": "lost", "churn_rate": "lost",
    },
    "journey/promises": {"broken_share": "broken-promise", "at_risk": "promise-at-risk"},
    "listening/contacts": {"n": "contacted", "rate": "contacted"},
}  # fmt: skip
"""Single numbers, and whom customers/list shows for them."""
INVITES = {
    "listening/contacts": "show what they said",
    "customers/losses": "this slice alone",
    "journey/paths": "walk on from here",
}
"""What following a mark does, where it is not showing the customers."""
CUTS = {"customers/losses": ["category", "seller"]}
"""Questions that say little in one piece, and the columns besides the dimensions that they are usually cut by."""
FIRST_TABLES = {
    "customers/customer": ("waiting", "people", "contracts", "rows"),
    "journey/retention": ("curve", "rows"),
}
"""Tables shown before the others, where the order of a finding's fields is not the order people read in."""
SHEET_ONLY = {
    "customers/customer": {"key", "instant", "until", "unit", "currency"},
    "journey/friction": {"cell", "kind"},
    "journey/products": {"measured_in"},
    "journey/retention": {"cell"},
    "listening/deflection": {"cell"},
}
"""Columns that only machines read, or that are said with the amount beside them: in the CSV, not on the page."""
STEPS = {"journey/map": {"stage": "moment"}}
"""A column and the one that names a part of it: they share a place, the part set in."""
LEADING = {
    "journey/map": ("stage", "customers", "score", "gone", "troubled_share", "contacts", "days_to_next", "value"),
    "leadership/priorities": (
        "rank",
        "improvement",
        "title",
        "what",
        "list",
        "zone",
        "chosen",
        "not_chosen",
        "net",
        "positive",
        "included",
        "cost",
        "regret",
        "value",
        "gain",
        "key",
        "worth",
        "changes",
        "why",
    ),
    "journey/discovered": ("source", "target", "customers", "share", "median_seconds", "errors", "before", "change"),
    "journey/before-loss": ("path", "ratio", "leavers", "days_before", "errors", "now", "value"),
    "journey/funnel": (
        "slice",
        "stage",
        "customers",
        "share",
        "whole",
        "median_seconds",
        "before",
        "change",
        "adjusted",
    ),
    "journey/paths": (
        "path",
        "customers",
        "share",
        "median_seconds",
        "errors",
        "change",
        "adjusted",
        "score",
        "stayed",
        "spent",
    ),
    "journey/friction": (
        "friction",
        "verdict",
        "follows",
        "customers",
        "share",
        "times",
        "lost_seconds",
        "told",
        "met",
        "without",
        "change",
        "n",
        "n_without",
        "adjusted",
        "least",
    ),
    "journey/retention": (
        "slice",
        "cohort",
        "later",
        "began",
        "n",
        "share",
        "came",
        "away",
        "before",
        "change",
        "adjusted",
    ),
    "journey/products": (
        "stage",
        "product",
        "measure",
        "value",
        "rest",
        "difference",
        "adjusted",
        "verdict",
        "alike_told",
    ),
    "journey/variants": (
        "path",
        "customers",
        "times",
        "share",
        "covered",
        "median_seconds",
        "errors",
        "change",
        "score",
        "stayed",
        "spent",
    ),
    "leadership/policies": ("policy", "uses", "customers", "judged"),
    "leadership/proof": ("change", "grade", "effect", "low", "high", "least", "on", "told"),
    "leadership/progress": ("measure", "now", "usual", "low", "high", "verdict", "told"),
    "listening/drivers": ("title", "penalty", "reward", "share", "customers", "value", "contrast"),
    "listening/contacts": ("area", "issue", "n", "customers", "rate", "before", "ratio", "direction"),
    "listening/deflection": (
        "article",
        "slice",
        "views",
        "without",
        "asked",
        "expected",
        "change",
        "adjusted",
        "about",
    ),
    "listening/scores": ("slice", "score", "n", "before", "change", "verdict"),
    "listening/silence": ("slice", "response", "verdict", "silent", "silent_value", "customers", "asked"),
    "listening/disconnects": ("name", "how", "score", "used", "used_before", "value"),
    "reliability/disruptions": (
        "name",
        "subset",
        "kind",
        "what",
        "when",
        "indicator",
        "now",
        "disrupted",
        "customers",
        "rate",
        "usual",
        "seen_from",
        "since",
        "value",
        "before",
        "mix",
        "total",
        "attempts",
        "failed",
    ),
    "journey/promises": (
        "promise",
        "slice",
        "due",
        "kept",
        "late",
        "never",
        "broken_share",
        "broken_before",
        "at_risk",
    ),
    "customers/losses": (
        "slice",
        "low_value",
        "low_share",
        "shrunk_rate",
        "beyond_chance",
        "rated_orders",
        "customers",
    ),
}
"""The columns people read first where a table has more than they can take in; the others fold."""
