"""The same answers in plain Python, one customer and one step at a time: what the kernels are compared with."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from regard.steps.columns import EVER, NEVER, Later, Selection, of_arrays


@dataclass
class Random:
    """A small random log in one or two slices, with ties, customers of one step, masks and bounds of time."""

    steps: list = field(default_factory=list)
    selection: Selection = field(default_factory=Selection)
    journeys: dict = field(default_factory=dict)  # customer -> [(time, name, failed, row kept, label)]
    end: int = 0


def random_log(seed: int) -> Random:
    rng = np.random.default_rng(seed)
    n = int(rng.choice([0, 1, 5, 60, 200]))
    customer = rng.integers(0, max(n // 8, 1), n)
    time = rng.integers(0, int(rng.choice([5, 50, 1000])), n) * 1_000_000
    name = rng.choice(list("ABCD"), n)
    failed = rng.random(n) < 0.2
    label = rng.choice(["", "x", "y"], n)
    log = Random()
    half = customer % 2 == 0 if seed % 3 else np.ones(n, bool)
    for part in (half, ~half):
        log.steps.append(_slice(customer[part], time[part], name[part], failed[part], label[part]))
    bounds = sorted(rng.integers(0, 1000, 2) * 1_000_000) if seed % 4 == 0 else (EVER, NEVER)
    customers = [rng.random(len(s.customers)) < 0.8 for s in log.steps] if seed % 5 == 0 else None
    rows = [rng.random(s.n) < 0.8 for s in log.steps] if seed % 2 == 0 else None
    end = int(rng.integers(0, 1100)) * 1_000_000 if seed % 3 == 0 else None
    log.selection = Selection(since=int(bounds[0]), until=int(bounds[1]), customers=customers, rows=rows, end=end)
    log.end = end if end is not None else max([int(t) for t in time], default=0)
    for number, s in enumerate(log.steps):
        for c, whose in enumerate(s.customers.tolist()):
            if customers is not None and not customers[number][c]:
                continue
            log.journeys[whose] = [
                (
                    int(s.times[i]),
                    s.names[s.codes[i]],
                    bool(s.failed[i]),
                    s.labels["plan"].values[s.labels["plan"].codes[i]],
                )
                for i in range(s.starts[c], s.starts[c + 1])
                if rows is None or rows[number][i]
            ]
    if seed // 2 % 2:  # the same steps as the cache keeps them when some came later: each customer's in two parts
        split = [in_two_parts(s, rng) for s in log.steps]
        log.steps = [steps for steps, _ in split]
        if rows is not None:
            masks = [np.append(mask, False)[row] for mask, (_, row) in zip(rows, split, strict=True)]
            log.selection = replace(log.selection, rows=masks)
    return log


def in_two_parts(s, rng):
    """Steps of which each customer's last few lie behind all others; and of each row which step it is, -1 for none."""
    base, tail, starts, stops, begins, ends = [], [], [], [], [], []
    for low, high in pairwise(s.starts.tolist()):
        cut = int(rng.integers(low, high + 1)) if rng.random() < 0.8 else high
        while low < cut < high and s.times[cut] == s.times[cut - 1]:
            cut -= 1  # no two of equal time lie in different parts
        starts.append(len(base))
        base += range(low, cut)
        stops.append(len(base))
        base += [-1] * int(rng.integers(3) if cut < high else 0)  # rows that moved behind stay as nobody's
        begins.append(len(tail))
        tail += range(cut, high)
        ends.append(len(tail))
    starts.append(len(base))
    gap = len(base) + int(rng.integers(4))
    row = np.array([*base, *[-1] * (gap - len(base)), *tail], np.int64)
    later = Later(np.array(stops, np.int64), gap + np.array(begins, np.int64), gap + np.array(ends, np.int64))
    junk = rng.integers(0, s.n or 1, len(row))
    at = np.where(row < 0, junk, row)
    if not s.n:
        return s, row
    labels = {name: type(each)(each.codes[at], each.values) for name, each in s.labels.items()}
    made = replace(s, starts=np.array(starts, np.int64), times=s.times[at], codes=s.codes[at], failed=s.failed[at],
                   labels=labels, later=later)  # fmt: skip
    return made, row


def _slice(customer, time, name, failed, label):
    vocabulary = list("ABCD")
    made = of_arrays(customer, time, name.tolist(), failed=failed, labels={"plan": label.tolist()})
    codes = np.array([vocabulary.index(n) for n in made.names], np.uint16)
    values = ("", "x", "y")
    plan = made.labels["plan"]
    again = np.array([values.index(v) for v in plan.values], np.uint16)
    return type(made)(
        made.customers, made.starts, made.times, codes[made.codes] if len(codes) else made.codes, tuple(vocabulary),
        made.failed, {"plan": type(plan)(again[plan.codes], values)},
    )  # fmt: skip


