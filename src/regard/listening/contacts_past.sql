-- Contacts by cell and day before the period: what the same comparison would have found at earlier times.
SELECT
    CAST(floor(date_diff('second', $since, occurred_at) / 86400.0) AS INTEGER) AS day,
    coalesce(nullif(area, ''), 'unknown') AS area,
    coalesce(nullif(issue, ''), 'unknown') AS issue,
    slice,
    count(*) AS contacts
FROM contacts_ever
WHERE occurred_at >= $first AND occurred_at < $since
GROUP BY 1, 2, 3, 4
ORDER BY 1
