"""A list of contracts, one a row: what its amounts are paid for, and the end some of them have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from regard.sources.mapping import Expression, Test
from regard.sources.naming import plain

if TYPE_CHECKING:
    from regard.sources.drafting import Draft
    from regard.sources.kindred import Table

_BY_NAME = (
    ("month", r"\b(mrr|monthly|per month|month|monat\w*|mensal|mensual|mensuel)\b"),
    ("year", r"\b(arr|acv|annual|yearly|per year|year|jahr\w*|anual|annuel)\b"),
    ("quarter", r"\b(quarterly|per quarter|quarter|quartal)\b"),
)
_BY_VALUE = (
    ("month", r"month|monat|mens|^(m|1m)$"),
    ("year", r"year|annual|anual|annuel|jahr|^(y|12m)$"),
    ("quarter", r"quarter|quartal|trimest|^(q|3m)$"),
)
_ENDS = re.compile(r"\b(cancel\w*|churn\w*|terminat\w*|kundig\w*|ended)\b")


def price(draft: Draft, table: Table) -> None:
    """For how long an amount is paid: a column says it, or the heading of the amount."""
    billing = table.find("billing", own=True, free_of=draft.used)
    amount = draft.columns.get("amount")
    if billing is not None:
        values = table.column(billing[0]).examples
        known: dict[str, str | int | float | bool] = {
            v: unit for v in values for unit, words in _BY_VALUE if re.search(words, v.lower())
        }
        draft.put("every", Expression(column=billing[0], map=known), billing[1].why, columns=(billing[0],))
    elif isinstance(amount, str):
        for unit, words in _BY_NAME:
            if re.search(words, plain(amount)):
                draft.put("every", Expression(value=unit), f"{amount} is an amount per {unit}")
                return


def identify(draft: Draft, table: Table) -> None:
    """Where no column names the contract but each customer stands there once, the customer does."""
    for target in ("person", "account"):
        who = draft.columns.get(target)
        if isinstance(who, str) and not {"subscription", "key"} & set(draft.columns) and table.column(who).unique:
            draft.put("subscription", who, "each customer has one contract")
            draft.put("key", who, "each customer has one contract")


def end_of(draft: Draft, table: Table, end: Draft) -> bool:
    """Fill the draft of the end beside that of the start; whether the rows tell of an end.

    A day some contracts lack ended the others; one that all have may be no more than how far they are paid.
    """
    found = table.find("ended", own=True)
    if found is None:
        return False
    name = found[0]
    if table.column(name).filled >= 1 and not _ENDS.search(plain(name)):
        return False
    if draft.columns.get("until") == name:
        del draft.columns["until"], draft.why["until"], draft.used[name]
    contract = next(
        (draft.columns[t] for t in ("subscription", "key", "person", "account") if t in draft.columns), None
    )
    if not isinstance(contract, str):
        return False
    end.put("key", Expression(text=(contract, name)), "the end of a contract is a record of its own")
    end.put("occurred_at", name, f"{found[1].why}; contracts without it go on")
    for target in ("person", "account", "subscription", "plan"):
        if target in draft.columns:
            end.put(target, draft.columns[target], draft.why[target])
    end.put("change", Expression(value="end"), f"{name} says when it ended")
    reason = table.find("reason", own=True, free_of=draft.used)
    if reason is not None:
        end.put("reason", reason[0], reason[1].why)
    end.when[name] = Test(empty=False)
    return True
