-- What customers said in answers, reviews and contacts, newest first, with the class the metric's rule gives the score.
WITH said AS (
    SELECT kind, position, customer, slice, occurred_at, score, verbatim,
           lower(coalesce(nullif(metric, ''), 'score')) AS metric,
           coalesce(survey, '') AS place, coalesce(part, '') AS part, '' AS area, '' AS issue
    FROM answers WHERE period = 'now'
    UNION ALL
    SELECT kind, position, customer, slice, occurred_at, score, coalesce(nullif(verbatim, ''), subject),
           lower(coalesce(nullif(metric, ''), 'stars')), coalesce(channel, ''), '', '', ''
    FROM reviews WHERE period = 'now'
    UNION ALL
    SELECT kind, position, customer, slice, occurred_at, NULL, coalesce(nullif(verbatim, ''), subject),
           '', coalesce(channel, ''), '', coalesce(nullif(area, ''), 'unknown'), coalesce(nullif(issue, ''), 'unknown')
    FROM contacts WHERE period = 'now'
),
chosen AS (
    SELECT * FROM said
    WHERE coalesce(verbatim, '') <> ''
      AND ($kind = '' OR kind = $kind)
      AND ($metric = '' OR metric = $metric)
      AND ($survey = '' OR place = $survey)
      AND ($part = '' OR part = $part)
      AND ($area = '' OR area = $area)
      AND ($issue = '' OR issue = $issue)
      AND ($q = '' OR contains(lower(verbatim), lower($q)))
),
grouped AS (
    SELECT c.*,
           CASE WHEN s.scale_min IS NULL OR s.scale_max IS NULL OR s.class IS NULL THEN ''
                WHEN s.class = 1 THEN 'high' WHEN s.class = -1 THEN 'low' ELSE 'middle' END AS class
    FROM chosen AS c
    LEFT JOIN scores AS s ON s.kind = c.kind AND s.position = c.position AND s.period = 'now'
),
kept AS (
    SELECT *, count(*) OVER () AS total, count(DISTINCT coalesce(customer, -position)) OVER () AS customers
    FROM grouped
    WHERE ($class = '' OR class = $class) AND ($slice = '' OR slice = $slice)
)
SELECT
    k.kind, k.metric, k.score, k.class, k.place, k.part, k.area, k.issue, k.slice, k.verbatim, k.occurred_at AS at,
    c.id, c.name, k.total, k.customers
FROM kept AS k LEFT JOIN customers AS c ON c.customer = k.customer
ORDER BY k.occurred_at DESC, k.kind, k.position DESC
LIMIT $most
