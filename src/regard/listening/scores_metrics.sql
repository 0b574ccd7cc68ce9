-- Which metrics and surveys there are, with how many answers in each period.
SELECT
    metric, survey, part,
    count(*) FILTER (WHERE period = 'now') AS now,
    count(*) FILTER (WHERE period = 'before') AS before,
    count(*) AS ever
FROM scores_ever
GROUP BY metric, survey, part
ORDER BY now DESC, ever DESC, metric, survey, part
