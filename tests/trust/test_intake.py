"""What is sent over HTTP: nothing lost, nothing twice, every count right; and nobody crashes it, slows it or fills it."""

from __future__ import annotations

import gzip
import json
import random
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit
from zlib import crc32

import httpx
import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

sys.path.insert(0, str(Path(__file__).parents[1] / "intake"))

from taken import running

SEED = 20261126
FLOOD = 200
"""Requests a second, of 100 events and 14 kB each: ten times the rate the flooded source is given."""

FLOODING = Path(__file__).parent / "flooding.py"


@pytest.fixture(scope="module")
def intake(tmp_path_factory):
    with running(tmp_path_factory.mktemp("intake") / "workspace") as found:
        yield found


@pytest.fixture
def found(record_property):
    return lambda said: record_property("found", said)


def item(number, **more):
    return {"type": "track", "messageId": f"m-{number}", "userId": f"u{crc32(str(number).encode()) % 97}", "event": "Opened",
            "properties": {"n": number}, "timestamp": "2026-01-05T10:00:00Z", **more}  # fmt: skip


# ---------------------------------------------------------------------- 8 and 9


@pytest.mark.promise("sent again")
def test_each_item_counts_once_however_often_it_is_sent_across_kills_and_restarts(tmp_path, full, found):
    """Shuffled, sent 1 to 5 times by 4 clients at once, the process killed and started again in between."""
    chance = random.Random(SEED)
    count = 100_000 if full else 3_000
    sends = [n for n in range(count) for _ in range(chance.randint(1, 5))]
    chance.shuffle(sends)
    batches = [sends[i : i + 100] for i in range(0, len(sends), 100)]
    kills = set(chance.sample(range(len(batches)), 20 if full else 2))
    with running(tmp_path / "workspace") as mine:
        turn = threading.Lock()

        def send(number):
            if number in kills:
                with turn:
                    mine.process.kill()
                    mine.process.wait()
                    mine.start()
            body = json.dumps({"batch": [item(n) for n in batches[number]]}).encode()
            while True:
                try:
                    reply = mine.post("/v1/batch", body)
                    if reply.status_code == 200:
                        return Counter(i["outcome"] for i in reply.json()["items"])
                except httpx.HTTPError:
                    pass
                time.sleep(0.1)

        with ThreadPoolExecutor(4) as pool:
            told = sum(pool.map(send, range(len(batches))), Counter())
        conflict = mine.post("/v1/batch", {"batch": [item(n, event="Other") for n in range(10)]}).json()
        ledger = mine.ledger("app")
        kept = [row["message_id"] for row in mine.rows("event", "message_id")]

    assert set(told) <= {"stored", "duplicate"}
    assert (len(kept), len(set(kept))) == (count, count)
    assert conflict["held_back"] == 10
    assert (ledger["stored"], ledger["held_back"], ledger["refused"]) == (count, 10, 0)
    assert ledger["received"] >= len(sends) + 10
    found(f"{count:,} items sent {len(sends):,} times, {len(kills)} kills: {len(kept):,} stored")


@pytest.mark.promise("ledger over HTTP")
def test_what_is_told_and_what_is_counted_are_the_same(tmp_path, full, found):
    chance = random.Random(SEED)
    told = Counter()
    with running(tmp_path / "workspace") as mine:
        for _ in range(400 if full else 60):
            batch = [chance.choice(MIXED)(chance.randrange(300)) for _ in range(chance.randint(1, 40))]
            told += Counter(i["outcome"] for i in mine.post("/v1/batch", {"batch": batch}).json()["items"])
            if chance.random() < 0.2:
                mine.post("/v1/batch", b"{")
                told["refused"] += 1
        ledger = mine.ledger("app")

    assert {n: ledger[n] for n in ("stored", "duplicate", "held_back", "refused")} == {
        n: told[n] for n in ("stored", "duplicate", "held_back", "refused")
    }
    assert ledger["received"] == sum(told.values())
    found(f"{ledger['received']:,} received, difference 0")


MIXED = (
    item,
    lambda n: item(n, event="Else"),
    lambda n: item(n, userId="null"),
    lambda n: item(n, timestamp="2199-01-01T00:00:00Z"),
    lambda n: 7,
)


