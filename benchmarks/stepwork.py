"""What `python -m benchmarks steps` runs in processes of their own: ``python -m benchmarks.stepwork WHAT DIRECTORY``.

``make`` writes the made-up steps as column files, and as Parquet and IPC for the peers; ``ours`` answers the three
questions over them; ``cache`` lays events down as a generation of the lake and arranges them. Each prints one JSON.
"""

from __future__ import annotations

import json
import resource
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from benchmarks.asking import Pages
from benchmarks.stepdata import DAY, FIRST, NAMES, PLANS, made
from regard.settings import Settings
from regard.signals.declarations import Declarations, Dimension
from regard.signals.plans import FORMAT
from regard.signals.shapes import SETTLED
from regard.signals.workspace import Workspace
from regard.steps.columns import Coded, Steps
from regard.steps.follows import follow
from regard.steps.funnels import Stage, funnel
from regard.steps.returning import returning
from regard.store import columnfiles

STAGES = (3, 9, 16, 20)
WITHIN = 7 * DAY
PAUSE = 1_800_000_000
WEEKS = np.arange(27) * 7 * DAY + FIRST
RUNS = 3
REFRESHES = 8
"""Refreshes in a row: after some of them buckets are folded."""
BESIDE = 100_000_000
"""Up to so many events the peers are asked, too."""


