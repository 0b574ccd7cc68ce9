-- What customers said in answers, reviews and contacts, newest first. A score's class follows the rules of the scores:
-- NPS by its own, others by the one, two or three points at each end of their scale, a fifth of scales longer than 11.
WITH said AS (
    SELECT 'answer' AS kind, position, customer, slice, occurred_at, period, score, verbatim,
           lower(coalesce(nullif(metric, ''), 'score')) AS metric,
           scale_min, scale_max, coalesce(survey, '') AS place, coalesce(part, '') AS part, '' AS area, '' AS issue
    FROM answers
    UNION ALL
    SELECT 'review', position, customer, slice, occurred_at, period, score, coalesce(nullif(verbatim, ''), subject),
           lower(coalesce(nullif(metric, ''), 'stars')), scale_min, scale_max, coalesce(channel, ''), '', '', ''
    FROM reviews
    UNION ALL
    SELECT 'contact', position, customer, slice, occurred_at, period, NULL, coalesce(nullif(verbatim, ''), subject),
           '', NULL, NULL, coalesce(channel, ''), '', coalesce(nullif(area, ''), 'unknown'),
           coalesce(nullif(issue, ''), 'unknown')
    FROM contacts
),
scaled AS (
    SELECT *,
        coalesce(scale_min, CASE metric WHEN 'nps' THEN 0 WHEN 'csat' THEN 1 WHEN 'ces' THEN 1 WHEN 'stars' THEN 1 END) AS first,
        coalesce(scale_max, CASE metric WHEN 'nps' THEN 10 WHEN 'csat' THEN 5 WHEN 'ces' THEN 7 WHEN 'stars' THEN 5 END) AS last
    FROM said
    WHERE period = 'now' AND coalesce(verbatim, '') <> ''
      AND ($kind = '' OR kind = $kind)
      AND ($metric = '' OR metric = $metric)
      AND ($survey = '' OR place = $survey)
      AND ($part = '' OR part = $part)
      AND ($area = '' OR area = $area)
      AND ($issue = '' OR issue = $issue)
      AND ($q = '' OR contains(lower(verbatim), lower($q)))
),
ended AS (
    SELECT *,
        CASE WHEN last - first + 1 > 11 THEN (last - first) / 5
             WHEN last - first + 1 > 7 THEN 2
             WHEN last - first + 1 > 3 THEN 1
             ELSE 0 END AS ends
    FROM scaled
),
grouped AS (
    SELECT *,
        CASE WHEN score IS NULL OR score < first OR score > last THEN ''
             WHEN metric = 'nps' AND last = 10 AND first IN (0, 1) THEN
                 CASE WHEN score >= 9 THEN 'high' WHEN score <= 6 THEN 'low' ELSE 'middle' END
             WHEN metric = 'nps' OR first IS NULL OR last IS NULL THEN ''
             WHEN score >= last - ends THEN 'high'
             WHEN score <= first + ends THEN 'low'
             ELSE 'middle' END AS class
    FROM ended
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
