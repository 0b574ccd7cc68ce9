-- Of the customers a survey was sent to in the period, who answered one since.
WITH asked AS (
    SELECT customer, min(occurred_at) AS at
    FROM messages
    WHERE period = 'now' AND customer IS NOT NULL
      AND ($survey = '' OR topic = $survey)
      AND (lower(coalesce(topic, '')) LIKE 'survey%'
           OR topic IN (SELECT DISTINCT survey FROM answers WHERE survey IS NOT NULL))
    GROUP BY customer
),
said AS (
    SELECT customer, max(occurred_at) AS at FROM answers
    WHERE customer IS NOT NULL AND ($survey = '' OR survey = $survey)
    GROUP BY customer
)
SELECT
    count(*) AS asked,
    count(*) FILTER (WHERE said.at >= asked.at) AS answered
FROM asked LEFT JOIN said USING (customer)
