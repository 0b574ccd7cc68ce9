-- Orders that answers are about, with the score given: amount by slice, for low scores and for all.
WITH given AS (
    SELECT 'answer' AS kind, position, about, score, scale_min, scale_max, weight, period, customer
    FROM answers
    WHERE score IS NOT NULL AND coalesce(part, '') = '' AND coalesce(about, '') <> ''
      AND lower(coalesce(nullif(metric, ''), 'score')) = $metric
    UNION ALL
    SELECT 'review', position, about, score, scale_min, scale_max, weight, period, customer
    FROM reviews
    WHERE score IS NOT NULL AND coalesce(about, '') <> '' AND lower(coalesce(nullif(metric, ''), 'stars')) = $metric
),
-- An order reviewed twice is lost once: its lowest score counts.
scored AS (
    SELECT about, min(score) AS score, min(scale_min) AS scale_min, max(scale_max) AS scale_max, max(weight) AS weight,
           any_value(coalesce(customer, -position)) AS customer
    FROM given
    WHERE period = 'now'
    GROUP BY about
),
lines AS (
    SELECT coalesce(order_id, key) AS order_id, slice, sum(amount * rate) AS amount,
           count(*) FILTER (WHERE rate IS NULL) AS unknown
    FROM orders_ever
    GROUP BY coalesce(order_id, key), slice
)
SELECT l.slice, s.score, s.scale_min, s.scale_max, count(DISTINCT s.about) AS orders,
       count(DISTINCT s.customer) AS customers, sum(l.amount) AS amount, sum(l.amount * s.weight) AS weighted,
       sum(s.weight) AS weight, CAST(sum(l.unknown) AS BIGINT) AS unknown
FROM scored AS s JOIN lines AS l ON l.order_id = s.about
GROUP BY l.slice, s.score, s.scale_min, s.scale_max
ORDER BY l.slice, s.score, s.scale_min, s.scale_max
