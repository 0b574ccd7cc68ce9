-- How long each contact waited for a first answer and for a solution; those still open waited until the period's end.
-- Only channels that ever record answers (or solutions) can be waited for.
WITH recording AS (
    SELECT coalesce(channel, '') AS channel, count(answered_at) > 0 AS answers, count(solved_at) > 0 AS solves
    FROM contacts_whole
    GROUP BY coalesce(channel, '')
)
SELECT
    c.period,
    CASE WHEN r.answers
        THEN date_diff('second', c.occurred_at, CASE WHEN c.answered_at IS NULL THEN $until ELSE c.answered_at END)
    END AS waited,
    c.answered_at IS NOT NULL AS answered,
    CASE WHEN r.solves
        THEN date_diff('second', c.occurred_at, CASE WHEN c.solved_at IS NULL THEN $until ELSE c.solved_at END)
    END AS solving,
    c.solved_at IS NOT NULL AS solved,
    c.reopened > 0 AS reopened,
    coalesce(c.customer, -c.position) AS customer
FROM contacts AS c JOIN recording AS r ON r.channel = coalesce(c.channel, '')
ORDER BY c.position
