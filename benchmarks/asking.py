"""Questions on a large log: the whole State of the Customer, a repeated view, a scope never seen before, while an
import runs; how quickly the pages are up, and what they cost idle."""

from __future__ import annotations

import http.cookiejar
import json
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from itertools import product
from pathlib import Path

from benchmarks.importing import csv_of, mapping_of
from benchmarks.measuring import REGARD, Row, median, quantile, run, tree_mb

QUESTIONS = (
    "customers/ledger",
    "journey/map",
    "journey/promises",
    "listening/scores",
    "listening/drivers",
    "listening/contacts",
)
ESTIMATES = (
    "customers/reasons",
    "customers/value",
    "customers/renewals",
    "listening/silence",
    "listening/disconnects",
    "leadership/progress",
    "leadership/priorities",
    "leadership/proof",
    "leadership/policies",
    "reliability/disruptions",
)
"""Questions that fit models to the whole base, told beside the others."""


class Pages:
    """A served workspace and a browser's cookie."""

    def __init__(self, workspace: Path) -> None:
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            [*REGARD, "serve", "-w", str(workspace), "--port", "0"],
            stdout=subprocess.PIPE,
            text=True,
            stderr=subprocess.STDOUT,
        )
        link = self._link()
        self.base = re.match(r"http://[^/]+", link)[0]
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
        self.opener.open(link, timeout=60).read()
        self.up = time.perf_counter() - self.started

    def _link(self) -> str:
        for line in self.process.stdout:
            found = re.search(r"http://\S+/sign-in\S+", line)
            if found:
                return found[0]
        raise RuntimeError("serve printed no sign-in link")

    def get(self, path: str) -> float:
        """Seconds one page took, body read."""
        started = time.perf_counter()
        with self.opener.open(self.base + path, timeout=300) as answer:
            answer.read()
        return time.perf_counter() - started

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)


def workspace_of(signals: int, work: Path) -> Path:
    """A made-up company of that size, made once."""
    path = work / f"company-{signals}"
    if not (path / "truth.json").exists():
        shutil.rmtree(path, ignore_errors=True)
        done = run([*REGARD, "simulate", "-w", str(path), "--signals", str(signals), "--seed", "7"])
        if done.code != 0:
            raise RuntimeError(done.output)
    return path


def measure(work: Path, *, signals: int = 10_000_000) -> list[Row]:
    """All rows about asking."""
    company = workspace_of(signals, work)
    size = f"{signals / 1e6:g} M signals"
    state = [run([*REGARD, "report", "-w", str(company), "--out", str(work / "state.html")]) for _ in range(3)]
    rows = [
        Row(
            name=f"State of the Customer, {size}, one process from nothing",
            figure=f"{median([s.seconds for s in state]):.1f} s, {max(s.peak_mb for s in state):,.0f} MB",
            target="under 20 s and 2 GB", met=all(s.code == 0 for s in state)
            and median([s.seconds for s in state]) < 20 and max(s.peak_mb for s in state) < 2048,
            command="python -m benchmarks ask", runs=[s.seconds for s in state],
        )
    ]  # fmt: skip
    return rows + _pages(company, work, size)


def _pages(company: Path, work: Path, size: str) -> list[Row]:
    pages = Pages(company)
    try:
        time.sleep(5)
        idle = tree_mb(pages.process.pid)
        source, mapping = str(csv_of(10_000_000, work)), str(mapping_of(work))
        command = [*REGARD, "import", source, "-w", str(company), "--mapping", mapping, "--yes", "--json"]
        importing = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        new = _unseen(pages)
        old = [pages.get(f"/{q}.json?period=2026-Q3") for _ in range(40) for q in QUESTIONS[:1] + QUESTIONS[3:4]]
        still = importing.poll() is None
        importing.send_signal(signal.SIGINT)
        importing.wait(timeout=120)
    finally:
        pages.close()
    _take_back(company)
    under = "while an import runs" if still else "(the import ended before)"
    return [
        Row(name="`regard serve` up: command to first page", figure=f"{pages.up:.2f} s", target="under 2 s",
            met=pages.up < 2, command="python -m benchmarks ask", runs=[pages.up]),
        Row(name="`regard serve` idle, all processes (resident)", figure=f"{idle:,.0f} MB", target="under 300 MB",
            met=idle < 300, command="python -m benchmarks ask", runs=[idle]),
        Row(name=f"A scope never seen before, {size}, {under}: each question through its page's JSON",
            figure=_each(new, QUESTIONS), target="under 1.5 s",
            met=all(median(new[q]) < 1.5 for q in QUESTIONS), command="python -m benchmarks ask",
            runs=[x for q in QUESTIONS for x in new[q]]),
        Row(name="The same for the questions that fit models to the whole base", figure=_each(new, ESTIMATES),
            target="said", met=None, command="python -m benchmarks ask", runs=[x for q in ESTIMATES for x in new[q]]),
        Row(name=f"A repeated view, {size}, {under}: p95", figure=f"{quantile(old, 0.95) * 1000:.0f} ms",
            target="under 150 ms", met=quantile(old, 0.95) < 0.15, command="python -m benchmarks ask", runs=old),
    ]  # fmt: skip


def _each(seconds: dict[str, list[float]], questions: tuple[str, ...]) -> str:
    return "; ".join(f"{q} {median(seconds[q]):.2f} s" for q in questions)


def _take_back(company: Path) -> None:
    """Undo what the interrupted import had brought, so that the next measurement finds the same log."""
    batches = json.loads(run([*REGARD, "batches", "-w", str(company), "--json"]).output)["batches"]
    for batch in batches:
        if batch["source"] != "simulation" and batch["undone"] is None:
            run([*REGARD, "import", "--undo", str(batch["id"]), "-w", str(company), "--json"])


def _unseen(pages: Pages) -> dict[str, list[float]]:
    pages.get("/customers/ledger.json?period=2026-Q3")  # a worker is up; what follows are scopes it never saw
    pairs = product((4, 5, 6), ("Alps", "Iberia"))
    scopes = [f"period=2026-0{month}&where=region%3D{region}" for month, region in pairs]
    asked = QUESTIONS + ESTIMATES
    return {question: [pages.get(f"/{question}.json?{scope}") for scope in scopes[:4]] for question in asked}


def table(work: Path, *, signals: int) -> list[Row]:
    """Which questions still answer at a larger size, in what time: one command each, process start included."""
    company = workspace_of(signals, work)
    rows = []
    for question in QUESTIONS:
        done = run([*REGARD, *question.split("/"), "-w", str(company), "--json"], timeout=1800)
        figure = f"{done.seconds:.1f} s, {done.peak_mb:,.0f} MB" if done.code in {0, 3} else f"no answer ({done.code})"
        rows.append(
            Row(name=f"{question}, {signals / 1e6:g} M signals", figure=figure, target="a table, to grow", met=None,
                command=f"python -m benchmarks large --signals {signals}", runs=[done.seconds])
        )  # fmt: skip
    return rows


if __name__ == "__main__":
    sys.exit("run: python -m benchmarks")
