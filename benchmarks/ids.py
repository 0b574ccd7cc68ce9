"""The index of ids: our sorted runs beside RocksDB and LMDB, each with 50 M ids known.

Each engine is filled and asked in a process of its own, so that memory is its own. An id is 16 bytes, what is kept of
it 16 more (position and check). CPU seconds are the process's, all threads; wall clock beside them.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measuring import Row, median, run
from regard.store import ids

KNOWN = 50_000_000
BATCH = 2_000
COMMITS = 300
BULK = 1_000_000
PIECES = 64
SHARES = (0.72, 0.12, 0.12, 0.02, 0.02)
"""How the known ids lie in our runs: as they do after growing, not as they do freshly merged."""


def piece(number: int, rows: int, *, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Sorted ids of one of `PIECES` ranges of hashes: high and low halves, the same every time."""
    chance = np.random.default_rng([seed, number])
    step = (1 << 64) // PIECES
    high = np.sort(chance.integers(0, step, rows, np.uint64)) + np.uint64(number * step)
    return high, chance.integers(0, 1 << 63, rows, np.uint64)


def some(count: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """So many new ids, in no order."""
    chance = np.random.default_rng([seed, 7])
    return chance.integers(0, 1 << 64, count, np.uint64), chance.integers(0, 1 << 63, count, np.uint64)


def keys_of(high: np.ndarray, low: np.ndarray) -> list[bytes]:
    """Ids as 16 bytes each, so that their order is that of the numbers."""
    words = np.stack([high, low], axis=1).astype(">u8")
    return words.view("V16").ravel().tolist()


def values_of(count: int, first: int) -> list[bytes]:
    """Position and check of each, as 16 bytes."""
    position = np.arange(first, first + count, dtype=np.uint64)
    return np.stack([position, position * np.uint64(7)], axis=1).view("V16").ravel().tolist()


class Runs:
    """What is in `regard.store.ids`, with the merging `Inbox` does: small runs at once, large ones beside the log."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(exist_ok=True)
        self.runs: list[tuple[Path, Any]] = []

    def fill(self, rows: int) -> None:
        for number, share in enumerate(SHARES):
            per = int(rows * share) // PIECES
            parts = [piece(n, per, seed=number) for n in range(PIECES)]
            high, low = (np.concatenate([p[i] for p in parts]) for i in range(2))
            self._add(ids.Ids(high, low, np.arange(len(high)), np.zeros(len(high), np.uint64)), merge=False)

    def _add(self, new: Any, *, merge: bool = True) -> None:
        lengths = [*(len(r) for _, r in self.runs), len(new)]
        count = ids.to_merge(lengths, most=ids.AT_ONCE) if merge else 0
        if count > 1:
            old = self.runs[len(self.runs) - (count - 1) :]
            new = ids.joined([*(r for _, r in old), new]).sorted_newest()
            del self.runs[len(self.runs) - (count - 1) :]
            for path, _ in old:
                path.unlink()
        name, _ = ids.write_run(self.path, new)
        self.runs.append((self.path / name, ids.open_run(self.path / name, len(new))))

    def find(self, high: np.ndarray, low: np.ndarray) -> int:
        order = ids.order_of(high, low)
        position, _ = ids.find([r for _, r in self.runs], high[order], low[order])
        return int((position >= 0).sum())

    def insert(self, high: np.ndarray, low: np.ndarray, first: int) -> None:
        count = len(high)
        new = ids.Ids(high, low, np.arange(first, first + count), np.zeros(count, np.uint64))
        self._add(new.sorted_newest())

    load = insert

    def merge_all(self) -> None:
        """Every run into one, as `Inbox.merge_ids` merges: the most it ever has to do at a time."""
        rows = ids.merge(self.path / "all.ids", [r for _, r in self.runs])
        self.runs = [(self.path / "all.ids", ids.open_run(self.path / "all.ids", rows))]

    def close(self) -> None:
        self.runs = []


class Rocks:
    """RocksDB: bloom filters of ten bits, no compression (hashes do not compress), synchronous commits."""

    def __init__(self, path: Path) -> None:
        import rocksdict as r  # noqa: PLC0415  only whoever compares needs it (dependency group bench)

        self.r = r
        options = r.Options(raw_mode=True)
        options.create_if_missing(True)
        options.increase_parallelism(2)
        options.set_compression_type(r.DBCompressionType.none())
        table = r.BlockBasedOptions()
        table.set_bloom_filter(10.0, block_based=False)
        table.set_cache_index_and_filter_blocks(False)
        options.set_block_based_table_factory(table)
        self.options = options
        self.db = r.Rdict(str(path), options)
        self.sync = r.WriteOptions()
        self.sync.sync = True

    def fill(self, rows: int) -> None:
        for number in range(PIECES):
            high, low = piece(number, rows // PIECES)
            name = f"{self.db.path()}-{number}.sst"
            self._write(name, keys_of(high, low), values_of(len(high), number * len(high)))

    def _write(self, name: str, keys: list[bytes], values: list[bytes]) -> None:
        writer = self.r.SstFileWriter(options=self.options)
        writer.open(name)
        for key, value in zip(keys, values, strict=True):
            writer[key] = value
        writer.finish()
        self.db.ingest_external_file([name])
        Path(name).unlink(missing_ok=True)

    def find(self, high: np.ndarray, low: np.ndarray) -> int:
        return sum(found is not None for found in self.db.get(keys_of(high, low)))

    def insert(self, high: np.ndarray, low: np.ndarray, first: int) -> None:
        batch = self.r.WriteBatch(raw_mode=True)
        for key, value in zip(keys_of(high, low), values_of(len(high), first), strict=True):
            batch.put(key, value)
        self.db.write(batch, self.sync)

    def load(self, high: np.ndarray, low: np.ndarray, first: int) -> None:
        order = np.lexsort((low, high))
        self._write(f"{self.db.path()}-bulk.sst", keys_of(high[order], low[order]), values_of(len(high), first))

    def close(self) -> None:
        self.db.close()


class Lightning:
    """LMDB: one writer, readers of any process, synchronous commits."""

    def __init__(self, path: Path) -> None:
        import lmdb  # noqa: PLC0415  as above

        self.db = lmdb.open(str(path), map_size=1 << 36, subdir=True, readahead=False)

    def fill(self, rows: int) -> None:
        for number in range(PIECES):
            high, low = piece(number, rows // PIECES)
            items = zip(keys_of(high, low), values_of(len(high), number * len(high)), strict=True)
            with self.db.begin(write=True) as transaction:
                transaction.cursor().putmulti(items, append=True)

    def find(self, high: np.ndarray, low: np.ndarray) -> int:
        with self.db.begin() as transaction:
            return len(transaction.cursor().getmulti(sorted(keys_of(high, low))))

    def insert(self, high: np.ndarray, low: np.ndarray, first: int) -> None:
        items = sorted(zip(keys_of(high, low), values_of(len(high), first), strict=True))
        with self.db.begin(write=True) as transaction:
            transaction.cursor().putmulti(items)

    load = insert

    def close(self) -> None:
        self.db.close()


ENGINES = {"ours": Runs, "rocksdict": Rocks, "lmdb": Lightning}


def measure(work: Path, *, known: int = KNOWN) -> list[Row]:
    """Every engine in a process of its own; one row each."""
    rows = []
    for name in ENGINES:
        home = work / f"ids-{name}"
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        done = run([sys.executable, "-m", "benchmarks.ids", name, str(home), str(known)])
        shutil.rmtree(home, ignore_errors=True)
        if done.code != 0:
            raise RuntimeError(done.output)
        told = json.loads(done.output.strip().splitlines()[-1])
        figure = "; ".join(f"{what} {told[what]}" for what in told)
        rows.append(
            Row(
                name=f"{name}: {known:,} ids known", figure=figure, target="", met=None,
                command="python -m benchmarks ids", note=f"peak {done.peak_mb:,.0f} MB resident, mapped pages included",
            )
        )  # fmt: skip
        print(f"{name}: {figure}", flush=True)
    return rows


def one(name: str, home: Path, known: int) -> dict[str, Any]:
    """Fill one engine and ask it everything."""
    engine = ENGINES[name](home / "index")
    told: dict[str, Any] = {}
    with _timed(told, "filled in s"):
        engine.fill(known)
    told["bytes an id"] = round(_size(home) / known, 1)
    told |= _lookups(engine, name, known)
    told |= _inserts(engine, known)
    with _timed(told, "1 M at once in s"):
        engine.load(*some(BULK, seed=99_999), known * 2)
    told["anonymous MB"] = round(_anonymous_mb())
    if isinstance(engine, Runs):
        told["runs"] = len(engine.runs)
        with _timed(told, "all merged beside it in s"):
            engine.merge_all()
        told["anonymous MB then"] = round(_anonymous_mb())
    engine.close()
    return told


def _lookups(engine: Any, name: str, known: int) -> dict[str, Any]:
    told = {}
    seed = 0 if name == "ours" else 1
    rows = int(known * SHARES[0]) // PIECES if name == "ours" else known // PIECES
    high, low = piece(3, rows, seed=seed)
    for count in (1_000, 10_000):
        for what in ("unknown", "known"):
            cpu, wall = [], []
            for turn in range(20):
                chance = np.random.default_rng([count, turn])
                at = chance.integers(0, rows, count)
                asked = (high[at], low[at]) if what == "known" else some(count, seed=1_000 + turn)
                began, spent = time.perf_counter(), time.process_time()
                found = engine.find(*asked)
                wall.append(time.perf_counter() - began)
                cpu.append(time.process_time() - spent)
                assert found == (count if what == "known" else 0) or what == "known", found
            told[f"{count:,} {what} ms CPU"] = round(median(cpu[5:]) * 1000, 2)
    return told


def _inserts(engine: Any, known: int) -> dict[str, Any]:
    wall, spent, began = [], time.process_time(), time.perf_counter()
    for turn in range(COMMITS):
        new = some(BATCH, seed=50_000 + turn)
        before = time.perf_counter()
        engine.insert(*new, known + turn * BATCH)
        wall.append(time.perf_counter() - before)
    return {
        "commit of 2,000 ms CPU": round((time.process_time() - spent) / COMMITS * 1000, 2),
        "commit of 2,000 ms wall": round((time.perf_counter() - began) / COMMITS * 1000, 2),
        "longest commit ms": round(max(wall) * 1000),
    }


@contextmanager
def _timed(told: dict[str, Any], name: str) -> Iterator[None]:
    began, spent = time.perf_counter(), time.process_time()
    yield
    told[name] = f"{time.perf_counter() - began:.1f} ({time.process_time() - spent:.1f} CPU)"


def _size(home: Path) -> int:
    return sum(p.stat().st_blocks * 512 for p in home.rglob("*") if p.is_file())


def _anonymous_mb() -> float:
    for line in Path("/proc/self/status").read_text("utf-8").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _main() -> None:
    name, home, known = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    print(json.dumps(one(name, home, known)))


if __name__ == "__main__":
    os.nice(5)
    _main()
