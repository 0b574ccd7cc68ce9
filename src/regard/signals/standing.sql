-- Labels of each customer as they were: one row per customer and half-open interval, the first from ever, the last to ever.
-- A profile adds to what was known before; a label sent as null is taken away. An account listens to its own profiles,
-- and to those of its people only while it has none of its own. Where customers are people, a person has the
-- labels their account had at the time, under their own; who belongs to whom is as it is now.
WITH said AS (
  SELECT customer, coalesce(occurred_at, received_at) AS moment, position, labels, person IS NULL AND anonymous IS NULL AS own
  FROM profile
  WHERE customer IS NOT NULL AND labels IS NOT NULL
    AND CASE WHEN json_valid(labels) THEN json_type(labels) = 'OBJECT' ELSE FALSE END
),
heard AS (
  SELECT * FROM said
  QUALIFY own OR NOT bool_or(own) OVER (PARTITION BY customer)
),
counted AS (SELECT *, count(*) OVER (PARTITION BY customer) AS versions FROM heard),
single AS (SELECT customer, moment, labels FROM counted WHERE versions = 1),
several AS (SELECT * FROM counted WHERE versions > 1),
named AS (SELECT customer, moment, position, labels, unnest(json_keys(labels)) AS name FROM several),
changes AS (  -- a pointer, not a path: a name may be empty, a star or hold quotes
  SELECT customer, moment, name,
    arg_max(json_extract(labels, '/' || replace(replace(name, '~', '~0'), '/', '~1'))::VARCHAR, position) AS value
  FROM named GROUP BY customer, moment, name
),
grid AS (
  SELECT m.customer, m.moment, n.name
  FROM (SELECT DISTINCT customer, moment FROM several) AS m
  JOIN (SELECT DISTINCT customer, name FROM changes) AS n ON n.customer = m.customer
),
carried AS (
  SELECT g.customer, g.moment, g.name,
    last_value(c.value IGNORE NULLS) OVER (PARTITION BY g.customer, g.name ORDER BY g.moment) AS value
  FROM grid AS g
  LEFT JOIN changes AS c ON c.customer = g.customer AND c.moment = g.moment AND c.name = g.name
),
folded AS (
  SELECT customer, moment,
    '{' || coalesce(string_agg(to_json(name)::VARCHAR || ':' || value, ',' ORDER BY name)
      FILTER (WHERE value IS NOT NULL AND value <> 'null'), '') || '}' AS labels
  FROM carried GROUP BY customer, moment
),
whole AS (SELECT * FROM single UNION ALL SELECT * FROM folded),
told AS (
  SELECT * FROM whole
  QUALIFY labels IS DISTINCT FROM lag(labels) OVER (PARTITION BY customer ORDER BY moment)
    OR row_number() OVER (PARTITION BY customer ORDER BY moment) = 1
),
own AS (
  SELECT
    customer,
    CASE WHEN row_number() OVER moments = 1 THEN TIMESTAMP '-infinity' ELSE moment END AS since,
    coalesce(lead(moment) OVER moments, TIMESTAMP 'infinity') AS until,
    labels
  FROM told
  WINDOW moments AS (PARTITION BY customer ORDER BY moment)
),
theirs AS (
  SELECT m.source AS customer, o.since, o.until, o.labels
  FROM members AS m JOIN own AS o ON o.customer = m.target
  WHERE $customer = 'person' AND m.source <> m.target
),
cuts AS (
  SELECT customer, since FROM theirs
  UNION
  SELECT customer, since FROM own SEMI JOIN theirs USING (customer)
),
joined AS (
  SELECT c.customer, c.since,
    json_merge_patch(coalesce(t.labels, '{}'), json_merge_patch('{}', coalesce(o.labels, '{}')))::VARCHAR AS labels
  FROM cuts AS c
  LEFT JOIN theirs AS t ON t.customer = c.customer AND t.since <= c.since AND c.since < t.until
  LEFT JOIN own AS o ON o.customer = c.customer AND o.since <= c.since AND c.since < o.until
)
SELECT customer, since, coalesce(lead(since) OVER (PARTITION BY customer ORDER BY since), TIMESTAMP 'infinity') AS until,
  labels
FROM joined
UNION ALL
SELECT customer, since, until, labels FROM own ANTI JOIN theirs USING (customer)
ORDER BY customer, since
