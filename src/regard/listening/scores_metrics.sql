-- Which metrics and surveys there are, with how many answers in each period.
WITH given AS (
    SELECT period, coalesce(survey, '') AS survey, lower(coalesce(nullif(metric, ''), 'score')) AS metric,
           coalesce(part, '') AS part
    FROM answers_ever
    WHERE score IS NOT NULL
    UNION ALL
    SELECT period, 'reviews' AS survey, lower(coalesce(nullif(metric, ''), 'stars')) AS metric, '' AS part
    FROM reviews_ever
    WHERE score IS NOT NULL
)
SELECT
    metric, survey, part,
    count(*) FILTER (WHERE period = 'now') AS now,
    count(*) FILTER (WHERE period = 'before') AS before,
    count(*) AS ever
FROM given
GROUP BY metric, survey, part
ORDER BY now DESC, ever DESC, metric, survey, part
