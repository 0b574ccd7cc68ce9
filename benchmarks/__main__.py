"""``python -m benchmarks [WHAT] [--signals N]``: measure what is named, write benchmarks/RESULTS*.md."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks import (
    asking,
    drivers,
    effects,
    exported,
    floor,
    ids,
    importing,
    intake,
    lifetimes,
    plants,
    proofs,
    segments,
    steps,
    subsets,
    trying,
    watching,
)
from benchmarks.measuring import write

HERE = Path(__file__).parent


def main() -> None:
    """Measure what is asked for; import, asking and intake by default, the longer tables by name."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument(
        "what",
        nargs="?",
        choices=[
            "import",
            "ask",
            "large",
            "ids",
            "floor",
            "intake",
            "segments",
            "drivers",
            "proof",
            "lifetimes",
            "effects",
            "watch",
            "steps",
            "trying",
            "otlp",
            "subsets",
            "plants",
        ],
    )
    parser.add_argument("--signals", type=int, default=None)
    given = parser.parse_args()
    work = HERE / "work"
    work.mkdir(exist_ok=True)
    if given.what == "large":
        write(asking.table(work, signals=given.signals or 100_000_000), HERE / "RESULTS-large.md")
        return
    if given.what == "plants":
        found, calm = plants.measure(work)
        plants.write(found, calm, HERE / "RESULTS-plants.md", command="make plants")
        return
    rows = []
    if given.what == "ids":
        rows += ids.measure(work, known=given.signals or ids.KNOWN)
    if given.what == "segments":
        rows += segments.measure(work, seals=given.signals or segments.SEALS)
    if given.what == "proof":
        rows += proofs.measure()
    if given.what == "lifetimes":
        rows += lifetimes.measure()
    if given.what == "effects":
        rows += effects.measure(work, rows=given.signals or effects.ROWS)
    if given.what in {None, "otlp"}:
        rows += exported.measure(work)
    if given.what == "subsets":
        rows += subsets.measure()
    if given.what in {None, "trying"}:
        rows += trying.measure(work)
    if given.what == "steps":
        rows += steps.measure(work, events=given.signals or steps.EVENTS)
    if given.what == "watch":
        rows += watching.measure()
    if given.what == "floor":
        rows += floor.measure(work, known=given.signals or ids.KNOWN)
    if given.what in {None, "drivers"}:
        rows += drivers.measure(work, rows=given.signals or drivers.ROWS)
    if given.what in {None, "import"}:
        rows += importing.measure(work)
    if given.what in {None, "ask"}:
        rows += asking.measure(work, signals=given.signals or 10_000_000)
    if given.what in {None, "intake"}:
        rows += intake.measure(work, known=given.signals if given.what and given.signals else ids.KNOWN)
    if given.what == "steps" and given.signals:
        write(rows, HERE / f"RESULTS-steps-{given.signals // 1_000_000}.md")
        return
    write(rows, HERE / ("RESULTS.md" if given.what is None else f"RESULTS-{given.what}.md"))
    for row in rows:
        print(f"{'ok ' if row.met else '-- '} {row.name}: {row.figure} (target {row.target})")


if __name__ == "__main__":
    main()
