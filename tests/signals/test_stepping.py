"""The column cache: the same steps as the lake's rows say, after whatever happened to them."""

from __future__ import annotations

import datetime as dt
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from regard.errors import UnknownName
from regard.settings import Settings
from regard.signals import stepbuckets
from regard.signals.ask import Ask
from regard.signals.declarations import Declarations, Dimension
from regard.signals.scope import Given, resolve
from regard.signals.stepscope import micros
from regard.signals.workspace import Reader, Workspace
from regard.steps.follows import follow
from regard.steps.frictions import frictions
from regard.steps.funnels import Stage, funnel
from regard.steps.journeys import Course
from regard.steps.journeys import journeys as whole
from regard.steps.walks import Route, walk

DAY = 86_400
DIMENSIONS = (
    Dimension(name="plan"),
    Dimension(name="region", when="now"),
    Dimension(name="version", of="signal"),
)


def moment(seconds):
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


def table(rows):
    columns = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row.get(name) for row in rows]
        if name.endswith("_at"):
            columns[name] = pa.array([None if v is None else moment(v) for v in values], pa.timestamp("us", "UTC"))
        else:
            columns[name] = pa.array(values, pa.float64() if name == "amount" else pa.string())
    return pa.table(columns)


@pytest.fixture
def workspace(tmp_path):
    with Workspace.open(tmp_path / "ws", given=Settings(buckets=4, memory="500MB", threads=2)) as opened:
        opened.declare(Declarations(dimensions=DIMENSIONS, time_zone="Europe/Berlin"))
        yield opened


def add(workspace, kind, *rows):
    batch = workspace.inbox.begin(source="shop")
    batch.append(kind, table(rows))
    batch.finish()
    list(workspace.settle())
    return batch.id


def made(workspace):
    with Reader(workspace) as reader:
        return reader.steps()


def told(made_):
    """Customer -> their steps as (time, name, failed, plan, region, version), in the cache's order."""
    found = {}
    for s in made_.steps:
        rows = iter(s.rows.tolist())
        for customer, n in zip(s.customers.tolist(), s.counts.tolist(), strict=True):
            found[customer] = [
                (int(s.times[i]), s.names[s.codes[i]], bool(s.failed[i]),
                 *(s.labels[d.name].values[s.labels[d.name].codes[i]] for d in DIMENSIONS))
                for i in itertools.islice(rows, n)
            ]  # fmt: skip
    return found


NAMES = {
    "event": "name", "contact": "'contact' || coalesce(': ' || area, '')", "order": "'order: placed'",
    "answer": "'answer: ' || metric", "subscription": "'subscription: ' || change", "review": "'review: written'",
    "message": "'message: ' || topic",
}  # fmt: skip


def expected(workspace):
    """The same from the lake's rows, one by one."""
    with workspace.connect() as (connection, _):
        rows = []
        for kind, name in NAMES.items():
            failed = "coalesce(error, '') <> ''" if kind == "event" else "FALSE"
            rows += connection.execute(
                f"SELECT customer, epoch_us(occurred_at), position, {name}, {failed}, json_extract_string(labels, '$.version') "
                f"FROM lake_{kind} WHERE customer IS NOT NULL AND occurred_at IS NOT NULL"
            ).fetchall()
        standing = connection.execute(
            "SELECT customer, CASE WHEN isfinite(since) THEN epoch_us(since) ELSE -9e18::BIGINT END, "
            "json_extract_string(labels, '$.plan'), json_extract_string(labels, '$.region'), "
            "json_extract_string(labels, '$.version') FROM lake_standing ORDER BY customer, 2"
        ).fetchall()
    spells = defaultdict(list)
    for customer, since, *labels in standing:
        spells[customer].append((since, labels))
    found = defaultdict(list)
    for customer, time, _, name, failed, version in sorted(rows, key=lambda r: (r[0], r[1], r[2])):
        then = [labels for since, labels in spells[customer] if since <= time]
        plan = then[-1][0] if then else ""
        region = spells[customer][-1][1][1] if spells[customer] else ""
        own = version if version is not None else then[-1][2] if then else ""
        found[customer].append((time, name, failed, plan or "", region or "", own or ""))
    return dict(found)


