"""Questions about paths beside Polars, DuckDB and chdb on the same steps, the map beside pm4py's, the column cache."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.measuring import Row, median
from benchmarks.peers import PYTHON, ROOT
from benchmarks.stepdata import DAY, FIRST, NAMES, made
from benchmarks.steppeers import PEERS, PM4PY
from benchmarks.stepwork import BESIDE, PAUSE, WITHIN, timed
from regard.steps.columns import of_arrays
from regard.steps.follows import follow

EVENTS = 50_000_000
ARRANGED = 10_000_000
MAPPED = 500_000
QUESTIONS = {
    "funnel": "Four steps within 7 days, by plan",
    "pairs": "What follows what, and the top paths of three, in sessions of 30 minutes",
    "weeks": "Weekly retention",
}


def measure(work: Path, *, events: int = EVENTS) -> list[Row]:
    """All rows of this table."""
    where = work / "steps"
    shutil.rmtree(where, ignore_errors=True)
    where.mkdir(parents=True)
    command = "python -m benchmarks steps" + (f" --signals {events}" if events != EVENTS else "")
    try:
        _own("make", where, events)
        ours = _own("ours", where)
        peers = {name: _peer(script, where) for name, script in PEERS.items()} if events <= BESIDE else {}
        rows = [_question(name, ours, peers, events, command) for name in QUESTIONS]
        most = max(ours[name]["mb"] for name in QUESTIONS)
        rows.append(
            Row(name=f"Memory of the three beside the mapped files, {events / 1e6:.0f} M events",
                figure=f"{most:,.0f} MB", target="< 1,000 MB", met=most < 1000, command=command)
        )  # fmt: skip
        if events <= BESIDE:
            rows += [*_cached(where, ARRANGED, command), *_cached(where, events, command)]
            rows += [*_pages(where, events, command), _map(where, command)]
    finally:
        shutil.rmtree(where, ignore_errors=True)
    return rows


def _own(*words: object) -> dict:
    """One of Regard's own pieces, in a process of its own."""
    what = [str(w) for w in words]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.stepwork", *what], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return json.loads(done.stdout.strip().splitlines()[-1])


def _peer(script: str, where: Path) -> dict:
    given = [where, WITHIN, PAUSE, FIRST, 7 * DAY]
    done = subprocess.run(
        [PYTHON, "-c", script, *(str(g) for g in given)], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": "", "POLARS_MAX_THREADS": "2"},
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout.strip().splitlines()[-1])


def _question(name: str, ours: dict, peers: dict[str, dict], events: int, command: str) -> Row:
    mine = ours[name]
    seconds, busy = median(mine["wall"]), median(mine["cpu"])
    scans = busy / median(mine["sum"])
    told = [f"CPU {busy:.3f} s, {scans:.1f} times a bare sum over the same columns"]
    met, figure = seconds < 0.3 * events / EVENTS, f"{seconds:.3f} s"
    if peers:
        walls = {peer: min(found[name]["wall"]) for peer, found in peers.items()}
        cpus = {peer: min(found[name]["cpu"]) for peer, found in peers.items()}
        best = min(walls, key=lambda peer: walls[peer])
        same = all(found[name]["answer"] == mine["answer"] for found in peers.values())
        least = min(cpus.values())
        ratio = walls[best] / seconds
        figure += f"; {ratio:.1f} times as fast as the best, {best}; {'same' if same else 'OTHER'} answers"
        told += [f"{p}: {walls[p]:.2f} s, CPU {cpus[p]:.2f} s" for p in peers]
        told += [f"by CPU seconds {least / busy:.1f} times less than the best"]
        met = met and ratio >= 5 and same and scans <= 3
    target = f"< {0.3 * events / EVENTS:.1f} s" + (
        "; ≥ 5 times the best peer; ≤ 3 bare sums" if peers else ", in a line"
    )
    return Row(
        name=f"{QUESTIONS[name]}, {events / 1e6:.0f} M events, warm", figure=figure, target=target,
        met=met, command=command, runs=mine["wall"], note="; ".join(told),
    )  # fmt: skip


