"""Moves and lines beside plain Python on random logs, and beside the kernel that only counts."""

import sys
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "steps"))
from slowly import random_log

from regard.journey.flows import BEGIN, END, Journeys, changed, covering, lines_of, moves
from regard.steps.follows import follow

SECOND = 1_000_000


def slowly(log, start, within):
    """(customer, from, to, seconds, failed) of each move; names of ends; how many are open. One step at a time."""
    found, still = [], 0
    bound = within if within is not None else 1 << 62
    for who, journey in log.journeys.items():
        steps = [s for s in journey if log.selection.since <= s[0] < log.selection.until]
        runs, last = [[]], None
        for at, name, failed, _ in steps:
            if start:
                last = at if name in start else last
                if last is None or at - last > bound:
                    runs.append([])
                    continue
            elif runs[-1] and at - runs[-1][-1][0] > bound:
                runs.append([])
            runs[-1].append((at, name, failed, last if start else at))
        for one in filter(None, runs):
            run, begun = [step[:3] for step in one], one[-1][3]
            found.append((who, "begin", run[0][1], None, run[0][2]))
            for (t0, n0, _), (t1, n1, bad) in pairwise(run):
                found.append((who, n0, n1, (t1 - t0) / SECOND, bad))
            if begun > log.end - bound:
                still += 1
            else:
                found.append((who, run[-1][1], "end", None, False))
    return found, still


@pytest.mark.parametrize("about", [((), None), ((), 60 * SECOND), (("A",), None), (("A", "C"), 30 * SECOND)], ids=str)
@pytest.mark.parametrize("seed", range(12))
def test_moves_are_those_of_plain_python(seed, about):
    log = random_log(seed)
    found = moves(log.steps, Journeys(start=about[0], within=about[1]), selection=log.selection)
    names = [*log.steps[0].names, "end", "begin"]  # END is -2, BEGIN is -1
    told = Counter(
        (int(w), names[s], names[t], None if np.isnan(x) else float(x), bool(f))
        for w, s, t, x, f in zip(found.who, found.source, found.target, found.seconds, found.failed, strict=True)
    )
    expected, still = slowly(log, *about)

    assert told == Counter(expected)
    assert found.open == still
    assert found.journeys == sum(e[1] == "begin" for e in expected)


@pytest.mark.parametrize("seed", [1, 2, 4])
def test_lines_are_those_the_kernel_counts(seed):
    log = random_log(seed)
    found = moves(log.steps, Journeys(within=60 * SECOND), selection=log.selection)
    counted = follow(log.steps, pause=60 * SECOND, selection=log.selection)
    lines = {(x.source, x.target): x for x in lines_of(found) if x.source != BEGIN and x.target != END}

    assert {k: (x.times, x.customers) for k, x in lines.items()} == {
        (int(s), int(t)): (int(n), int(c))
        for s, t, n, c in zip(counted.sources, counted.targets, counted.counts, counted.customers, strict=True)
    }
    assert found.ties == counted.ties
    assert found.journeys == counted.journeys


def test_shares_times_and_errors_of_a_line():
    log = random_log(4)
    found = moves(log.steps, Journeys())
    for line in lines_of(found):
        here = (found.source == line.source) & (found.target == line.target)
        voices = defaultdict(lambda: [0, 0])
        for who, source, target in zip(found.who, found.source, found.target, strict=True):
            if source == line.source:
                voices[int(who)][0] += 1
                voices[int(who)][1] += target == line.target
        assert line.share.value == pytest.approx(np.mean([b / a for a, b in voices.values()]))
        assert line.share.n == len(voices)
        assert line.errors == pytest.approx(found.failed[here].mean())
        if np.isfinite(line.median):
            assert [line.median, line.slow] == pytest.approx(np.quantile(found.seconds[here], [0.5, 0.9]))


def test_coverage_takes_the_most_frequent_lines_until_it_is_reached():
    lines = lines_of(moves(random_log(4).steps, Journeys()))
    total = sum(x.times for x in lines)
    for share in (0.3, 0.8, 1.0):
        kept = covering(lines, share)
        assert sum(x.times for x in kept) >= share * total - 1e-6
        assert sum(x.times for x in kept[:-1]) < share * total


def test_one_in_so_many_customers_is_whole_customers():
    log = random_log(4)
    whole, some = moves(log.steps, Journeys()), moves(log.steps, Journeys(one_in=3))
    assert 0 < len(set(some.who.tolist())) < len(set(whole.who.tolist()))
    for who in set(some.who.tolist()):
        assert (some.who == who).sum() == (whole.who == who).sum()


def test_a_change_is_compared_by_customer():
    log = random_log(4)
    found = moves(log.steps, Journeys())
    told = changed(found, found.at >= np.median(found.at))
    assert told.people == len(set(found.who.tolist()))
