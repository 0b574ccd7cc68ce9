"""Paths before a loss: planted ones are found, windows and sets are those of plain Python, and the list is behind them."""

from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from xml.etree import ElementTree as ET

import msgspec
import numpy as np
import pytest

from regard.journey.before_loss import figure
from regard.journey.leaving import DAY, leaving, took_lately, windows
from regard.questions import find
from regard.signals.ask import Ask, answer
from regard.signals.declarations import CustomerBase, Declarations, Value
from regard.signals.scope import Given, resolve
from regard.simulation import declarations as company_declarations
from regard.simulation import sample
from regard.web.slices import Slice
from regard.web.trails import trails

BEGIN = datetime(2025, 1, 1)
DECLARED = Declarations(currency="EUR", value=Value(kind="recurring"), base=CustomerBase(lost="subscription ends"))
SILENCE = Declarations(
    currency="EUR", value=Value(kind="trailing", days=365), base=CustomerBase(lost="no activity", days=60)
)
PERIOD = {"since": "2026-01-01", "until": "2026-03-31"}


def ask(view, question="journey/before-loss", /, *, given=None, **arguments):
    return answer(find(question), view=view, given=Given(**(given or PERIOD)), arguments=arguments)


def living(n=500, *, leads=0.6, seed=3):
    """Everybody does something every other day or so; a third search and then compare, and of these most leave within
    ten days; a few leave for no reason. Everyone else stays to the end."""
    rng = np.random.default_rng(seed)
    events, signed = [], []
    for i in range(n):
        who, begin = f"p{i:04d}", int(rng.integers(0, 60))
        moment = int(rng.integers(begin + 70, 430))
        took, gone = rng.uniform() < 0.35, 460
        leads_there = took and rng.uniform() < leads
        leaves = leads_there or rng.uniform() < 0.12
        if leaves:
            gone = (moment if leads_there else int(rng.integers(begin + 70, 430))) + int(rng.integers(2, 10))
        days = np.flatnonzero(rng.uniform(size=gone - begin) < 0.45) + begin
        names = rng.choice(["bake", "sell", "count", "close"], len(days))
        rows = [(float(d) + 0.4, str(s), "") for d, s in zip(days, names, strict=True)]
        if took:
            rows += [
                (moment + 0.45, "search", ""),
                (moment + 0.46, "compare", "E1" if i % 2 else ""),
                (moment + 0.47, "compare", ""),
            ]
        events += [
            {"person": who, "occurred_at": str(BEGIN + timedelta(days=d)), "name": s, "error": e} for d, s, e in rows
        ]
        each = {"person": who, "subscription": who, "amount": 10.0, "currency": "EUR", "every": "month"}
        signed.append({**each, "occurred_at": str(BEGIN + timedelta(days=begin)), "change": "start"})
        if leaves:
            signed.append({**each, "occurred_at": str(BEGIN + timedelta(days=gone)), "change": "end"})
    return {"event": events, "subscription": signed}


@pytest.fixture(scope="module")
def log():
    return living()


def test_a_planted_path_is_found_with_those_who_are_on_it_now(view_of, log):
    view = view_of(log, declarations=DECLARED)
    found = ask(view, window="20d", lead="1d")
    risky = {r.path: r for r in found.rows if r.confirmed and r.ratio > 1}

    assert {p for p, r in risky.items() if not r.part_of} <= {"search", "compare", "search → compare"}
    assert all({"search", "compare"} & set(p.split(" → ")) for p in risky)
    first = found.rows[0]
    assert first.path in risky
    assert first.low > 3
    assert first.leavers > 60
    assert 1 < first.days_before < 10
    assert first.leavers_share > 0.5 > 5 * first.others_share
    assert "left" in found.answer
    assert found.lost == sum(r["change"] == "end" for r in log["subscription"])
    with_error = next(r for r in found.rows if "compare" in r.path and r.confirmed)
    assert 0.3 < with_error.errors < 0.7


