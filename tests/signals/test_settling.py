"""Settling: identities restated, labels as they were, versions, and the same answers after a rebuild."""

from __future__ import annotations

import datetime as dt
import json
import random

import pyarrow as pa
import pytest

from regard.settings import Settings
from regard.signals import kinds, settling
from regard.signals.declarations import Declarations
from regard.signals.identity import customer_hash
from regard.signals.workspace import Workspace
from regard.store import buckets

ANN, BOB = customer_hash("person", "ann"), customer_hash("person", "bob")


def _moment(seconds):
    return None if seconds is None else dt.datetime.fromtimestamp(seconds, dt.UTC)


def _table(rows):
    columns = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row.get(name) for row in rows]
        if name.endswith("_at"):
            columns[name] = pa.array([_moment(v) for v in values], pa.timestamp("us", "UTC"))
        elif name == "amount":
            columns[name] = pa.array(values, pa.float64())
        elif name == "undo":
            columns[name] = pa.array(values, pa.bool_())
        else:
            columns[name] = pa.array(values, pa.string())
    return pa.table(columns)


@pytest.fixture
def workspace(tmp_path):
    with Workspace.open(tmp_path / "ws", given=Settings(buckets=4, memory="500MB", threads=2)) as opened:
        yield opened


def _add(workspace, kind, *rows, settle=True):
    batch = workspace.inbox.begin(source="shop")
    batch.append(kind, _table(rows))
    batch.finish()
    if settle:
        list(workspace.settle())
    return batch.id


def _query(workspace, sql):
    with workspace.connect() as (connection, _):
        return connection.execute(sql).fetchall()


def _everything(workspace):
    """Every view, in an order of its own, but for what a rebuild may number anew."""
    sql = {f"lake_{kind.name}": "ORDER BY position" for kind in kinds.KINDS}
    sql |= {"lake_customer": "ORDER BY customer", "lake_standing": "ORDER BY customer, since"}
    return {view: _query(workspace, f"SELECT * FROM {view} {order}") for view, order in sql.items()}


def test_every_kind_has_a_view_before_anything_came(workspace):
    assert all(rows == [] for rows in _everything(workspace).values())
    assert workspace.settled_position == 0


def test_a_merge_moves_what_was_settled_and_taking_it_back_leaves_no_trace(workspace):
    _add(workspace, "event", {"anonymous": "d1", "name": "open", "occurred_at": 1})
    _add(workspace, "order", {"key": "o", "person": "ann", "amount": 1.0, "occurred_at": 2})
    before = _query(workspace, "SELECT customer FROM lake_event")
    _add(workspace, "merge", {"anonymous": "d1", "into": "ann"})
    assert _query(workspace, "SELECT customer FROM lake_event") == [(ANN,)]
    assert _query(workspace, "SELECT id, kind, first_at FROM lake_customer") == [
        ("ann", "person", dt.datetime(1970, 1, 1, 0, 0, 1))
    ]
    _add(workspace, "merge", {"anonymous": "d1", "into": "ann", "undo": True})
    assert _query(workspace, "SELECT customer FROM lake_event") == before
    assert _query(workspace, "SELECT count(*) FROM lake_customer") == [(2,)]


def test_a_device_known_later_and_a_guest_are_told_apart(workspace):
    _add(workspace, "event", {"person": "guest", "name": "open"}, {"person": "ann", "name": "open"})
    _add(workspace, "merge", {"person": "guest", "into": "ann"})
    assert sorted(_query(workspace, "SELECT person, customer FROM lake_event")) == [("ann", ANN), ("guest", None)]


def test_another_meaning_of_customer_settles_everything_anew(workspace):
    _add(workspace, "event", {"person": "ann", "account": "acme", "name": "a"}, {"person": "ann", "name": "b"})
    workspace.declare(Declarations(customer="account"))
    list(workspace.settle())
    acme = customer_hash("account", "acme")
    assert _query(workspace, "SELECT DISTINCT customer FROM lake_event") == [(acme,)]
    assert _query(workspace, "SELECT id, kind, account FROM lake_customer") == [("acme", "account", acme)]