# ---------------------------------------------------------------------- 10


def leaf(chance):
    return chance.choice([
        None, True, 0, -1, 10**400, 1e300, "", "null", "\0", "\ud800", "x" * 40_000, [], {}, [[[]]], "2026-13-45", "é" * 300,
        float("nan"), {"a": {"b": {"c": 1}}}, "2026-01-05T10:00:00Z", "<script>", "'; DROP TABLE sources; --",
    ])  # fmt: skip


SPOILS = (
    lambda text, at, chance: text[:at] + bytes([chance.randrange(256)]) + text[at + 1 :],
    lambda text, at, _: text[:at],
    lambda text, at, _: text[:at] + text[at + 1 :],
    lambda text, at, _: text[:at] + text[at:] * 2,
    lambda text, at, _: text[:at] + b"[" * 10_000 + text[at:],
    lambda text, at, _: text[:at] + b'"\\ud800"' + text[at:],
    lambda text, at, _: text[:at] + b"\xff\xfe" + text[at:],
    lambda text, at, _: text[:at] + b"1e999" + text[at:],
    lambda text, at, _: text[:at] + b"NaN" + text[at:],
)


def mutated(chance):
    """A good request, changed in its bytes or in its tree."""
    batch = [item(chance.randrange(10**9)) for _ in range(chance.randint(1, 4))]
    tree = {"batch": batch, "sentAt": "2026-01-05T10:00:01Z"}
    for _ in range(chance.randint(0, 3)):
        place = chance.choice(
            [tree, *batch, *[b["properties"] for b in batch if isinstance(b.get("properties"), dict)]]
        )
        place[chance.choice([*place, "context", "traits", "type", "extra"])] = leaf(chance)
    if chance.random() < 0.05:
        tree = leaf(chance)
    text = json.dumps(tree).encode()
    if chance.random() < 0.5:
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(len(text)) if text else 0
            text = chance.choice(SPOILS)(text, at, chance)
    return text


PATHS = ("/v1/batch", "/v1/track", "/v1/identify", "/v1/group", "/v1/alias", "/v1/signals", "/batch", "/e/", "/capture")


@pytest.mark.promise("hostile requests")
def test_mutated_requests_are_answered_and_the_next_good_one_is_taken(intake, full, found):
    chance = random.Random(SEED)
    count = 10_000 if full else 1_000
    seconds, statuses = [], Counter()
    with httpx.Client(base_url=intake.address, headers={"authorization": f"Bearer {intake.key}"}, timeout=30) as client:
        for number in range(count):
            headers, text = {}, mutated(chance)
            if chance.random() < 0.1:
                headers["content-encoding"] = chance.choice(["gzip", "deflate", "br", "gzip, gzip", "\x7f"])
                text = gzip.compress(text)[: chance.choice([None, -3, 5])] if chance.random() < 0.7 else text
            began = time.perf_counter()
            status = client.post(chance.choice(PATHS), content=text, headers=headers).status_code
            seconds.append(time.perf_counter() - began)
            statuses[status] += 1
            assert status < 500, (number, status, text[:300])
            if number % 100 == 0:
                assert client.post("/v1/track", json=item(f"good-{number}")).json()["stored"] == 1
    p99 = sorted(seconds)[int(len(seconds) * 0.99)]

    assert intake.process.poll() is None
    assert set(statuses) <= {200, 400, 413, 415}
    assert p99 < (0.1 if full else 1.0)
    ledger = intake.ledger("app")
    assert ledger["received"] == sum(ledger[n] for n in ("stored", "duplicate", "held_back", "refused"))
    found(f"{count:,} requests, seed {SEED}: 0 of them 5xx, p99 {p99 * 1000:.0f} ms")