def funnel(log, stages, within):
    """Per customer: stage -> (seconds since its beginning, row it began); and the time of the latest beginning."""
    told = {}
    for whose, journey in log.journeys.items():
        pairs = defaultdict(set)  # stage -> (row reached, row begun)
        begun = [
            i for i, (t, name, *_) in enumerate(journey)
            if name in stages[0].names and log.selection.since <= t < log.selection.until
        ]  # fmt: skip
        for begin in begun:
            pairs[0].add((begin, begin))
            _reach(journey, stages, within, (begin, begin, 0), pairs)
        found = {}
        for stage, reached in pairs.items():
            row, begin = min(reached, key=lambda p: (p[0], -p[1]))
            found[stage] = (journey[row][0] - journey[begin][0], begin)
        if found:
            told[whose] = (found, max(journey[i][0] for i in begun))
    return told


def _reach(journey, stages, within, at, pairs):
    begin, row, stage = at
    for following in range(stage + 1, len(stages)):
        for later in range(row + 1, len(journey)):
            in_time = journey[later][0] - journey[begin][0] <= within
            if in_time and journey[later][1] in stages[following].names and (later, begin) not in pairs[following]:
                pairs[following].add((later, begin))
                _reach(journey, stages, within, (begin, later, following), pairs)
        if not stages[following].optional:
            break


def runs(log, pause=NEVER):
    """Journeys: per customer, steps in the selection's time, cut at longer pauses."""
    for whose, journey in log.journeys.items():
        run = []
        for step in journey:
            if not log.selection.since <= step[0] < log.selection.until:
                continue
            if run and step[0] - run[-1][0] > pause:
                yield whose, run
                run = []
            run.append(step)
        if run:
            yield whose, run


def follows(log, pause):
    counts, customers, ties = Counter(), defaultdict(set), 0
    begins, ends = Counter(), Counter()
    for whose, run in runs(log, pause):
        begins[run[0][1]] += 1
        ends[run[-1][1]] += 1
        for a, b in pairwise(run):
            counts[a[1], b[1]] += 1
            customers[a[1], b[1]].add(whose)
            ties += a[0] == b[0]
    return counts, {k: len(v) for k, v in customers.items()}, begins, ends, ties


def walks(log, route):
    """Path -> its arrivals: (customer, seconds since the step before, since the first, failed, repeats, how it stops)."""
    within = NEVER if route.within is None else route.within
    forward = bool(route.start)
    nodes, entered = defaultdict(list), set()
    for whose, journey in log.journeys.items():
        i = 0
        while i < len(journey):
            t, name, *_ = journey[i]
            wanted = route.start if forward else route.target
            if name not in wanted or not log.selection.since <= t < log.selection.until:
                i += 1
                continue
            entered.add(whose)
            path, why, last = _one_walk(journey, i, route, within, forward)
            if route.start and route.target and why != "arrived":
                i += 1
                continue
            stops = why if why != "last" else "open" if forward and t > log.end - within else "ended"
            nodes[()].append((whose, None, None, False, 0, ""))
            for k, (row, failed, repeats) in enumerate(path):
                key = tuple(journey[p[0]][1] for p in path[: k + 1])
                after = abs(journey[row][0] - journey[path[k - 1][0]][0]) / 1e6 if k else None
                since = abs(journey[row][0] - t) / 1e6
                nodes[key].append((whose, after, since, failed, repeats, stops if k == len(path) - 1 else ""))
            if not route.every:
                break
            i = _behind(journey, last if forward else i, route.collapse)
    return nodes, entered


def _behind(journey, at, collapse):
    following = at + 1
    while collapse and following < len(journey) and journey[following][1] == journey[at][1]:
        following += 1
    return following


def _one_walk(journey, i, route, within, forward):
    path, last = [(i, journey[i][2], 0)], i
    order = range(i + 1, len(journey)) if forward else range(i - 1, -1, -1)
    for j in order:
        t, name, failed, *_ = journey[j]
        if abs(t - journey[i][0]) > within:
            return path, "ended", last
        row, bad, again = path[-1]
        if route.collapse and name == journey[row][1]:
            path[-1] = (row, bad or failed, again + 1)
        elif len(path) > route.depth:
            return path, "deeper", last
        else:
            path.append((j, failed, 0))
            if route.start and name in route.target:
                return path, "arrived", j
        last = j
    return path, "last", last


def median(values):
    return statistics.median(values) if values else float("nan")


def retention(log, edges, begins, again):
    seen, began = defaultdict(set), defaultdict(set)
    for whose, journey in log.journeys.items():
        first = next((i for i, step in enumerate(journey) if step[1] in begins), None)
        cohort = None if first is None else period(edges, journey[first][0])
        if cohort is None:
            continue
        began[cohort].add(whose)
        for t, name, *_ in journey[first:]:
            if name in again and period(edges, t) is not None:
                seen[cohort, period(edges, t) - cohort].add(whose)
    return began, seen


def period(edges, t):
    found = [i for i in range(len(edges) - 1) if edges[i] <= t < edges[i + 1]]
    return found[0] if found else None


def gaps(log, start, to):
    found = {}
    for whose, journey in log.journeys.items():
        inside = (
            i for i, (t, n, *_) in enumerate(journey) if n in start and log.selection.since <= t < log.selection.until
        )
        i = next(inside, None)
        if i is not None:
            came = next((t for t, n, *_ in journey[i + 1 :] if n in to), None)
            t = journey[i][0]
            found[whose] = (((log.end if came is None else came) - t) / 1e6, came is not None)
    return found
