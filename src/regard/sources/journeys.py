"""Stages and moments proposed from what is in the log, in the order customers first meet them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

import duckdb

from regard.signals.declarations import Moment, Stage

MOMENTS = 6
EVENT_STAGES = 4
_WORDS = re.compile(r"[^_.:/ \-]+")


def propose_stages(
    connection: duckdb.DuckDBPyConnection, counts: Mapping[str, int], reasons: list[str]
) -> tuple[Stage, ...]:
    """A journey from the kinds of signal there are and the first words of event names.

    Args:
        connection: With the views lake_KIND.
        counts: Signals of each kind.
        reasons: Takes why.
    """
    placed: list[tuple[float, Stage]] = []
    buying = _buying(counts)
    bought = _since_first(connection, "order" if counts.get("order") else "subscription") if buying else 0.0
    for at, stage in _event_stages(connection, counts):
        placed.append((min(at, 0.98) if at < bought or not buying else 1.1 + min(at / 1e6, 0.8), stage))
    if buying:
        placed.append((1.0, buying))
    for at, name, kind, field, selector in (
        (2.0, "Receive", "promise", "promise", "promises"),
        (3.0, "Get help", "contact", "area", "areas"),
        (4.0, "Tell us", "answer", "survey", "surveys"),
    ):
        if counts.get(kind):
            placed.append((at, Stage(name=name, moments=_named(connection, kind, field, selector, name))))
    if counts.get("review"):
        placed.append((4.5, Stage(name="Review", moments=(Moment(name="Review", kinds=("review",)),))))
    if counts.get("subscription"):
        kinds = tuple(f"subscription:{change}" for change in ("renewal", "end"))
        placed.append(
            (5.0, Stage(name="Come back", moments=tuple(Moment(name=_title(k[13:]), kinds=(k,)) for k in kinds)))
        )
    stages = tuple(stage for _, stage in sorted(placed, key=lambda p: p[0]))
    if stages:
        names = ", ".join(s.name for s in stages)
        reasons.append(f"Journey: {names}, from the kinds of signal here, in the order customers first meet them.")
    return stages


def _buying(counts: Mapping[str, int]) -> Stage | None:
    moments = []
    if counts.get("order"):
        moments.append(Moment(name="Order", kinds=("order",)))
    if counts.get("subscription"):
        moments.append(Moment(name="Contract", kinds=("subscription:start", "subscription:change")))
    return Stage(name="Buy", moments=tuple(moments)) if moments else None


def _named(
    connection: duckdb.DuckDBPyConnection, kind: str, field: str, selector: str, whole: str
) -> tuple[Moment, ...]:
    """A moment for each of the commonest names; the kind as a whole where there are none."""
    sql = f'SELECT "{field}", count(*) FROM lake_{kind} WHERE "{field}" IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1'
    rows = connection.execute(f"{sql} LIMIT {MOMENTS + 1}").fetchall()
    if not 1 <= len(rows) <= MOMENTS:
        return (Moment(name=whole, kinds=(kind,)),)
    return tuple(Moment(name=_title(name), **{selector: (name,)}) for name, _ in rows)


def _event_stages(connection: duckdb.DuckDBPyConnection, counts: Mapping[str, int]) -> list[tuple[float, Stage]]:
    """Events grouped by their first word, the commonest groups, each with when customers first meet it (days)."""
    if not counts.get("event"):
        return []
    rows = connection.execute(
        "SELECT name, count(*) FROM lake_event GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 200"
    ).fetchall()
    total: Counter[str] = Counter()
    names: dict[str, list[str]] = {}
    for name, n in rows:
        word = (_WORDS.findall(name or "") or ["event"])[0]
        total[word] += n
        names.setdefault(word, []).append(name)
    out = []
    for word, _ in total.most_common(EVENT_STAGES):
        moments = tuple(Moment(name=_title(n), events=(n,)) for n in names[word][:MOMENTS])
        if len(names[word]) > MOMENTS:
            moments = (Moment(name=_title(word), events=(f"{word}*",)),)
        out.append((_since_first(connection, "event", names[word]), Stage(name=_title(word), moments=moments)))
    return out


def _since_first(connection: duckdb.DuckDBPyConnection, kind: str, names: list[str] | None = None) -> float:
    """Median days from a customer's first order, event or contract to the first signal of this kind (and name)."""
    some = "customer IS NOT NULL AND customer % 16 = 0" if _large(connection, kind) else "customer IS NOT NULL"
    starts = " UNION ALL ".join(
        f"SELECT customer, min(occurred_at) AS first FROM lake_{k} WHERE {some} GROUP BY 1"
        for k in ("event", "order", "subscription")
    )
    which = "AND name IN (SELECT unnest($names))" if names else ""
    sql = f"""
        WITH starts AS (SELECT customer, min(first) AS first FROM ({starts}) GROUP BY 1),
             firsts AS (SELECT customer, min(occurred_at) AS first FROM lake_{kind} WHERE {some} {which} GROUP BY 1)
        SELECT median(epoch_us(f.first) - epoch_us(s.first)) / 86400e6 FROM firsts f JOIN starts s USING (customer)"""
    found = connection.execute(sql, {"names": names} if names else {}).fetchone()
    return float(found[0]) if found and found[0] is not None else 0.0


def _large(connection: duckdb.DuckDBPyConnection, kind: str) -> bool:
    row = connection.execute(f"SELECT count(*) FROM lake_{kind}").fetchone()
    return bool(row and row[0] > 2_000_000)


def _title(name: str) -> str:
    words = re.sub(r"[_\-.:/]+", " ", name).strip()
    return (words[:1].upper() + words[1:]) or "Event"