def export(chance):
    """A good export of spans, changed in its bytes."""
    made = ExportTraceServiceRequest()
    inner = made.resource_spans.add().scope_spans.add()
    for _ in range(chance.randint(1, 5)):
        span = inner.spans.add(trace_id=chance.randbytes(16), span_id=chance.randbytes(8), name="POST /buy", kind=2)
        span.start_time_unix_nano = span.end_time_unix_nano = time.time_ns()
        span.attributes.add(key="user.id").value.string_value = f"u{chance.randrange(99)}"
        span.attributes.add(key="n").value.int_value = chance.randrange(-(2**63), 2**63)
    text = made.SerializeToString() if chance.random() < 0.6 else json.dumps(MessageToDict(made)).encode()
    media = "application/json" if text[:1] == b"{" else "application/x-protobuf"
    for _ in range(chance.randint(0, 5)):
        text = chance.choice(SPOILS)(text, chance.randrange(len(text)) if text else 0, chance)
    return text, {"content-type": chance.choice([media] * 9 + ["text/plain"])}


@pytest.mark.promise("hostile requests")
def test_mutated_exports_are_answered_in_their_own_words_and_add_up(intake, full, found):
    chance = random.Random(SEED)
    count, statuses = 5_000 if full else 300, Counter()
    with httpx.Client(base_url=intake.address, headers={"authorization": f"Bearer {intake.key}"}, timeout=30) as client:
        for number in range(count):
            text, headers = export(chance)
            path = chance.choice(["/v1/traces"] * 4 + ["/v1/logs", "/v1/metrics"])
            reply = client.post(path, content=text, headers=headers)
            statuses[reply.status_code] += 1
            assert reply.status_code < 500, (number, reply.status_code, text[:300])
            if reply.status_code == 200:
                told = dict(part.split("=") for part in reply.headers["x-regard-outcomes"].split(", "))
                assert int(told.pop("received")) == sum(map(int, told.values()))

    assert intake.process.poll() is None
    assert set(statuses) == {200, 400, 415}
    ledger = intake.ledger("app")
    assert ledger["received"] == sum(ledger[n] for n in ("stored", "duplicate", "held_back", "refused"))
    found(f"{count:,} exports of OpenTelemetry, seed {SEED}: 0 of them 5xx")


# ---------------------------------------------------------------------- 12 and 13


def latency(served, key, *, seconds, tag, pause=0.02):
    """Seconds each request of a quiet source takes."""
    taken, end, number = [], time.monotonic() + seconds, 0
    with httpx.Client(base_url=served.address, headers={"authorization": f"Bearer {key}"}, timeout=30) as client:
        while time.monotonic() < end:
            number += 1
            body = {"batch": [item(f"{tag}-{number}-{n}") for n in range(10)]}
            began = time.perf_counter()
            assert client.post("/v1/batch", json=body).status_code == 200
            taken.append(time.perf_counter() - began)
            time.sleep(pause)
    return sorted(taken)


def p(taken, share):
    return taken[min(len(taken) - 1, int(len(taken) * share))]