def same(workspace):
    found, wanted = told(made(workspace)), expected(workspace)
    assert {c: sorted(s) for c, s in found.items()} == {c: sorted(s) for c, s in wanted.items()}
    assert all([t[0] for t in steps] == sorted(t[0] for t in steps) for steps in found.values())
    return found, wanted


def some_rows(rng, number):
    person = f"p{rng.randrange(12)}"
    at = rng.randrange(200) * 3600
    version = rng.choice([None, '{"version": "1"}', '{"version": "2"}'])
    kind = rng.choice(["event", "event", "event", "contact", "order", "answer", "profile", "merge"])
    row = {
        "event": {"name": rng.choice("ABC"), "error": rng.choice([None, "", "500"]), "labels": version},
        "contact": {"key": f"c{rng.randrange(5)}", "area": rng.choice(["billing", None]), "version_at": number},
        "order": {"key": f"o{number}", "amount": 1.0},
        "answer": {"key": f"a{rng.randrange(4)}", "metric": "nps", "version_at": number, "labels": version},
        "profile": {"labels": rng.choice(['{"plan": "pro"}', '{"plan": "free", "region": "EU"}', '{"region": "US"}'])},
        "merge": {"into": f"p{rng.randrange(12)}"},
    }[kind]
    return kind, {"person": person, "occurred_at": at, **row}


@pytest.mark.parametrize("seed", range(2))
def test_the_steps_are_the_lakes_rows_whatever_happened(workspace, seed):
    rng = random.Random(seed)
    batches, arranged = [], 0
    add(workspace, "event", *({"person": f"p{i % 12}", "name": "A", "occurred_at": i * 1000} for i in range(300)))
    same(workspace)
    for number in range(6):
        chosen = defaultdict(list)
        for _ in range(rng.randrange(1, 4)):
            kind, row = some_rows(rng, number)
            chosen[kind].append(row)
        for kind, rows in chosen.items():
            batches.append(add(workspace, kind, *rows))
        if number == 4:
            workspace.inbox.undo(batches.pop())
            list(workspace.settle())
        arranged += len(same(workspace)[0])
    assert arranged


def again(workspace):
    """The steps as all again gives them, and the busiest day of everybody."""
    shutil.rmtree(workspace.root / "steps")
    workspace.stepping._open = None
    found = made(workspace)
    return told(found), busiest(found)


def busiest(made_):
    return {
        c: n
        for s, most in zip(made_.steps, made_.busiest, strict=True)
        for c, n in zip(s.customers.tolist(), most.tolist(), strict=True)
    }


def journeys(made_):
    """What kernels make of the steps: they look at both parts of a customer's as at one."""
    stages = [Stage(names=("A",)), Stage(names=("B",))]
    counted = follow(made_.steps, pause=90_000_000, threes=5, times=True)
    walked = walk(made_.steps, Route(start=("A",), every=True, depth=3))
    return (
        funnel(made_.steps, stages, within=3_600_000_000).reached.tolist(), counted.threes, counted.counts.tolist(),
        counted.after.tolist(), walked.arrivals.tolist(), sorted(whole(made_.steps, Course(within=90_000_000)).keys.tolist()),
        frictions(made_.steps, pause=90_000_000).counts.tolist(),
    )  # fmt: skip