def test_the_number_of_those_on_the_path_leads_to_just_them(view_of, log):
    view = view_of(log, declarations=DECLARED)
    given = {"since": "2025-09-01", "until": "2025-12-31"}
    found = ask(view, given=given, window="60d")
    first = found.rows[0]
    way = trails("journey/before-loss", msgspec.to_builtins(first), Slice(scope=given, arguments={"window": "60d"}))[
        "now"
    ]
    listed = ask(view, "customers/list", given=given, who="took", path=first.path, window="60d")

    assert first.now
    assert "who=took" in way
    assert (listed.total, listed.value) == (first.now, pytest.approx(first.value))
    gone = {r["person"] for r in log["subscription"] if r["change"] == "end" and r["occurred_at"] < "2026-01-01"}
    step = first.path.split(" → ")[0]
    did = {e["person"] for e in log["event"] if e["name"] == step and "2025-11-02" <= e["occurred_at"] < "2026-01-01"}
    assert listed.total == len(did - gone)


def pausing(n=500, seed=1):
    """Nobody signs anything: all do things for some days, then are silent for a month or two and come back; half of those
    who had just searched and compared never do, and one in ten of the others."""
    rng, events, last = np.random.default_rng(seed), [], 455.0
    for i in range(n):
        day, who = float(rng.integers(0, 60)), f"p{i:04d}"

        def step(name, day, who=who):
            if day < last:
                events.append({"person": who, "occurred_at": str(BEGIN + timedelta(days=day)), "name": name})

        while day < last:
            for _ in range(int(rng.integers(3, 9))):
                step(str(rng.choice(["bake", "sell", "count"])), day)
                day += float(rng.uniform(1, 5))
            took = rng.uniform() < 0.3
            if took:
                step("search", day)
                step("compare", day + 0.01)
            if rng.uniform() < (0.5 if took else 0.1):
                break
            day += float(rng.uniform(25, 55))
    return {"event": events}


def test_silence_stands_for_a_loss_where_nobody_signs_contracts(view_of):
    found = ask(view_of(pausing(), declarations=SILENCE), window="20d")
    first = found.rows[0]

    assert first.path in {"search", "compare", "search → compare"}
    assert first.confirmed
    assert first.low > 3
    assert first.leavers_share > 0.5
    assert 0 <= first.days_before < 2  # days to the last sign, not to when silence counts as a loss
    assert found.now
    assert any(c.code == "by_silence" for c in found.cautions)


def test_without_a_path_that_leads_there_nothing_is_claimed(view_of):
    found = ask(view_of(living(leads=0.0, n=700, seed=8), declarations=DECLARED), window="20d")

    assert not [r for r in found.rows if r.confirmed]
    assert found.answer.startswith("No path goes before a loss beyond chance")
    assert found.now is None


def test_few_losses_are_refused_and_what_is_missing_is_named(view_of, log):
    few = {k: [r for r in rows if r["person"] < "p0040"] for k, rows in log.items()}

    assert "at least 20" in ask(view_of(few, declarations=DECLARED)).refused
    assert ask(view_of(log, declarations=Declarations())).refused


def test_a_figure_shows_each_path_once(view_of, log):
    found = ask(view_of(log, declarations=DECLARED), window="20d")
    drawn = figure(found)

    for svg in (drawn.svg, drawn.svg_narrow):
        ET.fromstring(svg)  # noqa: S314 it is our own
        assert svg.count("data-key") == min(sum(1 for r in found.rows if r.ratio and not r.part_of), 12)
    assert figure(msgspec.structs.replace(found, rows=())) is None


def opened(view_of, tables, declarations, **given):
    view = view_of(tables, declarations=declarations)
    scope = resolve(Given(**given), declarations=view.declarations, last=view.last_day())
    asking = Ask(view=view, scope=scope, package="regard.journey")
    return asking, asking.steps()


def plain(stepped):
    """customer -> [(time, code, failed)], the end of a contract left out."""
    found = {}
    for steps in stepped.steps:
        over = {c for c, n in enumerate(steps.names) if n == "subscription: end"}
        for c, who in enumerate(steps.customers.tolist()):
            rows = range(steps.starts[c], steps.starts[c + 1])
            found[who] = [
                (int(steps.times[i]), int(steps.codes[i]), bool(steps.failed[i]), steps.names[steps.codes[i]])
                for i in rows
                if steps.codes[i] not in over
            ]
    return found