def make(where: Path, events: int) -> dict:
    """The data, for everybody."""
    steps = made(events, max(events // 50, 1))
    for number, s in enumerate(steps):
        columns = {"customers": s.customers, "starts": s.starts, "times": s.times, "codes": s.codes}
        columns |= {"failed": s.failed, "plan": s.labels["plan"].codes}
        columnfiles.write(where / f"bucket-{number:02d}.steps", columns)
    told = {"events": sum(s.n for s in steps), "customers": sum(len(s.customers) for s in steps)}
    if events > BESIDE:
        return told
    schema = pa.schema([("cust", pa.int64()), ("ts", pa.int64()), ("name", pa.uint8()), ("plan", pa.uint8())])
    with (
        pa.parquet.ParquetWriter(where / "sorted.parquet", schema, compression="zstd", compression_level=1) as parquet,
        pa.ipc.new_file(where / "sorted.arrow", schema) as ipc,
    ):
        for s in steps:
            whose = np.repeat(s.customers, np.diff(s.starts))
            small = [s.codes.astype(np.uint8), s.labels["plan"].codes.astype(np.uint8)]
            table = pa.table([whose, s.times, *small], schema=schema)
            parquet.write_table(table, row_group_size=1 << 20)
            ipc.write_table(table, max_chunksize=1 << 20)
    return told


def mapped(where: Path) -> list[Steps]:
    """The data as the cache maps it."""
    found = []
    for path in sorted(where.glob("bucket-*.steps")):
        c = columnfiles.read(path)
        labels = {"plan": Coded(c["plan"], PLANS)}
        found.append(Steps(c["customers"], c["starts"], c["times"], c["codes"], NAMES, c["failed"], labels))
    return found


def timed(work, runs: int = RUNS) -> tuple[object, list[float], list[float]]:
    """An answer, seconds and CPU seconds of some runs after one that warms up."""
    answer, wall, cpu = work(), [], []
    for _ in range(runs):
        began, busy = time.perf_counter(), time.process_time()
        answer = work()
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - busy)
    return answer, wall, cpu


READ = {
    "funnel": lambda s: (s.times, s.codes, s.labels["plan"].codes),
    "pairs": lambda s: (s.times, s.codes),
    "weeks": lambda s: (s.times,),
}
"""The columns of steps each question reads."""


def bare(steps: list[Steps], question: str) -> int:
    """A bare sum over the columns a question reads, in two threads."""
    with ThreadPoolExecutor(2) as threads:
        return sum(threads.map(lambda s: sum(int(column.sum()) for column in READ[question](s)), steps))


def anonymous_mb() -> float:
    """Memory of this process that is not mapped from files."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon")) / 1024


def ours(where: Path) -> dict:
    """The three questions."""
    steps = mapped(where)
    before = anonymous_mb()
    told: dict = {}
    stages = [Stage(names=(NAMES[s],)) for s in STAGES]
    for name, work in (
        ("funnel", lambda: funnel(steps, stages, within=WITHIN, by="plan")),
        ("pairs", lambda: follow(steps, pause=PAUSE, threes=20)),
        ("weeks", lambda: returning(steps, ([None] * 26, WEEKS))),
    ):
        found, wall, cpu = timed(work)
        _, _, summed = timed(lambda: bare(steps, name))  # noqa: B023  called at once
        told[name] = {
            "wall": wall,
            "cpu": cpu,
            "sum": summed,
            "answer": ANSWERS[name](found),
            "mb": anonymous_mb() - before,
        }
    told["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return told


def pages(root: Path) -> dict:
    """Pages of a served workspace, of periods nobody asked for before; one is asked first, so that all is warm."""
    served, told = Pages(root), {}
    try:
        for name, asked in PAGES.items():
            where, _, scope = asked.partition("?")
            served.get(f"/{where}.svg?{scope}period=2026-Q1")
            told[name] = []
            for month in (4, 5, 6):  # the chart waits for the answer, the page then has both
                where, _, scope = asked.partition("?")
                drawn = served.get(f"/{where}.svg?{scope}period=2026-0{month}")
                told[name].append(drawn + served.get(f"/{asked}period=2026-0{month}"))
    finally:
        served.close()
    return told


_WAY = "%20%E2%86%92%20".join(NAMES[s] for s in STAGES)
PAGES = {
    "funnel": f"journey/funnel?window=7d&steps={_WAY}&",
    "paths": f"journey/paths?start={NAMES[3]}&",
    "discovered": "journey/discovered?",
    "retention": "journey/retention?",
}  # fmt: skip


ANSWERS = {
    "funnel": lambda f: f.by_value[1:].tolist(),
    "pairs": lambda f: [
        sorted([int(a), int(b), int(n)] for a, b, n in zip(f.sources, f.targets, f.counts, strict=True)),
        [[*map(NAMES.index, path), n] for path, n in f.threes],
    ],
    "weeks": lambda f: [[p, k, int(f.seen[p, k])] for p in range(26) for k in range(26 - p) if f.seen[p, k]],
}  # fmt: skip


def cache(where: Path, events: int) -> dict:
    """Arrange a settled generation, then refresh it with a hundredth more, several times; kernels are loaded before."""
    _arranged(where / "small", 100_000, 2)
    return _arranged(where / "workspace", events, REFRESHES)


def _arranged(root: Path, events: int, refreshes: int) -> dict:
    shutil.rmtree(root, ignore_errors=True)
    with Workspace.open(root, given=Settings(buckets=16, memory="2GB", threads=2)) as workspace:
        lake, steps = workspace.lake, made(events, max(events // 50, 1))
        workspace.declare(Declarations(dimensions=(Dimension(name="plan"),)))
        declared = workspace.declarations()[1]
        files = [lake.write(_rows(s, 0, slice(None)), kind="event", role="base", bucket=n) for n, s in enumerate(steps)]
        every = sum(s.n for s in steps)
        generation = _published(lake, files, every)
        _, wall, cpu = _once(lambda: workspace.stepping.of(generation, declared))
        told = {"events": every, "new": 0, "build": wall, "build_cpu": cpu, "refresh": [], "refresh_cpu": []}
        recent = [_last(s, share=0.01) for s in steps]
        for number in range(1, refreshes + 1):
            came = zip(steps, recent, strict=True)
            more = pa.concat_tables([_rows(s, every * number, rows, later=2 * DAY * number) for s, rows in came])
            run = lake.write(more, kind="event", role="run")
            generation = _published(lake, [*generation.files, run], every * (number + 1))
            found, wall, cpu = _once(lambda: workspace.stepping.of(generation, declared))  # noqa: B023  called at once
            told["refresh"].append(wall)
            told["refresh_cpu"].append(cpu)
            told["new"] += more.num_rows
        told["in_all"] = sum(s.n for s in found.steps)
    return told


def _once(work) -> tuple[object, float, float]:
    began, busy = time.perf_counter(), time.process_time()
    found = work()
    return found, time.perf_counter() - began, time.process_time() - busy


def _published(lake, files, position):
    return lake.publish(
        position=position, declarations=0, files=files, words={"format": FORMAT, "customer": "person", "again": ""}
    )


def _last(steps: Steps, *, share: float) -> np.ndarray:
    """The rows of the last days: a hundredth of all."""
    return np.flatnonzero(steps.times >= np.quantile(steps.times[::97], 1 - share))


def _rows(steps: Steps, first: int, rows, later: int = 0) -> pa.Table:
    """Events as they lie in the lake, so many microseconds later."""
    schema = SETTLED["event"]
    whose = np.repeat(steps.customers, np.diff(steps.starts))[rows]
    names = pa.DictionaryArray.from_arrays(pa.array(steps.codes[rows].astype(np.int32)), pa.array(NAMES))
    one = pa.repeat(pa.scalar(0, pa.int32()), len(whose))
    columns = {
        "customer": pa.array(whose), "occurred_at": pa.array(steps.times[rows] + later).cast(pa.timestamp("us")),
        "position": pa.array(np.arange(len(whose)) + first), "name": names, "moved": one,
        "error": pa.DictionaryArray.from_arrays(one, pa.array(["timeout"])).take(
            pa.array(np.zeros(len(whose), np.int64), mask=~steps.failed[rows])
        ),
    }  # fmt: skip
    return pa.table([columns.get(f.name, pa.nulls(len(whose), f.type)) for f in schema], names=schema.names)


if __name__ == "__main__":
    what, place = sys.argv[1], Path(sys.argv[2])
    place.mkdir(parents=True, exist_ok=True)
    work = {"make": make, "ours": ours, "cache": cache, "pages": pages}[what]
    print(json.dumps(work(place, *(int(n) for n in sys.argv[3:]))))
