-- What asking for help was like: the contact the answer is about, and others of the days before it.
WITH helped AS (
    SELECT p.id, p.at, 'this' AS reach, c.occurred_at, c.answered_at, c.solved_at, c.reopened, c.handovers
    FROM picked AS p JOIN contacts_whole AS c ON c.key = p.about
    WHERE p.about <> ''
    UNION ALL
    SELECT p.id, p.at, 'recent', c.occurred_at, c.answered_at, c.solved_at, c.reopened, c.handovers
    FROM picked AS p JOIN contacts_whole AS c ON c.customer = p.customer
    WHERE c.occurred_at >= p.at - to_days($days) AND c.occurred_at < p.at AND (p.about IS NULL OR c.key IS DISTINCT FROM p.about)
)
SELECT
    id, reach,
    count(*) AS contacts,
    max(date_diff('second', occurred_at, least(answered_at, at))) FILTER (WHERE answered_at IS NOT NULL) / 3600.0 AS waited,
    max(date_diff('second', occurred_at, least(solved_at, at))) FILTER (WHERE solved_at IS NOT NULL) / 3600.0 AS solving,
    count(*) FILTER (WHERE solved_at > at) AS unsolved,
    count(reopened) AS known_reopened,
    sum(reopened) AS reopened,
    count(handovers) AS known_handovers,
    max(handovers) AS handovers
FROM helped
GROUP BY id, reach
ORDER BY id, reach
