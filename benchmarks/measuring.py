"""How a figure is taken: whole processes, wall clock and peak memory from the operating system, medians of runs."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

REGARD = [sys.executable, "-m", "regard.cli"]


@dataclass(kw_only=True)
class Row:
    """One measured figure."""

    name: str
    figure: str
    target: str
    met: bool | None
    command: str
    runs: list[float] = field(default_factory=list)
    note: str = ""


@dataclass
class Run:
    """One finished process: seconds, peak resident megabytes of it and its children, what it printed."""

    seconds: float
    peak_mb: float
    output: str
    code: int


def run(command: list[str], *, env: dict[str, str] | None = None, timeout: float = 3600, sampled: bool = True) -> Run:
    """Run a command to its end, sampling the memory of its whole tree; not where seconds alone are asked for, since
    sampling costs a process of many threads more than one of few."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, **(env or {})}
    )
    peak = [0.0]
    watching = threading.Thread(target=_watch, args=(process, peak), daemon=True)
    if sampled:
        watching.start()
    output, _ = process.communicate(timeout=timeout)
    if sampled:
        watching.join(timeout=1)
    return Run(time.perf_counter() - started, peak[0], output, process.returncode)


def _watch(process: subprocess.Popen[str], peak: list[float]) -> None:
    while process.poll() is None:
        peak[0] = max(peak[0], tree_mb(process.pid))
        time.sleep(0.05)


def tree_mb(pid: int) -> float:
    """Resident megabytes of a process and everything below it; pages shared between them counted once each process
    proportionally (PSS) where the system tells, else RSS."""
    total = 0.0
    for each in _tree(pid):
        total += _memory(each)
    return total


def _tree(pid: int) -> list[int]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            for child in task.read_text().split():
                found += _tree(int(child))
        except OSError:
            continue
    return found


def cpu_seconds(pid: int, module: str) -> float:
    """CPU seconds so far of the processes below one that run a module."""
    total = 0.0
    for each in _tree(pid):
        try:
            words = Path(f"/proc/{each}/cmdline").read_bytes().split(b"\0")
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if module.encode() in words:
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def _memory(pid: int) -> float:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    except OSError:
        return 0.0
    return 0.0


def median(values: list[float]) -> float:
    """The middle of some runs."""
    return statistics.median(values)


def quantile(values: list[float], share: float) -> float:
    """The value below which a share of the runs lies (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def write(rows: list[Row], path: Path) -> None:
    """The table and its raw runs, dated."""
    stamp = time.strftime("%Y-%m-%d")
    lines = [f"Measured {stamp}, {os.cpu_count()} cores, Python {sys.version.split()[0]}.", ""]
    lines += ["| what | figure | target | met | command |", "|---|---|---|---|---|"]
    for row in rows:
        met = {True: "yes", False: "**no**", None: "–"}[row.met]
        note = f"<br>{row.note}" if row.note else ""
        lines.append(f"| {row.name} | {row.figure}{note} | {row.target} | {met} | `{row.command}` |")
    path.write_text("\n".join(lines) + "\n", "utf-8")
    path.with_suffix(".json").write_text(json.dumps([asdict(r) for r in rows], indent=1), "utf-8")


def own_peak_mb() -> float:
    """Peak resident megabytes of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
