"""The three questions as the peers are best asked, each in a process of its own over data laid down for it."""

# ruff: noqa: E501  other languages have lines of their own

from __future__ import annotations

START = """
import json, sys, time, resource
from pathlib import Path
where, WITHIN, PAUSE, FIRST, WEEK = Path(sys.argv[1]), *(int(n) for n in sys.argv[2:6])
RUNS = 2
told = {}
def ask(name, work, shape):
    answer, wall, cpu = work(), [], []
    for _ in range(RUNS):
        began, busy = time.perf_counter(), time.process_time()
        answer = work()
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - busy)
    told[name] = {"wall": wall, "cpu": cpu, "answer": shape(answer)}
def end():
    told["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(told))
def whole(rows):
    return [[int(v) for v in row] for row in rows]
def both(answer):
    return [sorted(whole(answer[0])), whole(answer[1])]
"""

POLARS = """
import polars as pl
path = where / LAYOUT
log = pl.scan_parquet(path) if LAYOUT.endswith("parquet") else pl.scan_ipc(path)
def funnel():
    def latest(stage, before):
        ok = pl.col("name") == stage if before is None else (pl.col("name") == stage) & (pl.col("ts") - pl.col(before) <= WITHIN)
        return pl.when(ok).then(pl.col("ts") if before is None else pl.col(before)).forward_fill().over("cust")
    few = log.filter(pl.col("name").is_in([3, 9, 16, 20]))
    few = few.with_columns(a=latest(3, None)).with_columns(b=latest(9, "a")).with_columns(c=latest(16, "b"))
    done = few.group_by("cust").agg(
        pl.col("plan").first(), pl.col("a").is_not_null().any(), pl.col("b").is_not_null().any(),
        pl.col("c").is_not_null().any(),
        d=((pl.col("name") == 20) & (pl.col("ts") - pl.col("c") <= WITHIN)).any())
    return done.group_by("plan").agg(pl.col("a", "b", "c", "d").sum()).sort("plan").collect().rows()
def pairs():
    c, t, n = pl.col("cust"), pl.col("ts"), pl.col("name").cast(pl.UInt16)
    ok = (c == c.shift(1)) & (t - t.shift(1) <= PAUSE)
    table = log.select(n=n, p=n.shift(1), q=n.shift(2), ok=ok).with_columns(ok2=pl.col("ok") & pl.col("ok").shift(1))
    two = table.filter("ok").group_by(k=pl.col("p") * 32 + pl.col("n")).len()
    three = table.filter("ok2").group_by(k=(pl.col("q") * 32 + pl.col("p")) * 32 + pl.col("n")).len()
    two, three = pl.collect_all([two, three.sort(["len", "k"], descending=[True, False]).head(20)])
    return [(k // 32, k % 32, n) for k, n in two.rows()], [(k // 1024, k // 32 % 32, k % 32, n) for k, n in three.rows()]
def weeks():
    w = ((pl.col("ts") - FIRST) // WEEK).cast(pl.Int16)
    c = pl.col("cust")
    first = (c != c.shift(1)).fill_null(True)
    few = log.select("cust", w=w).filter(first | (pl.col("w") != pl.col("w").shift(1)))
    few = few.with_columns(cohort=pl.when(first).then("w").forward_fill())
    return few.group_by("cohort", k=pl.col("w") - pl.col("cohort")).len().sort("cohort", "k").collect().rows()
ask("funnel", funnel, lambda rows: whole(r[1:] for r in rows))
ask("pairs", pairs, both)
ask("weeks", weeks, whole)
end()
"""

DUCKDB = """
import duckdb
con = duckdb.connect(str(where / "peer.duckdb"))
con.execute("SET threads = 2")
con.execute(f"CREATE OR REPLACE TABLE ev AS SELECT * FROM read_parquet('{where / 'sorted.parquet'}')")
def rows(sql):
    return con.execute(sql).fetchall()
def funnel():
    return rows(f'''
      WITH s1 AS (SELECT cust, ts, plan FROM ev WHERE name = 3),
      s2 AS (SELECT b.cust, b.ts, a.ts AS began FROM (SELECT cust, ts FROM ev WHERE name = 9) b
        ASOF JOIN s1 a ON b.cust = a.cust AND b.ts >= a.ts WHERE b.ts - a.ts <= {WITHIN}),
      s3 AS (SELECT c.cust, c.ts, b.began FROM (SELECT cust, ts FROM ev WHERE name = 16) c
        ASOF JOIN s2 b ON c.cust = b.cust AND c.ts >= b.ts WHERE c.ts - b.began <= {WITHIN}),
      s4 AS (SELECT d.cust FROM (SELECT cust, ts FROM ev WHERE name = 20) d
        ASOF JOIN s3 c ON d.cust = c.cust AND d.ts >= c.ts WHERE d.ts - c.began <= {WITHIN}),
      who AS (SELECT cust, any_value(plan) AS plan FROM s1 GROUP BY cust)
      SELECT plan, count(*), count(*) FILTER (cust IN (SELECT cust FROM s2)), count(*) FILTER (cust IN (SELECT cust FROM s3)),
        count(*) FILTER (cust IN (SELECT cust FROM s4)) FROM who GROUP BY plan ORDER BY plan''')
def pairs():
    con.execute(f'''CREATE OR REPLACE TEMP TABLE counted AS
      WITH l AS (SELECT name AS n, lag(name) OVER () AS p, lag(name, 2) OVER () AS q,
        cust = lag(cust) OVER () AND ts - lag(ts) OVER () <= {PAUSE} AS ok,
        lag(cust) OVER () = lag(cust, 2) OVER () AND lag(ts) OVER () - lag(ts, 2) OVER () <= {PAUSE} AS ok1 FROM ev)
      SELECT CASE WHEN ok1 THEN q END AS q, p, n, count(*) AS c FROM l WHERE ok GROUP BY ALL''')
    return rows("SELECT p, n, sum(c) FROM counted GROUP BY ALL"), rows(
        "SELECT q, p, n, c FROM counted WHERE q IS NOT NULL ORDER BY c DESC, q, p, n LIMIT 20")
def weeks():
    return rows(f'''WITH w AS (SELECT DISTINCT cust, (ts - {FIRST}) // {WEEK} AS w FROM ev),
      f AS (SELECT cust, min(w) AS cohort FROM w GROUP BY cust)
      SELECT cohort, w - cohort AS k, count(*) FROM w JOIN f USING (cust) GROUP BY ALL ORDER BY ALL''')
ask("funnel", funnel, lambda found: whole(r[1:] for r in found))
ask("pairs", pairs, both)
ask("weeks", weeks, whole)
end()
"""

