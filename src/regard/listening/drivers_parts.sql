-- Scores of the parts of the experience given in the same response.
WITH parts AS (
    SELECT response, customer, occurred_at AS at, coalesce(survey, '') AS survey, part, score, scale_min, scale_max
    FROM answers_whole
    WHERE score IS NOT NULL AND coalesce(part, '') <> ''
)
SELECT p.id, q.part, avg(q.score) AS score, min(q.scale_min) AS scale_min, max(q.scale_max) AS scale_max
FROM picked AS p JOIN parts AS q ON q.response = p.response
WHERE coalesce(p.response, '') <> ''
GROUP BY p.id, q.part
UNION ALL
SELECT p.id, q.part, avg(q.score), min(q.scale_min), max(q.scale_max)
FROM picked AS p JOIN parts AS q ON q.customer = p.customer AND q.at = p.at AND q.survey = p.survey
WHERE coalesce(p.response, '') = '' AND coalesce(q.response, '') = ''
GROUP BY p.id, q.part
ORDER BY 1, 2