def test_labels_are_kept_as_they_were_and_partial_profiles_add_up(workspace):
    said = [
        (10, {"plan": "free", "region": "EU"}),
        (20, {"plan": "pro"}),
        (30, {"region": None}),
        (40, {"plan": "pro"}),
    ]
    rows = [{"person": "ann", "occurred_at": at, "labels": json.dumps(labels)} for at, labels in said]
    random.Random(3).shuffle(rows)
    _add(workspace, "profile", *rows)
    found = _query(
        workspace, "SELECT nullif(epoch(since), epoch(TIMESTAMP '-infinity')), labels FROM lake_standing ORDER BY since"
    )
    assert [json.loads(labels) for _, labels in found] == [
        {"plan": "free", "region": "EU"},
        {"plan": "pro", "region": "EU"},
        {"plan": "pro"},
    ]
    edges = _query(
        workspace,
        "SELECT since = TIMESTAMP '-infinity', until = TIMESTAMP 'infinity' FROM lake_standing ORDER BY since",
    )
    assert edges == [(True, False), (False, False), (False, True)]
    assert _query(workspace, "SELECT count(*) FROM lake_standing a JOIN lake_standing b ON a.until = b.since") == [(2,)]
    assert json.loads(_query(workspace, "SELECT labels FROM lake_customer")[0][0]) == {"plan": "pro"}


def _known(said, at):
    """Brute force: labels told up to an instant, one after the other; the first told counts from ever."""
    told = sorted(said, key=lambda row: row[0])
    labels = {}
    for moment, new in told:
        if moment <= at or moment == told[0][0]:
            labels |= new
    return {name: value for name, value in labels.items() if value is not None}


@pytest.mark.parametrize("seed", range(3))
def test_a_person_has_the_labels_their_account_had_then_unless_they_have_their_own(workspace, seed):
    """Each instant by brute force: the account's labels up to then, and over them the person's own."""
    chance = random.Random(seed)

    def said():
        values = {"region": ["North", "South", None], "plan": ["free", "pro"]}
        times = chance.sample(range(100, 900, 10), chance.randint(0, 4))
        return [(at, {(n := chance.choice(list(values))): chance.choice(values[n])}) for at in times]

    accounts = {f"a{i}": said() for i in range(3)}
    people = {f"p{i}": (f"a{i % 3}" if i < 9 else "", said()) for i in range(12)}
    rows = [{"account": a, "occurred_at": at, "labels": json.dumps(x)} for a, s in accounts.items() for at, x in s]
    rows += [{"person": p, "occurred_at": at, "labels": json.dumps(x)} for p, (_, s) in people.items() for at, x in s]
    _add(workspace, "profile", *(rows or [{"person": "p0", "occurred_at": 1}]))
    events = [{"person": p, "account": a or None, "name": "used", "occurred_at": 500} for p, (a, _) in people.items()]
    _add(workspace, "event", *events)

    for person, (account, own) in people.items():
        for at in (0, 333, 555, 999):
            found = _query(
                workspace,
                f"SELECT labels FROM lake_standing WHERE customer = {customer_hash('person', person)} "
                f"AND since <= make_timestamp({at * 1_000_000}) AND make_timestamp({at * 1_000_000}) < until",
            )
            expected = _known(accounts.get(account, []), at) | _known(own, at)
            got = {k: v for k, v in json.loads(found[0][0]).items() if v is not None} if found else {}
            assert (person, at, got) == (person, at, expected)


def test_a_person_of_a_labelled_account_is_in_its_slice_and_an_account_hears_its_people_as_before(workspace):
    """Neither person has a profile; where customers are accounts nothing is handed down."""
    _add(workspace, "profile", {"account": "acme", "occurred_at": 5, "labels": json.dumps({"region": "North"})})
    _add(workspace, "event", {"person": "ann", "account": "acme", "name": "used", "occurred_at": 9})

    labels = _query(workspace, f"SELECT labels FROM lake_customer WHERE customer = {ANN}")
    assert json.loads(labels[0][0]) == {"region": "North"}

    workspace.declare(Declarations(customer="account"))
    list(workspace.settle())
    assert _query(workspace, f"SELECT count(*) FROM lake_standing WHERE customer = {ANN}") == [(0,)]