def test_new_late_and_equal_events_make_the_very_steps_that_all_again_gives(workspace, monkeypatch):
    monkeypatch.setattr(stepbuckets, "MOST", 0.5)
    rng = random.Random(7)

    def events(n, first, last):
        names = [rng.choice("ABC") for _ in range(n)]
        people = [f"p{min(int(rng.expovariate(0.1)), 40 + first // 4000)}" for _ in range(n)]
        return [{"person": p, "name": x, "occurred_at": rng.randrange(first, last) // 20 * 20}
                for p, x in zip(people, names, strict=True)]  # fmt: skip

    add(workspace, "event", *events(3000, 0, 40_000))
    made(workspace)
    tails = set()
    for number in range(5):
        first = (40_000 + 1000 * number) if number != 3 else 0  # the fourth time, nothing but late ones
        add(workspace, "event", *events(60, first, 41_000 + 1000 * number))
        found = made(workspace)
        tails |= {p.name for p in (workspace.root / "steps").glob("tail-*")}
    assert len(tails) > 8
    assert any(s.later is not None for s in found.steps)
    mine = told(found), busiest(found), journeys(found)

    everything, most = again(workspace)
    assert mine == (everything, most, journeys(made(workspace)))


def test_the_largest_tail_becomes_part_of_its_base_one_bucket_a_refresh(workspace):
    add(workspace, "event", *({"person": f"p{i % 40}", "name": "A", "occurred_at": i} for i in range(2000)))
    bases = [{p.name for p in (workspace.root / "steps").glob("bucket-*")} for _ in [made(workspace)]]
    for number in range(4):
        add(workspace, "event", *({"person": f"p{i}", "name": "B", "occurred_at": 9000 + number} for i in range(40)))
        same(workspace)
        bases.append({p.name for p in (workspace.root / "steps").glob("bucket-*")})

    assert [len(b - a) for a, b in itertools.pairwise(bases)] == [0, 0, 0, 1]


def test_labels_that_changed_for_few_leave_the_steps_of_others_where_they_are(workspace):
    add(workspace, "profile", *({"person": f"p{i}", "labels": '{"plan": "free"}', "occurred_at": 1} for i in range(40)))
    add(workspace, "event", *({"person": f"p{i % 40}", "name": "A", "occurred_at": i} for i in range(4000)))
    same(workspace)
    before = {p.name for p in (workspace.root / "steps").glob("bucket-*")}

    add(workspace, "profile", {"person": "p3", "labels": '{"plan": "pro", "region": "EU"}', "occurred_at": 2000})

    found, _ = same(workspace)
    assert {p.name for p in (workspace.root / "steps").glob("bucket-*")} == before
    assert sum(step[3] == "pro" for steps in found.values() for step in steps) == 50


def test_equal_times_keep_the_order_of_the_log_and_late_events_their_place(workspace):
    add(workspace, "event", *({"person": "ann", "name": n, "occurred_at": 50} for n in "CAB"))
    made(workspace)
    add(
        workspace,
        "event",
        {"person": "ann", "name": "D", "occurred_at": 50},
        {"person": "ann", "name": "E", "occurred_at": 7},
    )

    (steps,) = told(made(workspace)).values()

    assert [s[1] for s in steps] == ["E", "C", "A", "B", "D"]


def test_new_events_leave_the_buckets_of_others_alone(workspace):
    add(workspace, "event", *({"person": f"p{i % 40}", "name": "A", "occurred_at": i} for i in range(4000)))
    made(workspace)
    before = {p.name for p in (workspace.root / "steps").glob("bucket-*")}
    add(workspace, "event", {"person": "p1", "name": "B", "occurred_at": 9})
    made(workspace)

    assert {p.name for p in (workspace.root / "steps").glob("bucket-*")} == before
    assert len(list((workspace.root / "steps").glob("tail-*"))) == 1
    same(workspace)


def test_who_was_erased_is_in_no_file_of_steps(workspace):
    add(
        workspace,
        "event",
        {"person": "ann", "name": "only_hers", "occurred_at": 5},
        {"person": "bob", "name": "B", "occurred_at": 5},
    )
    made(workspace)
    assert _somewhere(workspace, b"only_hers")

    list(workspace.erase("ann"))

    same(workspace)
    assert not _somewhere(workspace, b"only_hers")


def _somewhere(workspace, text):
    return any(text in p.read_bytes() for p in (workspace.root / "steps").iterdir() if p.is_file())


def test_a_damaged_file_is_noticed_and_made_again(workspace):
    add(workspace, "event", *({"person": f"p{i}", "name": "A", "occurred_at": i} for i in range(50)))
    wanted = told(made(workspace))
    path = next((workspace.root / "steps").glob("bucket-*"))
    data = bytearray(path.read_bytes())
    data[-70] ^= 0xFF
    path.write_bytes(data)
    assert path.name in {Path(e.where).name for e in workspace.verify()}
    workspace.stepping._open = None

    assert told(made(workspace)) == wanted
    assert list(workspace.verify()) == []


def test_a_damaged_tail_is_noticed_and_made_again(workspace):
    add(workspace, "event", *({"person": f"p{i % 9}", "name": "A", "occurred_at": i} for i in range(500)))
    made(workspace)
    add(workspace, "event", {"person": "p1", "name": "B", "occurred_at": 900})
    wanted = told(made(workspace))
    path = next((workspace.root / "steps").glob("tail-*"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    os.utime(path, ns=(1, 1))
    assert path.name in {Path(e.where).name for e in workspace.verify()}
    workspace.stepping._open = None

    assert told(made(workspace)) == wanted


def test_a_damaged_list_is_noticed_and_made_again(workspace):
    add(workspace, "event", {"person": "ann", "name": "A", "occurred_at": 5})
    wanted = told(made(workspace))
    path = next((workspace.root / "steps").glob("*.list"))
    path.write_bytes(path.read_bytes().replace(b'"A"', b'"X"'))
    workspace.stepping._open = None

    assert told(made(workspace)) == wanted


def test_a_reader_keeps_its_steps_while_others_settle(workspace):
    add(workspace, "event", {"person": "ann", "name": "A", "occurred_at": 5})
    with Reader(workspace) as reader:
        first = reader.steps()
        add(workspace, "event", {"person": "ann", "name": "B", "occurred_at": 6})
        assert sum(s.n for s in reader.steps().steps) == 1
        assert first.steps[0].times.tolist() == [5_000_000]
    assert sum(s.n for s in made(workspace).steps) == 2


def test_a_reader_of_long_ago_still_has_its_tails_when_they_are_gone_from_the_disk(workspace):
    add(workspace, "event", *({"person": f"p{i % 9}", "name": "A", "occurred_at": i} for i in range(500)))
    made(workspace)
    add(workspace, "event", {"person": "p1", "name": "B", "occurred_at": 3})
    with Reader(workspace) as reader:
        first = reader.steps()
        wanted = told(first)
    for number in range(3):
        add(workspace, "event", *({"person": f"p{i}", "name": "C", "occurred_at": 600 + number} for i in range(9)))
        made(workspace)
    workspace.stepping.collect()

    assert told(first) == wanted


DYING = """
import os, signal, sys
from regard.signals import steplists
from regard.signals.workspace import Reader, Workspace
from regard.store import columnfiles
left = [int(sys.argv[2])]
def dying(function):
    def stand_in(*args, **kwargs):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        found = function(*args, **kwargs)
        return found
    return stand_in
columnfiles.write, steplists.write = dying(columnfiles.write), dying(steplists.write)
with Workspace.open(sys.argv[1]) as workspace, Reader(workspace) as reader:
    reader.steps()
"""


def test_killed_at_any_file_nothing_wrong_is_left(workspace):
    add(workspace, "event", *({"person": f"p{i}", "name": "A", "occurred_at": i} for i in range(50)))
    for at in (3,):
        made_ = subprocess.run(
            [sys.executable, "-c", DYING, str(workspace.root), str(at)], check=False, env=os.environ
        ).returncode  # fmt: skip
        assert made_ == -signal.SIGKILL
        assert not list((workspace.root / "steps").glob("*.list"))
    same(workspace)
    assert not list((workspace.root / "steps").glob("*.tmp"))


def test_killed_at_any_file_of_a_refresh_what_was_there_stays_and_the_next_goes_on(workspace, monkeypatch):
    add(workspace, "event", *({"person": f"p{i % 50}", "name": "A", "occurred_at": i} for i in range(900)))
    made(workspace)
    lists = set((workspace.root / "steps").glob("*.list"))
    with monkeypatch.context() as patched:  # settled, and killed before the steps follow
        patched.setattr(workspace.stepping, "refresh", lambda: iter(()))
        patched.setattr(workspace.stepping, "collect", lambda: None)
        add(workspace, "event", *({"person": f"p{i}", "name": "B", "occurred_at": 950} for i in range(50)))
    for at in (1, 5):
        died = subprocess.run(
            [sys.executable, "-c", DYING, str(workspace.root), str(at)], check=False, env=os.environ
        ).returncode  # fmt: skip
        assert died == -signal.SIGKILL
        assert set((workspace.root / "steps").glob("*.list")) == lists
        assert workspace.stepping.damaged() == []
    same(workspace)
    assert list((workspace.root / "steps").glob("tail-*"))
    assert not list((workspace.root / "steps").glob("*.tmp"))


def test_promises_are_steps_when_they_were_kept_or_broken(workspace):
    add(
        workspace, "promise",
        {"key": "1", "person": "ann", "promise": "delivery", "due_at": 10, "kept_at": 8, "occurred_at": 1},
        {"key": "2", "person": "ann", "promise": "delivery", "due_at": 20, "kept_at": 30, "occurred_at": 1},
        {"key": "3", "person": "ann", "promise": "delivery", "due_at": 99 * DAY, "occurred_at": 1},
        {"key": "4", "person": "ann", "promise": "delivery", "due_at": 40, "withdrawn_at": 5, "occurred_at": 1},
        {"key": "5", "person": "ann", "promise": "call", "due_at": 3600, "due_by": "day", "kept_at": 7200, "occurred_at": 1},
    )  # fmt: skip
    add(workspace, "event", {"person": "ann", "name": "A", "occurred_at": DAY})

    found = made(workspace)

    (steps,) = told(found).values()
    assert [(t // 1_000_000, n) for t, n, *_ in steps] == [
        (8, "promise: delivery kept"), (20, "promise: delivery broken"), (7200, "promise: call kept"), (DAY, "A"),
        (99 * DAY, "promise: delivery broken"),
    ]  # fmt: skip
    assert found.end == DAY * 1_000_000  # what is yet to fall due has not happened
    stepped = _asked(workspace, Given(since="1970-01-01", until="1970-12-31"))
    assert stepped.now.rows is not None
    assert [int(r.sum()) for r in stepped.now.rows if len(r)] == [4]


def _asked(workspace, given, **more):
    from regard.opened import Company

    company = Company(workspace)
    view = company.view
    scope = resolve(given, declarations=view.declarations, last=view.last_day())
    found = Ask(view=view, scope=scope).steps(**more)
    company._reader.close()
    return found


def test_a_scope_becomes_a_selection_of_steps(workspace):
    add(workspace, "profile", {"person": "ann", "labels": '{"plan": "pro"}', "occurred_at": 1})
    add(workspace, "event", *({"person": p, "name": "A", "occurred_at": DAY * 40} for p in ("ann", "bob")))
    add(workspace, "event", *({"person": "bot", "name": "A", "occurred_at": DAY * 40 + i % 90} for i in range(2001)))

    found = _asked(workspace, Given(period="1970-02", where=("plan=pro",)))

    assert found.machines == 1
    assert found.left_out == 2001
    assert found.now.since == micros(dt.datetime(1970, 1, 31, 23))
    kept = [
        int(s.customers[c]) for s, r, m in zip(found.steps, found.now.rows, found.now.customers, strict=True)
        for c in range(len(s.customers)) if m[c] and r[s.starts[c] : s.starts[c + 1]].any()
    ]  # fmt: skip
    assert len(kept) == 1
    one = _asked(workspace, Given(period="1970-02"), customers=np.array(kept))
    assert [int(m.sum()) for m in one.now.customers if m.any()] == [1]
    with pytest.raises(UnknownName):
        _asked(workspace, Given(period="1970-02", where=("area=billing",)))
