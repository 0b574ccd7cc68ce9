-- The ids and names nearest to one nobody knows.
WITH known AS (
  SELECT id AS text FROM lake_customer
  UNION
  SELECT name FROM lake_customer
)
SELECT text FROM known WHERE text IS NOT NULL
ORDER BY jaro_winkler_similarity(lower(text), lower($id)) DESC, text
LIMIT 8
