"""Indicators proposed from what is in the log: measurements that say how many went well, and events met with errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regard.signals.declarations import Indicator
from regard.wording import listed, percent, title

if TYPE_CHECKING:
    import duckdb

MOST = 6
"""Indicators proposed at most of each kind of signal."""

LEAST_ROWS = 100
LEAST_CUSTOMERS = 20
LEAST_ERRORS = 0.001
"""Share of an event's rows that carry an error, below which its error is no matter."""

NEEDED = (1.0, 0.95, 0.9, 0.8)
"""Shares of a customer's attempts that may be needed, the strictest first that nine of ten customers reach."""

_MEASURED = """
WITH each AS (
    SELECT name, customer, sum(good) AS good, sum(total) AS total, count(*) AS rows
    FROM lake_telemetry WHERE total > 0 AND good IS NOT NULL AND customer IS NOT NULL GROUP BY name, customer
)
SELECT name, sum(rows), count(*), sum(good) / sum(total), {shares} FROM each
GROUP BY name HAVING sum(rows) >= $rows AND count(*) >= $customers ORDER BY sum(total) DESC, name LIMIT $most"""

_MET = """
WITH each AS (
    SELECT name, customer, count(*) FILTER (coalesce(error, '') = '') AS good, count(*) AS total
    FROM lake_event WHERE customer IS NOT NULL GROUP BY name, customer
)
SELECT name, sum(total), count(*), sum(good) / sum(total), {shares} FROM each
GROUP BY name HAVING sum(total) >= $rows AND count(*) >= $customers AND sum(good) <= (1 - $errors) * sum(total)
ORDER BY sum(total) - sum(good) DESC, name LIMIT $most"""


def propose_indicators(connection: duckdb.DuckDBPyConnection, reasons: list[str]) -> tuple[Indicator, ...]:
    """Indicators for what is in the log; none where nothing there says whether it went well.

    Args:
        connection: With the views lake_KIND.
        reasons: Takes a sentence that says why.
    """
    shares = ", ".join(f"avg(CAST(good >= {needed} * total - 1e-9 AS DOUBLE))" for needed in NEEDED)
    given = {"rows": LEAST_ROWS, "customers": LEAST_CUSTOMERS, "most": MOST}
    found = connection.execute(_MEASURED.format(shares=shares), given).fetchall()
    found += connection.execute(_MET.format(shares=shares), {**given, "errors": LEAST_ERRORS}).fetchall()
    made: dict[str, Indicator] = {}
    for name, _, _, _, *reached in found:
        needed = next((n for n, share in zip(NEEDED, reached, strict=True) if share >= 0.9), NEEDED[-1])
        called = f"{title(name).removesuffix(' ok')} works"
        made.setdefault(called, Indicator(name=called, total=name, needed=needed))
    if made:
        told = [
            f"{name} ({percent(share, 1)} went well, {customers:,} customers)"
            for name, _, customers, share, *_ in found
        ]
        reasons.append(
            f"Indicators: {listed(told, most=MOST)}: what customers tried and what says whether it went well; "
            "set targets, and name what is missing."
        )
    return tuple(made.values())