def _cached(where: Path, events: int, command: str) -> list[Row]:
    found = _own("cache", where, events)
    assert found["in_all"] == found["events"] + found["new"]
    rate, size = found["events"] / found["build"], f"{events / 1e6:.0f} M events"
    shares = [each / found["build"] for each in found["refresh"]]
    busy = [each / found["build_cpu"] for each in found["refresh_cpu"]]
    told = ", ".join(f"{100 * share:.1f}" for share in shares)
    return [
        Row(name=f"Column cache of a settled generation, {size}", figure=f"{rate / 1e6:.1f} M events/s",
            target="≥ 5 M events/s", met=rate >= 5e6, command=command, note=f"CPU {found['build_cpu']:.2f} s"),
        Row(name=f"Column cache after 1 % new events, in every bucket, {size}", runs=found["refresh"],
            figure=f"{100 * shares[0]:.1f} % of a full build; {len(shares)} in a row {100 * median(shares):.1f} % each",
            target="< 5 %", met=shares[0] < 0.05 and median(shares) < 0.05, command=command,
            note=f"{1000 * found['refresh'][0]:.0f} ms of {found['build']:.2f} s, CPU {100 * busy[0]:.1f} %; "
            f"in a row: {told} %, where from tails of 4 % on one of 16 buckets is folded each time; mapping the new "
            "files is included, kernels were loaded before"),
    ]  # fmt: skip


def _pages(where: Path, events: int, command: str) -> list[Row]:
    """Pages of the workspace whose cache was just measured, tails included."""
    found = _own("pages", where / "workspace")
    return [
        Row(name=f"Page of journey/{name}, with its chart, {events / 1e6:.0f} M events, warm, a new period",
            figure=f"{1000 * median(seconds):.0f} ms", target="< 500 ms", met=median(seconds) < 0.5, command=command,
            runs=seconds)
        for name, seconds in found.items()
    ]  # fmt: skip


def _map(where: Path, command: str) -> Row:
    """The directly-follows map of the same events: pm4py's discovery on a frame it has formatted, and ours."""
    steps = made(MAPPED, MAPPED // 50, slices=1)
    s = steps[0]
    table = pa.table({
        "case": pa.array(np.repeat(np.arange(len(s.customers)), np.diff(s.starts))).cast(pa.string()),
        "name": pa.array(np.array(NAMES)[s.codes]), "time": pa.array(s.times).cast(pa.timestamp("us", "UTC")),
    })  # fmt: skip
    pq.write_table(table, where / "map.parquet")
    found, wall, _ = timed(lambda: follow(steps))
    whole, names = table["case"], table["name"]
    _, from_rows, _ = timed(lambda: follow([of_arrays(whole, s.times, names)], times=True))
    done = subprocess.run(
        [PYTHON, "-c", PM4PY, where / "map.parquet"], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-2000:])
    theirs = json.loads(done.stdout.strip().splitlines()[-1])
    edges = zip(found.sources.tolist(), found.targets.tolist(), found.counts.tolist(), strict=True)
    same = sorted([NAMES[a], NAMES[b], n] for a, b, n in edges) == theirs["answer"]
    ratio = min(theirs["wall"]) / median(wall)
    return Row(
        name=f"Directly-follows map beside pm4py's, {MAPPED:,} events",
        figure=f"{median(wall):.3f} s; {ratio:.0f} times as fast; {'same' if same else 'OTHER'} edges",
        target="≥ 50 times pm4py, same edges", met=ratio >= 50 and same, command=command, runs=wall,
        note=f"pm4py {min(theirs['wall']):.2f} s for the map alone; from rows of a table, with the times of its edges: "
        f"{median(from_rows):.2f} s, pm4py (formatting and map, no times) {theirs['whole']:.2f} s",
    )  # fmt: skip