def test_a_later_version_replaces_and_an_undone_one_gives_way_again(workspace):
    _add(workspace, "contact", {"key": "t1", "person": "ann", "status": "open", "version_at": 10})
    late = _add(workspace, "contact", {"key": "t1", "person": "ann", "status": "solved", "version_at": 30})
    _add(workspace, "contact", {"key": "t1", "person": "ann", "status": "waiting", "version_at": 20})
    assert _query(workspace, "SELECT status FROM lake_contact") == [("solved",)]
    assert workspace.counts()["contact"] == 1
    workspace.inbox.undo(late)
    list(workspace.settle())
    assert _query(workspace, "SELECT status FROM lake_contact") == [("waiting",)]


def test_settling_nothing_new_makes_no_generation(workspace):
    _add(workspace, "event", {"person": "ann", "name": "open"})
    before = workspace.lake.newest().id
    assert list(workspace.settle()) == []
    assert workspace.lake.newest().id == before


@pytest.mark.parametrize("customer", ["person", "account"])
@pytest.mark.parametrize("seed", range(4))
def test_settled_bit_by_bit_or_rebuilt_the_answers_are_the_same(workspace, monkeypatch, seed, customer):
    """Half of the time in shares of five rows, as a large log is merged and rewritten."""
    chance = random.Random(seed)
    monkeypatch.setattr(settling, "PIECE", 5 if seed % 2 else settling.PIECE)
    workspace.declare(Declarations(customer=customer))
    batches = []
    for _ in range(7):
        batches.append(_add(workspace, *_some(chance), settle=chance.random() < 0.7))
        if chance.random() < 0.25:
            workspace.inbox.undo(batches.pop(chance.randrange(len(batches))))
    list(workspace.settle())
    before = _everything(workspace)
    list(workspace.rebuild())
    assert _everything(workspace) == before


def _some(chance):
    kind = chance.choice(["event", "order", "profile", "merge", "event"])
    rows = []
    for _ in range(chance.randrange(1, 30)):
        row = {
            "person": chance.choice(["ann", "bob", "eve", "guest", None]),
            "account": chance.choice(["acme", "bolt", None, None]),
            "anonymous": chance.choice(["d1", "d2", None]),
            "occurred_at": chance.randrange(1, 50),
        }
        if kind == "merge":
            row = {
                chance.choice(["person", "anonymous"]): chance.choice(["ann", "bob", "d1"]),
                "into": chance.choice(["eve", "ann"]),
            }
            row["undo"] = chance.random() < 0.3
        elif kind == "profile":
            row["labels"] = json.dumps({chance.choice(["plan", "region"]): chance.choice(["x", "y", None])})
        elif kind == "order":
            row |= {"key": f"o{chance.randrange(6)}", "amount": float(chance.randrange(9))}
        else:
            row["name"] = chance.choice(["open", "close"])
        rows.append(row)
    return kind, *rows


def test_files_are_sorted_by_customer_and_time_and_no_customer_is_in_two_buckets(workspace):
    chance = random.Random(1)
    rows = [
        {"person": f"p{chance.randrange(40)}", "name": "x", "occurred_at": chance.randrange(99)} for _ in range(500)
    ]
    _add(workspace, "event", *rows)
    seen = {}
    for file in workspace.lake.newest().of("event", "base"):
        import pyarrow.parquet as pq

        table = pq.read_table(workspace.lake.path(file))
        order = list(
            zip(
                table["customer"].to_pylist(),
                table["occurred_at"].to_pylist(),
                table["position"].to_pylist(),
                strict=True,
            )
        )
        assert order == sorted(order)
        for customer in set(table["customer"].to_pylist()):
            assert seen.setdefault(customer, file.bucket) == file.bucket
            low, high = buckets.bounds(file.bucket, 4)
            assert low <= customer <= high
    assert len(seen) == 40


