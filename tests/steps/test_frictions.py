"""What customers met at each step equals plain Python on random logs."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
import slowly

from regard.steps.frictions import AGAIN, BACK, COUNTS, ERROR, GOAL, LAST, LIVELY, OPEN, frictions

SECOND = 1_000_000


def met_in(run, name):
    """Bits of one journey at one step, and how often and how long each was."""
    bits, counts, seen, before = 0, Counter(), None, None
    for t, n, failed, *_ in run:
        same = before == (n, t)
        if n == name:
            bits |= ERROR * failed
            if not same:
                counts["times"] += 1
                counts["errors"] += failed
                if seen is not None:
                    what, bit = ("again", AGAIN) if before[0] == n else ("back", BACK)
                    bits |= bit
                    counts[what] += 1
                    counts[f"lost_{what}"] += t - seen
            seen = t
        before = (n, t)
    return bits, counts


def begun(log, pause, start):
    """Journeys from the first step on that begins one, and whether any step came after their pause."""
    for whose, journey in log.journeys.items():
        run = []
        for step in journey:
            if not log.selection.since <= step[0] < log.selection.until:
                continue
            if run and step[0] - run[-1][0] > pause:
                yield whose, run, True
                run = []
            if run or step[1] in start:
                run.append(step)
        if run:
            yield whose, run, False


def plainly(log, pause, start, goal):
    rows, ever, counts, ends = {}, defaultdict(int), defaultdict(Counter), defaultdict(lambda: [0, 0, 0, 0])
    end = min(log.end, log.selection.until)
    for whose, run, closed in begun(log, pause, start):
        waits, reached = not closed and end - run[-1][0] <= pause, any(s[1] in goal for s in run)
        for name in {s[1] for s in run}:
            bits, counted = met_in(run, name)
            last = run[-1][1] == name
            first = next(s[0] for s in run if s[1] == name)
            lively = sum(first - s[0] <= LIVELY for s in log.journeys[whose][: log.journeys[whose].index(
                next(s for s in run if s[1] == name))])  # fmt: skip
            told = (first, bits | LAST * last | GOAL * reached | OPEN * waits, lively)
            rows.setdefault((whose, name), told)
            if not waits:
                ends[whose, name][0 if bits & ERROR else 2] += 1
                ends[whose, name][1 if bits & ERROR else 3] += last and not reached
            ever[whose, name] |= bits | LAST * (last and not reached and not waits)
            counts[name] += counted + Counter(
                journeys=1, stopped=last and not reached and not waits, waiting=last and not reached and waits
            )
    return rows, ever, counts, ends


@pytest.mark.parametrize("seed", range(24))
def test_frictions_are_those_of_plain_python(seed):
    log = slowly.random_log(seed)
    pause, goal = [7, 20, 200][seed % 3] * SECOND, [(), ("D",)][seed % 2]
    start = [None, ("A", "C"), ("B",)][seed // 2 % 3]

    found = frictions(log.steps, pause=pause, start=start, goal=goal, selection=log.selection)

    rows, ever, counts, ends = plainly(log, pause, start or "ABCD", goal)
    told = {}
    for i, (whose, code) in enumerate(zip(found.customers.tolist(), found.codes.tolist(), strict=True)):
        key = (whose, found.names[code])
        assert key not in told
        told[key] = (int(found.times[i]), int(found.first[i]), int(found.lively[i]))
        assert int(found.ever[i]) == ever[key], key
        assert found.ends[i].tolist() == ends[key], key
    assert told == rows
    for code, name in enumerate(found.names):
        assert dict(zip(COUNTS, found.counts[code].tolist(), strict=True)) == {w: counts[name][w] for w in COUNTS}