CHDB = """
from chdb.session import Session
session = Session(str(where / "chdb"))
session.query("SET max_threads = 2")
def rows(sql):
    text = session.query(sql + " SETTINGS max_threads = 2", "CSV").bytes().decode()
    return [[int(v) for v in line.split(",")] for line in text.splitlines()]
session.query("CREATE DATABASE IF NOT EXISTS d")
session.query("DROP TABLE IF EXISTS d.ev")
session.query("CREATE TABLE d.ev (cust Int64, ts Int64, name UInt8, plan UInt8) ENGINE = MergeTree ORDER BY (cust, ts)")
session.query(f"INSERT INTO d.ev SELECT cust, ts, name, plan FROM file('{where / 'sorted.parquet'}', Parquet)")
session.query("OPTIMIZE TABLE d.ev FINAL")
def funnel():
    return rows(f'''SELECT plan, countIf(l >= 1), countIf(l >= 2), countIf(l >= 3), countIf(l >= 4) FROM (
      SELECT cust, any(plan) AS plan, windowFunnel({WITHIN})(toUInt64(ts), name = 3, name = 9, name = 16, name = 20) AS l
      FROM d.ev WHERE name IN (3, 9, 16, 20) GROUP BY cust) WHERE l >= 1 GROUP BY plan ORDER BY plan''')
def pairs():
    counted = rows(f'''SELECT q, p, n, count() FROM (
      SELECT name AS n, lagInFrame(name, 1) OVER w AS p, ts - lagInFrame(ts, 1, ts - {PAUSE} - 1) OVER w AS gap,
        if(lagInFrame(ts, 1, 0) OVER w - lagInFrame(ts, 2, -9000000000000000000) OVER w BETWEEN 0 AND {PAUSE},
          toInt16(lagInFrame(name, 2) OVER w), -1) AS q
      FROM d.ev WINDOW w AS (PARTITION BY cust ORDER BY ts ROWS BETWEEN 2 PRECEDING AND CURRENT ROW))
      WHERE gap <= {PAUSE} GROUP BY q, p, n''')
    two = {}
    for q, p, n, c in counted:
        two[p, n] = two.get((p, n), 0) + c
    three = sorted((r for r in counted if r[0] >= 0), key=lambda r: (-r[3], *r[:3]))[:20]
    return [(*k, c) for k, c in two.items()], three
def weeks():
    return rows(f'''SELECT cohort, w - cohort AS k, count() FROM (
      SELECT cust, groupUniqArray(toInt16(intDiv(ts - {FIRST}, {WEEK}))) AS ws, arrayMin(ws) AS cohort FROM d.ev GROUP BY cust)
      ARRAY JOIN ws AS w GROUP BY cohort, k ORDER BY cohort, k''')
ask("funnel", funnel, lambda found: whole(r[1:] for r in found))
ask("pairs", pairs, both)
ask("weeks", weeks, whole)
end()
"""

PM4PY = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import pandas as pd, pyarrow.parquet as pq
import pm4py
table = pq.read_table(sys.argv[1]).to_pandas()
began = time.perf_counter()
frame = pm4py.format_dataframe(table, case_id="case", activity_key="name", timestamp_key="time")
formatting = time.perf_counter() - began
seconds = []
for _ in range(2):
    began = time.perf_counter()
    edges, starts, ends = pm4py.discover_dfg(frame)
    seconds.append(time.perf_counter() - began)
print(json.dumps({"wall": seconds, "whole": formatting + min(seconds), "answer": sorted([a, b, int(n)] for (a, b), n in edges.items())}))
"""

PEERS = {
    "Polars, sorted Parquet": START + "LAYOUT = 'sorted.parquet'\n" + POLARS,
    "Polars, IPC": START + "LAYOUT = 'sorted.arrow'\n" + POLARS,
    "DuckDB, native table": START + DUCKDB,
    "chdb, MergeTree": START + CHDB,
}
