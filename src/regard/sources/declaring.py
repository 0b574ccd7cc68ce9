"""Declarations proposed from what is in the log: what a customer is, when one is lost, what is counted, the journey.

Only what a person has not declared is proposed; each proposal says why, so that it can be confirmed or corrected.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

import duckdb
import msgspec
from msgspec import Meta

from regard.signals.declarations import CustomerBase, Declarations, Dimension, Value
from regard.sources.indicating import propose_indicators
from regard.sources.journeys import propose_stages
from regard.wording import number, percent

SAMPLE = 100_000
MANY = 400_000  # rows of a kind from which on one in sixteen customers tells their rhythm well enough
LABEL_VALUES = 100
LABELLED = ("profile", "order", "answer", "contact", "review", "event", "promise", "subscription")
METRICS = ("nps", "csat", "ces", "stars")


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """Declarations proposed, with why."""

    declarations: Annotated[Declarations, Meta(description="What was declared, completed by what is proposed.")]
    reasons: Annotated[tuple[str, ...], Meta(description="A sentence for each proposal.")] = ()


@dataclass(kw_only=True)
class _Log:
    """What the proposals look at, and what they found."""

    connection: duckdb.DuckDBPyConnection
    counts: dict[str, int] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()

    def has(self, kind: str) -> bool:
        return self.counts.get(kind, 0) > 0


def propose(connection: duckdb.DuckDBPyConnection, declared: Declarations) -> Proposal:
    """Declarations for what is in the log.

    Args:
        connection: With the views lake_KIND.
        declared: Those in force; whatever differs from its default there is kept.
    """
    log = _Log(connection=connection)
    for kind in ("event", "answer", "contact", "review", "order", "subscription", "promise", "profile"):
        log.counts[kind] = int(log.rows(f"SELECT count(*) FROM lake_{kind}")[0][0])
    proposed: dict[str, Any] = {
        "customer": _customer(log),
        "currency": _currency(log),
        "value": _value(log),
        "base": _base(log),
        "metric": _metric(log),
        "dimensions": _dimensions(log),
        "stages": propose_stages(connection, log.counts, log.reasons),
        "indicators": propose_indicators(connection, log.reasons),
    }
    blank = Declarations()
    changes = {k: v for k, v in proposed.items() if getattr(declared, k) == getattr(blank, k)}
    if declared.time_zone == "UTC" and any(log.counts.values()):
        log.reasons.append(
            "Time zone: days and weeks are counted in UTC; set time_zone if the company's days are meant."
        )
    return Proposal(declarations=msgspec.structs.replace(declared, **changes), reasons=tuple(log.reasons))


def _customer(log: _Log) -> str:
    """An account where contracts or orders are held by accounts with several people, else a person."""
    for kind in ("subscription", "order", "profile"):
        if not log.has(kind):
            continue
        sql = (
            "SELECT count(account), count(person), count(DISTINCT account), count(DISTINCT person), count(*) "
            f"FROM (FROM lake_{kind} LIMIT {SAMPLE})"
        )
        with_account, _, accounts, people, rows = log.rows(sql)[0]
        if with_account >= 0.9 * rows and accounts > 1:
            share = percent(with_account / rows)
            log.reasons.append(
                f"Customer: an account, because {share} of {kind} signals name one "
                f"({number(accounts)} accounts, {number(people)} people)."
            )
            return "account"
    if any(log.counts.values()):
        log.reasons.append("Customer: a person, because contracts and orders do not name accounts throughout.")
    return "person"


def _currency(log: _Log) -> str:
    found: dict[str, int] = {}
    for kind in ("order", "subscription"):
        if log.has(kind):
            for code, n in log.rows(f"SELECT upper(currency), count(*) FROM lake_{kind} GROUP BY 1"):
                found[code or ""] = found.get(code or "", 0) + n
    named = {code: n for code, n in found.items() if code}
    if not named:
        if found:
            log.reasons.append("Currency: amounts carry none; set currency so that money is named.")
        return ""
    code = max(named, key=lambda c: named[c])
    share = percent(named[code] / sum(found.values()))
    rest = f"; the others ({', '.join(sorted(set(named) - {code}))}) need dated rates" if len(named) > 1 else ""
    log.reasons.append(f"Currency: {code}, because {share} of amounts are in it{rest}.")
    return code


def _value(log: _Log) -> Value:
    if log.has("subscription"):
        log.reasons.append("Value: recurring, because there are subscriptions: the yearly amount of the active ones.")
        return Value(kind="recurring")
    if log.has("order"):
        log.reasons.append("Value: trailing, because there are orders and no contracts: what the last year brought.")
        return Value(kind="trailing", days=365)
    return Value()


def _base(log: _Log) -> CustomerBase:
    """When a customer is lost: by contract, else after a silence that few of those who came back ever kept."""
    if log.has("subscription"):
        log.reasons.append("Lost: when the last subscription ends.")
        return CustomerBase(lost="subscription ends")
    for kind, lost in (("order", "no order"), ("event", "no activity")):
        if not log.has(kind):
            continue
        repeat, customers, gap = _gaps(log, kind)
        if not customers:
            continue
        days = min(max(round((gap or 365) / 30) * 30, 30), 730)
        if repeat < 0.1 * customers:
            days = 365
            log.reasons.append(
                f"Lost: after {days} days without; {percent(1 - repeat / customers)} of customers came only once, "
                "so who is lost and who was never to return cannot be told apart."
            )
        else:
            log.reasons.append(
                f"Lost: after {days} days without, because 19 of 20 gaps between two visits of the "
                f"{number(repeat)} customers who came back were shorter."
            )
        return CustomerBase(lost=lost, days=days)  # type: ignore[arg-type]
    if any(log.counts.values()):
        log.reasons.append(
            "Lost: nothing is proposed, because no orders, subscriptions or events with a known customer are here; "
            "without them nobody can tell who is in the base."
        )
    return CustomerBase()


def _gaps(log: _Log, kind: str) -> tuple[int, int, float | None]:
    """Customers who came on more than one day, all customers, and the 95th percentile of days between visits."""
    some = "AND customer % 16 = 0" if log.counts[kind] > MANY else ""
    sql = f"""
        WITH days AS (SELECT DISTINCT customer, CAST(occurred_at AS DATE) AS day FROM lake_{kind}
                      WHERE customer IS NOT NULL AND occurred_at IS NOT NULL {some}),
             gaps AS (SELECT customer, day - lag(day) OVER (PARTITION BY customer ORDER BY day) AS gap FROM days)
        SELECT count(DISTINCT customer) FILTER (gap IS NOT NULL), count(DISTINCT customer),
               quantile_cont(gap, 0.95) FILTER (gap IS NOT NULL) FROM gaps"""
    repeat, customers, gap = log.rows(sql)[0]
    return int(repeat), int(customers), None if gap is None else float(gap)


def _metric(log: _Log) -> str:
    found: dict[str, int] = {}
    for kind, whole in (("answer", "AND part IS NULL"), ("review", "")):
        if log.has(kind):
            sql = f"SELECT metric, count(*) FROM lake_{kind} WHERE score IS NOT NULL {whole} GROUP BY 1"
            for metric, n in log.rows(sql):
                found[metric or ""] = found.get(metric or "", 0) + n
    found.pop("", None)
    if not found:
        return ""
    most = max(found.values())  # of those asked about as often, the one people know best
    rank = {m: i for i, m in enumerate(METRICS)}
    metric = min((m for m, n in found.items() if n >= most / 2), key=lambda m: (rank.get(m, 9), -found[m], m))
    log.reasons.append(f"Score shown first: {metric}, because there are {number(found[metric])} scores of it.")
    return metric


def _dimensions(log: _Log) -> tuple[Dimension, ...]:
    """Labels with few values: of the customer where profiles carry them, else of the signal."""
    found: dict[str, Dimension] = {}
    told: list[str] = []
    for kind in LABELLED:
        if not log.has(kind):
            continue
        sql = f"""
            SELECT key, count(DISTINCT value), count(*) FROM (
                SELECT unnest(json_keys(labels)) AS key, labels ->> ('$."' || replace(key, '"', '\\"') || '"') AS value
                FROM (SELECT labels FROM lake_{kind} WHERE labels IS NOT NULL LIMIT {SAMPLE}))
            GROUP BY key ORDER BY count(*) DESC, key"""
        for key, values, _ in log.rows(sql):
            if key in found or not 2 <= values <= LABEL_VALUES or len(found) >= 12:
                continue
            of = "customer" if kind == "profile" else "signal"
            found[key] = Dimension(name=_plain(key), label="" if _plain(key) == key else key, title=_title(key), of=of)  # type: ignore[arg-type]
            told.append(f"{key} ({number(values)} values, of the {of})")
    if told:
        log.reasons.append(f"Dimensions: {', '.join(told)}: labels with at most {LABEL_VALUES} values.")
    return tuple(found.values())


def _plain(label: str) -> str:
    return "_".join(label.lower().split()).replace("-", "_")


def _title(label: str) -> str:
    words = label.replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]
