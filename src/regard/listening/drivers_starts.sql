-- Of customers seen from their start on: how many days it took them to reach each moment for the first time.
WITH started AS (
    SELECT customer, min(occurred_at) AS at FROM subscriptions_whole WHERE lower(change) = 'start' GROUP BY customer
),
begun AS (
    SELECT c.customer, coalesce(s.at, c.first_at) AS at
    FROM customers AS c LEFT JOIN started AS s USING (customer)
    WHERE c.customer IN (SELECT customer FROM picked)
      AND coalesce(s.at, c.first_at) > (SELECT min(occurred_at) FROM events_whole)
),
first_times AS (
    SELECT customer, name, min(occurred_at) AS at FROM events_whole
    WHERE customer IN (SELECT customer FROM begun)
    GROUP BY customer, name
),
named AS (
    SELECT e.name, m.stage, m.moment
    FROM (SELECT DISTINCT name FROM first_times) AS e
    JOIN moments AS m ON m.kind = 'event' AND (e.name = m.name OR (m.prefix AND starts_with(e.name, m.name)))
),
reached AS (
    SELECT f.customer, n.stage, n.moment, min(f.at) AS at
    FROM first_times AS f JOIN named AS n ON n.name = f.name
    GROUP BY f.customer, n.stage, n.moment
)
SELECT p.id, date_diff('second', b.at, p.at) / 86400.0 AS tenure, r.stage, r.moment,
       date_diff('second', b.at, r.at) / 86400.0 AS days
FROM picked AS p JOIN begun AS b ON b.customer = p.customer LEFT JOIN reached AS r ON r.customer = p.customer
WHERE p.at > b.at
ORDER BY p.id, r.stage, r.moment
