-- Contacts by week or month and cell.
SELECT
    CASE WHEN $grain = 'day' THEN day WHEN $grain = 'week' THEN week ELSE month END AS since,
    coalesce(nullif(area, ''), 'unknown') AS area,
    coalesce(nullif(issue, ''), 'unknown') AS issue,
    count(*) AS contacts
FROM contacts_ever
WHERE occurred_at >= $first AND occurred_at < $until
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3