def closed(rows, since, until):
    """What lies in a stretch, repeats as one."""
    made = []
    for t, code, failed, _ in sorted(rows, key=lambda row: (row[0], row[3])):  # of equal time, by name
        if since <= t < until:
            if made and made[-1][0] == code:
                made[-1] = (code, t, made[-1][2] or failed)
            else:
                made.append((code, t, failed))
    return made


def test_windows_are_those_of_plain_python(view_of):
    _, stepped = opened(view_of, sample(), company_declarations())
    done = plain(stepped)
    rng = np.random.default_rng(1)
    who = rng.choice(sorted(done), 60)
    until = rng.integers(stepped.before.since, stepped.now.until, 60)
    since = until - rng.integers(0, 90, 60) * DAY
    found = windows(stepped, who, since, until)

    for i, one in enumerate(who.tolist()):
        own = found.whose == i
        told = list(zip(found.codes[own].tolist(), found.times[own].tolist(), found.failed[own].tolist(), strict=True))
        assert told == closed(done[one], int(since[i]), int(until[i]))
    grams = Counter(zip(found.codes[:-1].tolist(), found.codes[1:].tolist(), strict=True))
    for gram in [g for g, _ in grams.most_common(5)]:
        expected = {}
        for i, one in enumerate(who.tolist()):
            steps = closed(done[one], int(since[i]), int(until[i]))
            for a, b in pairwise(steps):
                if (a[0], b[0]) == gram:
                    expected[i] = (b[1], a[2] or b[2])
        whose, at, failed = found.last_of(gram)
        assert dict(zip(whose.tolist(), zip(at.tolist(), failed.tolist(), strict=True), strict=True)) == expected


def test_who_took_a_path_lately_is_told_as_plain_python_tells_it(view_of):
    _, stepped = opened(view_of, sample(), company_declarations())
    since, until = stepped.now.until - 60 * DAY, stepped.now.until
    done = {who: [c for c, *_ in closed(rows, since, until)] for who, rows in plain(stepped).items()}
    pairs = Counter(p for rows in done.values() for p in pairwise(rows))
    grams = [g for g, _ in pairs.most_common(3)] + [(g[0],) for g, _ in pairs.most_common(2)]
    ids, took = took_lately(stepped, grams, 60 * DAY)

    assert ids.tolist() == sorted(who for who, rows in done.items() if rows)
    for j, gram in enumerate(grams):
        expected = {
            who for who, rows in done.items() if any(tuple(rows[k : k + len(gram)]) == gram for k in range(len(rows)))
        }
        assert set(ids[took[:, j]].tolist()) == expected


def test_those_beside_a_loss_were_there_as_long_and_of_the_same_half(view_of, log):
    asking, stepped = opened(view_of, log, DECLARED, **PERIOD)
    seen = leaving(asking, stepped, window=20 * DAY, lead=DAY, back=730)
    base, halves = seen.base, [set(seen.base.customer[h.sets.person].tolist()) for h in seen.halves]

    assert not halves[0] & halves[1]
    for half in seen.halves:
        sets = half.sets
        tenure, case = sets.at / DAY - base.since[sets.person], np.flatnonzero(sets.case)
        assert sets.number[case].tolist() == list(range(len(case)))
        assert np.bincount(sets.number).min() >= 2
        assert np.bincount(sets.number).max() <= 5
        own = tenure[case][sets.number]
        assert (np.abs(tenure - own) <= np.maximum(0.25 * own, 21) + 1e-6).all()
        assert (tenure >= 21 - 1e-6).all()
        gone = np.where(np.isnan(base.left), np.inf, base.left)[sets.person]
        assert (gone[~sets.case] > sets.at[~sets.case] / DAY).all()
        assert gone[sets.case] == pytest.approx(sets.at[sets.case] / DAY)
    assert sum(int(h.sets.case.sum()) + h.sets.early + h.sets.alone for h in seen.halves) <= seen.lost