def test_more_rows_than_fit_in_memory_settle_to_the_same(workspace, monkeypatch):
    rows = [{"person": f"p{n % 17}", "name": "x", "occurred_at": n} for n in range(300)]
    _add(workspace, "event", *rows, {"name": "nobody"})
    before = _everything(workspace)
    monkeypatch.setattr(buckets, "IN_MEMORY", 50)
    list(workspace.rebuild())
    assert _everything(workspace) == before


@pytest.mark.parametrize("customer", ["person", "account"])
@pytest.mark.parametrize("seed", [1, 2])
def test_moved_rows_are_where_a_rebuild_puts_them(workspace, monkeypatch, customer, seed):
    """Merges, merges taken back, memberships and new versions, settled piece by piece, against all at once."""
    monkeypatch.setattr(settling, "OUTGROWN", 10 if seed % 2 else 2)
    chance = random.Random(seed)
    workspace.declare(Declarations(customer=customer), by="test")
    people, devices, accounts = ([f"{what}{i}" for i in range(9)] for what in ("p", "d", "a"))
    for step in range(10):
        rows = {"event": [], "contact": [], "merge": []}
        for number in range(12):
            who = chance.choice([{"person": chance.choice(people)}, {"anonymous": chance.choice(devices)}])
            if chance.random() < 0.3:
                who["account"] = chance.choice(accounts)
            rows["event"].append({"name": f"n{step}.{number}", "occurred_at": step * 100 + number, **who})
            key = f"k{chance.randrange(8)}"
            rows["contact"].append({"key": key, "area": f"v{step}.{number}", "occurred_at": step * 100 + number, **who})
        for _ in range(chance.randrange(3)):
            gone = chance.choice([{"anonymous": chance.choice(devices)}, {"person": chance.choice(people)}])
            rows["merge"].append({"into": chance.choice(people), "undo": chance.random() < 0.3, **gone})
        for kind, given in rows.items():
            names = dict.fromkeys(name for row in given for name in row)
            if given:
                _add(workspace, kind, *[{name: row.get(name) for name in names} for row in given], settle=False)
        list(workspace.settle())
    piece_by_piece, counts = _everything(workspace), workspace.counts()
    list(workspace.rebuild())

    assert _everything(workspace) == piece_by_piece
    assert workspace.counts() == counts
    assert counts["event"] == 10 * 12


def test_a_merge_costs_the_rows_it_moves_not_all_there_are(workspace):
    rows = [{"person": f"p{i}", "name": "open", "occurred_at": i} for i in range(400)]
    _add(workspace, "event", *rows, {"anonymous": "d1", "name": "open", "occurred_at": 500})
    bases = {f.file for f in workspace.lake.newest().of("event", "base")}
    _add(workspace, "merge", {"anonymous": "d1", "into": "p7"})
    newest = workspace.lake.newest()

    assert {f.file for f in newest.of("event", "base")} == bases
    assert [f.rows for f in newest.of("event", "run")] == [1]
    assert [f.rows for f in newest.of("event", "hidden")] == [1]
    assert workspace.counts()["event"] == 401


def test_merges_settled_long_ago_are_not_read_from_their_segments_again(workspace, monkeypatch):
    _add(workspace, "event", {"anonymous": "d1", "name": "open", "occurred_at": 1})
    _add(workspace, "merge", {"anonymous": "d1", "into": "ann"})
    read = []
    monkeypatch.setattr(
        settling.Settlement, "_read", lambda self, segment, **k: read.append(segment.kind) or _READ(self, segment, **k)
    )
    _add(workspace, "event", {"anonymous": "d1", "name": "close", "occurred_at": 2})

    assert read == ["event"]
    assert _query(workspace, "SELECT DISTINCT customer FROM lake_event") == [(ANN,)]


def test_a_lake_of_an_earlier_shape_is_made_again_before_it_is_read(workspace):
    _add(workspace, "event", {"person": "ann", "name": "open", "occurred_at": 1})
    workspace.lake.remember("format", "1")
    earlier = workspace.lake.newest().id

    assert _query(workspace, "SELECT customer FROM lake_event") == [(ANN,)]
    assert workspace.lake.newest().id > earlier
    assert workspace.lake.recall("format") != "1"


_READ = settling.Settlement._read
