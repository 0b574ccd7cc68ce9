"""Measures: numbers per customer and time that any room may group by its own frame, defined once for all statements.

The score is one. The noun ``scores`` is every score of the log, answers and reviews alike, with the class and the
value its metric's rule gives it; ``scores_ever`` leaves the period open, ``scores_whole`` the filters too. The rules in
words, and for arrays, are in ``listening/rules.py``; a test holds the two together. The noun ``worth`` is what every
customer is worth at the end of the period, as the company declares value.
"""

from __future__ import annotations

SCORES = "scores"
SCORED = ("answers", "reviews")
"""The nouns a score is read from."""

WORTH = "worth"
VALUED = {"recurring": "subscriptions", "trailing": "orders"}
"""The noun a declared value is read from."""

_RECURRING = """
SELECT customer, {sum} AS value
FROM (SELECT customer, lower(change) AS change, lead(occurred_at) OVER w AS next_at,
             amount * rate
               * CASE lower(every) WHEN 'month' THEN 12 WHEN 'quarter' THEN 4 WHEN 'year' THEN 1 END AS yearly
      FROM ({noun}) WHERE occurred_at < {until}
      WINDOW w AS (PARTITION BY customer, coalesce(subscription, key) ORDER BY occurred_at, position))
WHERE next_at IS NULL AND change <> 'end' AND customer IS NOT NULL GROUP BY customer"""

_TRAILING = """
SELECT customer, {sum} AS value
FROM ({noun}) WHERE occurred_at >= {until} - to_days({days}) AND occurred_at < {until} AND customer IS NOT NULL
GROUP BY customer"""

_CUT = "slice, slices, period, day, week, month"
_WHOLE = "slice, inside"

_GIVEN = """
SELECT '{kind}' AS kind, position * 2 + {odd} AS id, position, customer, occurred_at, {carried}, weight, about, score,
       lower(coalesce(nullif(metric, ''), '{metric}')) AS metric, {survey} AS survey, {part} AS part,
       {response} AS response, scale_min AS lowest, scale_max AS highest
FROM ({noun}) WHERE score IS NOT NULL"""

_SCALED = """
SELECT * EXCLUDE (lowest, highest),
       coalesce(lowest, CASE metric WHEN 'nps' THEN 0 WHEN 'csat' THEN 1 WHEN 'ces' THEN 1 WHEN 'stars' THEN 1 END)
         AS scale_min,
       coalesce(highest, CASE metric WHEN 'nps' THEN 10 WHEN 'csat' THEN 5 WHEN 'ces' THEN 7 WHEN 'stars' THEN 5 END)
         AS scale_max
FROM ({given})"""

# How many points of a scale are its low end, less one: none of three, one of seven, two of eleven, a fifth of longer.
_ENDS = """CASE WHEN scale_max - scale_min + 1 > 11 THEN (scale_max - scale_min) / 5
                WHEN scale_max - scale_min + 1 > 7 THEN 2 WHEN scale_max - scale_min + 1 > 3 THEN 1 ELSE 0 END"""

_CLASSED = f"""
SELECT *,
       CASE WHEN metric = 'nps' THEN
              CASE WHEN scale_max = 10 AND scale_min IN (0, 1) AND score = round(score)
                        AND score >= scale_min AND score <= scale_max
                   THEN CASE WHEN score >= 9 THEN 1 WHEN score <= 6 THEN -1 ELSE 0 END END
            WHEN scale_min IS NULL OR scale_max IS NULL THEN 0
            WHEN score < scale_min OR score > scale_max THEN NULL
            WHEN score >= scale_max - {_ENDS} THEN 1
            WHEN score <= scale_min + {_ENDS} THEN -1
            ELSE 0 END AS class
FROM ({{scaled}})"""

_VALUED = """
SELECT *,
       CASE metric WHEN 'nps' THEN 100.0 * class WHEN 'csat' THEN CASE WHEN class = 1 THEN 100.0 WHEN class IS NOT NULL
         THEN 0.0 END ELSE CASE WHEN class IS NOT NULL THEN score END END AS value
FROM ({classed})"""


def scores(answers: str, reviews: str, *, whole: bool) -> str:
    """The definition of the noun ``scores`` from those of the two it is read from.

    Columns: kind, id (unique over both), position, customer, occurred_at, slice and what else the nouns are cut by,
    weight, about, response, survey ('reviews' for reviews), part, metric, score as given, scale_min and scale_max with
    the metric's own where the log says nothing, class (-1 low, 0 middle, 1 high, null where the score is off its scale)
    and value, what the score adds to the mean: NPS and CSAT in points of a hundred, others as given.

    Args:
        answers: Definition of the answers in view.
        reviews: Definition of the reviews.
        whole: Whether the two are whole: they say ``inside`` then, not periods and days.
    """
    carried = _WHOLE if whole else _CUT
    given = _GIVEN.format(
        kind="answer", odd=0, carried=carried, noun=answers, metric="score",
        survey="coalesce(survey, '')", part="coalesce(part, '')", response="response",
    )  # fmt: skip
    given += " UNION ALL " + _GIVEN.format(
        kind="review", odd=1, carried=carried, noun=reviews, metric="stars",
        survey="'reviews'", part="''", response="CAST(NULL AS VARCHAR)",
    )  # fmt: skip
    return _VALUED.format(classed=_CLASSED.format(scaled=_SCALED.format(given=given)))


def worth(noun: str, *, kind: str, days: int, until: str) -> str:
    """The definition of the noun ``worth``: customer, and what they are worth in the company's currency.

    Recurring: the yearly amount of contracts in force at the end of the period. Trailing: the orders of so many days
    before it, less refunds. Who has neither has no row; the sum does not depend on the order of rows.

    Args:
        noun: Definition of the whole noun it is read from, see `VALUED`.
        kind: What value was declared to be; with none there are no rows.
        days: Days that count, for trailing value.
        until: End of the period, as SQL.
    """
    form, what = _RECURRING, "yearly"
    if kind == "trailing":
        form, what = _TRAILING, "(amount - coalesce(refunded, 0)) * rate"
    said = form.format(noun=noun, days=int(days), until=until, sum=exact_sum(what))
    return said if kind else f"SELECT * FROM ({said}) WHERE FALSE"


def exact_sum(x: str) -> str:
    """A sum of an SQL expression that is the same in whatever order rows come, to a millionth.

    Sums of doubles differ in their last digits from run to run of a parallel engine, and evidence promises the same
    finding again. What is too large for decimals is summed as it is.
    """
    exact = f"CAST(sum(TRY_CAST(({x}) AS DECIMAL(38, 6))) AS DOUBLE)"
    large = f"sum(CASE WHEN TRY_CAST(({x}) AS DECIMAL(38, 6)) IS NULL THEN ({x}) END)"
    return f"coalesce({exact} + {large}, {exact}, {large})"
