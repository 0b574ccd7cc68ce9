"""Import of a CSV, from command to queryable, beside DuckDB's own CSV to sorted Parquet on the same machine."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from benchmarks.measuring import REGARD, Row, median, run

MAPPING = """
name = "bench"

[inputs.rows]
files = ["*.csv*"]

[[signal]]
kind = "order"
from = "rows"
labels = ["region", "plan"]
[signal.columns]
key = "order_id"
person = "customer_id"
occurred_at = "ordered_at"
product = "product"
seller = "seller"
quantity = "quantity"
amount = "amount"
status = "status"
"""

PEER = """
import duckdb, sys
con = duckdb.connect()
con.execute("SET preserve_insertion_order = false")
con.execute(f"COPY (SELECT * FROM read_csv('{sys.argv[1]}') ORDER BY hash(customer_id) % 16, customer_id, ordered_at) "
            f"TO '{sys.argv[2]}' (FORMAT parquet, COMPRESSION zstd)")
print(con.execute(f"SELECT count(*) FROM '{sys.argv[2]}'").fetchone())
"""

MAKE = """
import duckdb, sys
con = duckdb.connect()
n = int(sys.argv[2])
con.execute(f'''COPY (SELECT 'O' || i AS order_id, 'C' || (hash(i) % {n // 8}) AS customer_id,
  TIMESTAMP '2024-01-01' + to_seconds((hash(i * 7) % 63072000)::BIGINT) AS ordered_at,
  'product ' || (hash(i * 3) % 500) AS product, 'seller ' || (hash(i * 5) % 300) AS seller,
  1 + hash(i * 11) % 4 AS quantity, round((hash(i * 13) % 20000) / 100.0, 2) AS amount,
  ['delivered','shipped','canceled'][1 + (hash(i * 17) % 3)::BIGINT] AS status,
  ['EU','NA','LATAM','APAC'][1 + (hash(i * 19) % 4)::BIGINT] AS region,
  ['Free','Team','Pro'][1 + (hash(i * 23) % 3)::BIGINT] AS plan
  FROM range({n}) r(i)) TO '{sys.argv[1]}' (HEADER)''')
"""


def csv_of(rows: int, work: Path) -> Path:
    """A CSV of orders with ten columns, made once."""
    path = work / f"orders-{rows}.csv"
    if not path.exists():
        made = run([sys.executable, "-c", MAKE, str(path), str(rows)])
        if made.code != 0:
            raise RuntimeError(made.output)
    return path


def mapping_of(work: Path) -> Path:
    """The mapping of that CSV, as a file."""
    path = work / "orders.toml"
    path.write_text(MAPPING, "utf-8")
    return path


def measure(work: Path, *, runs: int = 5) -> list[Row]:
    """1 M rows as a ratio to the peer, interleaved; 10 M rows for memory."""
    source = csv_of(1_000_000, work)
    mapping = mapping_of(work)
    ours, theirs = [], []
    for _ in range(runs):
        shutil.rmtree(work / "import", ignore_errors=True)
        command = [*REGARD, "import", str(source), "-w", str(work / "import"), "--mapping", str(mapping), "--yes"]
        done = run(command, sampled=False)
        if done.code != 0:
            raise RuntimeError(done.output)
        ours.append(done.seconds)
        theirs.append(run([sys.executable, "-c", PEER, str(source), str(work / "peer.parquet")], sampled=False).seconds)
    ratio = median([a / b for a, b in zip(ours, theirs, strict=True)])
    first = Row(
        name="Import of a 1 M-row CSV, command to queryable, against DuckDB's CSV to sorted Parquet",
        figure=f"{median(ours):.2f} s against {median(theirs):.2f} s: {ratio:.1f}×",
        target="at most 4×", met=ratio <= 4, command="python -m benchmarks import", runs=[*ours, *theirs],
    )  # fmt: skip
    return [first, _memory(work, mapping)]


def _memory(work: Path, mapping: Path) -> Row:
    source = csv_of(10_000_000, work)
    shutil.rmtree(work / "import10", ignore_errors=True)
    done = run([*REGARD, "import", str(source), "-w", str(work / "import10"), "--mapping", str(mapping), "--yes"])
    shutil.rmtree(work / "import10", ignore_errors=True)
    return Row(
        name="Import of a 10 M-row CSV: peak memory",
        figure=f"{done.peak_mb:,.0f} MB, {done.seconds:.0f} s ({10e6 / done.seconds:,.0f} rows a second)",
        target="bounded, under 2 GB", met=done.code == 0 and done.peak_mb < 2048,
        command="python -m benchmarks import", runs=[done.seconds],
    )  # fmt: skip
