-- Acts done for single customers, by name: what a policy leaves behind when it is used.
SELECT name, count(*) AS uses, count(DISTINCT customer) AS customers
FROM acts_whole
WHERE customer IS NOT NULL AND name <> '' AND occurred_at < $until
GROUP BY name ORDER BY uses DESC, name
