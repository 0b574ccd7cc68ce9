-- The ids and names nearest to one nobody knows: names that hold the text first, each with its id.
WITH known AS (
  SELECT id AS text, id FROM lake_customer
  UNION
  SELECT name, id FROM lake_customer
)
SELECT text, min(id) AS id, bool_or(contains(lower(strip_accents(text)), lower(strip_accents($id)))) AS holds
FROM known WHERE text IS NOT NULL
GROUP BY text
ORDER BY holds DESC, jaro_winkler_similarity(lower(text), lower($id)) DESC, text
LIMIT 8