@pytest.mark.promise("overload")
def test_a_flood_of_one_source_is_refused_and_another_hardly_notices(tmp_path, full, found):
    """The flood comes on a clock, answered or not, at ten times what the source may send."""
    limits = {"REGARD_LIMIT_SOURCE_RATE": "300000", "REGARD_LIMIT_SOURCE_BURST": "600000"}
    with running(tmp_path / "workspace", **limits) as mine:
        quiet = mine.add("quiet")
        latency(mine, quiet, seconds=2, tag="warm")
        alone = latency(mine, quiet, seconds=8 if full else 3, tag="alone")
        command = [sys.executable, FLOODING, mine.address, mine.key, str(FLOOD), "1000"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as flood:
            time.sleep(1)
            during = latency(mine, quiet, seconds=30 if full else 4, tag="during")
            worst = mine.rss()
            statuses = Counter(json.loads(flood.communicate("stop\n", timeout=60)[0]))
        time.sleep(3)
        after = latency(mine, quiet, seconds=5 if full else 2, tag="after")
        assert mine.process.poll() is None
        ledger = mine.ledger("quiet")

    assert set(statuses) <= {"200", "429", "503"}
    assert statuses["429"] > 3 * statuses["200"] > 0
    assert worst < 700 << 20
    assert ledger["stored"] == ledger["received"]
    ratio = p(during, 0.5) / p(alone, 0.5)
    assert p(during, 0.99) < 1
    assert p(after, 0.5) < 2 * p(alone, 0.5) + 0.02
    found(
        f"{statuses['429']:,} of {sum(statuses.values()):,} refused, quiet source: median {ratio:.1f} times, "
        f"p99 {p(during, 0.99) * 1000:.0f} ms (alone {p(alone, 0.99) * 1000:.0f}), memory {worst >> 20} MB"
    )
    if full:
        assert p(during, 0.99) < 2 * p(alone, 0.99) + 0.02


@pytest.mark.promise("slow clients")
def test_hundreds_of_slow_connections_do_not_slow_others(tmp_path, full, found):
    """Half of them send headers, half a body, a byte at a time; some reset in the middle."""
    count = 500 if full else 150
    limits = {"REGARD_LIMIT_HEADER_SECONDS": "5", "REGARD_LIMIT_BODY_SECONDS": "5"}
    with running(tmp_path / "workspace", **limits) as mine:
        alone = latency(mine, mine.key, seconds=3, tag="alone")
        where = urlsplit(mine.address)
        opened = [socket.create_connection((where.hostname, where.port)) for _ in range(count)]
        for number, made in enumerate(opened):
            made.sendall(
                b"POST /v1/track HTTP/1.1\r\nhost: x\r\n" + (b"content-length: 900\r\n\r\n{" if number % 2 else b"x: ")
            )
        stop = threading.Event()

        def drip():
            chance = random.Random(SEED)
            while not stop.wait(1):
                for made in opened:
                    try:
                        made.sendall(b"a")
                    except OSError:
                        continue
                    if chance.random() < 0.02:
                        made.close()

        thread = threading.Thread(target=drip)
        thread.start()
        during = latency(mine, mine.key, seconds=8 if full else 4, tag="during")
        stop.set()
        thread.join()
        for made in opened:
            made.close()

    assert p(during, 0.5) < 2 * p(alone, 0.5) + 0.02
    found(f"{count} of them: median {p(during, 0.5) / p(alone, 0.5):.1f} times, p99 {p(during, 0.99) * 1000:.0f} ms "
          f"(alone {p(alone, 0.99) * 1000:.0f})")  # fmt: skip
    if full:
        assert p(during, 0.99) < 2 * p(alone, 0.99) + 0.02


# ---------------------------------------------------------------------- 14


def bombs():
    zeros = gzip.compress(b"0" * (200 << 20), 9)
    yield "a gzip of 200 MB of zeros", zeros, {"content-encoding": "gzip"}
    yield "a gzip in a gzip", gzip.compress(zeros), {"content-encoding": "gzip, gzip"}
    yield "many gzips in a row", gzip.compress(b" " * 50_000) * 3000, {"content-encoding": "gzip"}
    yield "a million brackets", b"[" * 1_000_000, {}
    yield "a million objects", b'{"a":' * 200_000, {}
    yield "a million keys", b'{"batch":[{' + b",".join(b'"k%d":1' % n for n in range(70_000)) + b"}]}", {}
    yield "a million items", b'{"batch":[' + b",".join([b"1"] * 500_000) + b"]}", {}
    yield "a number of a million digits", b'{"batch":[{"type":"track","userId":' + b"9" * 1_000_000 + b"}]}", {}
    yield "a text of a million bytes", b'{"batch":[{"event":"' + b"x" * 1_000_000 + b'"}]}', {}
    yield "more than is taken", b"x" * (30 << 20), {}


@pytest.mark.promise("bombs")
def test_what_unpacks_to_too_much_is_refused_at_once_and_in_little_memory(intake, found):
    intake.post("/v1/track", item("before-bombs"))
    before, slowest, worst = intake.rss(), 0.0, 0
    for name, body, headers in bombs():
        began = time.perf_counter()
        try:
            reply = intake.post("/v1/batch", body, headers=headers)
            assert reply.status_code in {400, 413}, (name, reply.status_code)
        except httpx.HTTPError:
            pass  # cut off while it was still sending: refused, too
        slowest = max(slowest, time.perf_counter() - began)
        worst = max(worst, intake.rss() - before)
        assert intake.process.poll() is None, name

    assert slowest < 2
    assert worst < 100 << 20
    assert intake.post("/v1/track", item("after-bombs")).json()["stored"] == 1
    found(f"slowest answer {slowest:.2f} s, memory +{worst >> 20} MB")
