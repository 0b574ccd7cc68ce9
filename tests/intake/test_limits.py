"""Every limit of the table is tried, just within and just beyond; a limit without a test fails."""

from __future__ import annotations

import gzip
import json
import socket
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import msgspec
import pytest

from regard.errors import BadInput
from regard.sources.limits import Wire, wire

SMALL = {
    "body_bytes": 20_000, "inflated_bytes": 60_000, "inflate_ratio": 30, "batch_items": 10, "item_bytes": 5_000, "depth": 8,
    "keys": 50, "id_length": 64, "future_hours": 2, "header_seconds": 1, "body_seconds": 1, "idle_seconds": 2,
    "header_bytes": 4_000, "connections": 40, "otlp_bytes": 30_000, "otlp_inflated_bytes": 80_000, "otlp_items": 5,
    "otlp_item_bytes": 6_000,
}  # fmt: skip
SHARED = {"source_bytes": 5_000, "waiting_bytes": 8_000, "source_rate": 500, "source_burst": 2_000, "body_seconds": 5}


def track(**more):
    return {"messageId": uuid4().hex, "userId": "u", "event": "e", **more}


def sized(size, **more):
    """A track call of exactly so many bytes."""
    item = track(**more, pad="")
    return json.dumps({**item, "pad": "x" * (size - len(json.dumps(item)))}).encode()


def code(reply):
    told = reply.json()
    return told["error"]["code"] if "error" in told else told["items"][0].get("code", told["items"][0]["outcome"])


@pytest.fixture(scope="module")
def small(run_for_all):
    return run_for_all(**SMALL)


def body_bytes(small):
    items = lambda n: json.dumps({"batch": [track(pad="x" * 1800)] * n, "pad": ""})  # noqa: E731
    whole = items(10)
    assert code(small.post("/v1/batch", (whole + " " * (20_000 - len(whole))).encode())) == "stored"
    assert code(small.post("/v1/batch", (whole + " " * (20_001 - len(whole))).encode())) == "too_large"
    assert code(chunked(small, iter([b" " * 10_000, b" " * 10_001]))) == "too_large"


def chunked(small, parts):
    return httpx.post(f"{small.address}/v1/batch", content=parts, headers={"authorization": f"Bearer {small.key}"})


def inflated_bytes(small):
    noise = Random(3).randbytes(2_000).hex()  # packs to a half, so that the ratio is kept
    text = json.dumps(track(pad=noise))
    for size, told in ((60_000, "stored"), (60_001, "too_large")):
        packed = gzip.compress((text + " " * (size - len(text))).encode())
        assert len(packed) * 30 > size
        assert code(small.post("/v1/track", packed, headers={"content-encoding": "gzip"})) == told


def inflate_ratio(small):
    assert (
        code(small.post("/v1/track", gzip.compress(b" " * 50_000), headers={"content-encoding": "gzip"}))
        == "too_packed"
    )


def batch_items(small):
    assert code(small.post("/v1/batch", {"batch": [track() for _ in range(10)]})) == "stored"
    reply = small.post("/v1/batch", {"batch": [track() for _ in range(11)]})
    assert (reply.status_code, code(reply)) == (413, "too_many")
    lines = b"\n".join(json.dumps({"kind": "answer", "score": 1}).encode() for _ in range(11))
    assert code(small.post("/v1/signals", lines)) == "too_many"


def item_bytes(small):
    assert code(small.post("/v1/track", sized(5_000))) == "stored"
    assert code(small.post("/v1/track", sized(5_001))) == "item_too_large"


def depth(small):
    def nested(levels):
        inner = 1
        for _ in range(levels - 2):
            inner = {"a": inner}
        return track(properties=inner if isinstance(inner, dict) else {})

    assert code(small.post("/v1/track", nested(9))) == "stored"  # the item itself is a level
    assert code(small.post("/v1/track", nested(10))) == "too_deep"


def keys(small):
    assert code(small.post("/v1/track", track(properties={f"k{n}": n for n in range(46)}))) == "stored"
    assert code(small.post("/v1/track", track(properties={f"k{n}": n for n in range(47)}))) == "too_many_keys"


def id_length(small):
    assert code(small.post("/v1/track", track(userId="é" * 64))) == "stored"
    assert code(small.post("/v1/track", track(userId="é" * 64 + "x"))) == "id_too_long"
    assert code(small.post("/v1/track", track(messageId="x" * 65))) == "id_too_long"


def future_hours(small):
    at = lambda hours: (datetime.now(UTC) + timedelta(hours=hours)).isoformat()  # noqa: E731
    assert code(small.post("/v1/track", track(timestamp=at(1.9)))) == "stored"
    assert code(small.post("/v1/track", track(timestamp=at(2.1)))) == "future"


def exported(small, spans, *, size=0, packed=False, pad=""):
    """What an export of so many spans is told: the request padded to a size, each span with a text."""
    now = time.time_ns()
    made = [
        {"traceId": uuid4().hex, "spanId": uuid4().hex[:16], "name": "POST /buy", "kind": 2, "startTimeUnixNano": str(now),
         "attributes": [{"key": "url.full", "value": {"stringValue": pad}}]}
        for _ in range(spans)
    ]  # fmt: skip
    text = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": made}]}]}).encode()
    text += b" " * (size - len(text))
    head = {"content-encoding": "gzip"} if packed else {}
    reply = small.post("/v1/traces", gzip.compress(text) if packed else text, headers=head)
    if reply.status_code == 200:
        return reply.json().get("partialSuccess", {}).get("errorMessage", "stored")
    return reply.json()["message"].partition(":")[0]


def otlp_bytes(small):
    assert exported(small, 1, size=30_000) == "stored"
    assert exported(small, 1, size=30_001) == "too_large"


def otlp_inflated_bytes(small):
    noise = Random(5).randbytes(2_500).hex()
    assert exported(small, 1, size=80_000, packed=True, pad=noise) == "stored"
    assert exported(small, 1, size=80_001, packed=True, pad=noise) == "too_large"


def otlp_items(small):
    assert exported(small, 5) == "stored"
    assert exported(small, 6) == "too_many"


def otlp_item_bytes(small):
    assert exported(small, 2, pad="x" * 5_000) == "stored"
    assert "6,000 are allowed" in exported(small, 2, pad="x" * 6_000)


@contextmanager
def connected(small, first=b""):
    where = urlsplit(small.address)
    with socket.create_connection((where.hostname, where.port), timeout=10) as made:
        made.sendall(first)
        yield made


def ended(made):
    """What came until the other side closed, and after how many seconds."""
    began, got = time.monotonic(), b""
    try:
        while part := made.recv(65536):
            got += part
    except ConnectionResetError:
        pass
    return got, time.monotonic() - began


def header_seconds(small):
    with connected(small) as silent, connected(small, b"POST /v1/track HTTP/1.1\r\nhost: x\r\nx-a") as slow:
        assert ended(slow)[1] < 3
        assert ended(silent)[1] < 3


def header_bytes(small):
    with connected(
        small, b"GET /ready HTTP/1.1\r\nhost: x\r\nx-a: " + b"a" * 3_000 + b"\r\nconnection: close\r\n\r\n"
    ) as fine:
        assert ended(fine)[0].startswith(b"HTTP/1.1 200")
    with connected(small, b"GET /ready HTTP/1.1\r\nhost: x\r\nx-a: " + b"a" * 500_000) as long:
        assert b"200" not in ended(long)[0][:20]


def body_seconds(small):
    with connected(small, b"POST /v1/track HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{") as slow:
        said, seconds = ended(slow)
        assert said.startswith(b"HTTP/1.1 408")
        assert b"too_slow" in said
        assert seconds < 3


def idle_seconds(small):
    with connected(small, b"GET /ready HTTP/1.1\r\nhost: x\r\n\r\n") as idle:
        said, seconds = ended(idle)
        assert said.startswith(b"HTTP/1.1 200")
        assert 0.5 < seconds < 5


def connections(small):
    time.sleep(0.2)
    opened = []
    where = urlsplit(small.address)
    try:
        for _ in range(45):
            opened.append(socket.create_connection((where.hostname, where.port), timeout=5))
        last = opened[-1]
        assert ended(last)[0].startswith(b"HTTP/1.1 503")
    finally:
        for made in opened:
            made.close()
    time.sleep(0.2)
    assert small.post("/v1/track", track()).status_code == 200


def test_bytes_under_way_and_a_rate_are_limited_per_source_and_in_all(run_intake):
    mine = run_intake(**SHARED)
    other, third = mine.add("other"), mine.add("third")

    def hold(key, size):
        head = f"POST /v1/track HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: 6000\r\n\r\n"
        return connected(mine, head.encode() + b"{" + b" " * (size - 1))

    with hold(mine.key, 4_500):
        time.sleep(0.3)
        reply = mine.post("/v1/track", sized(1_000))
        assert (reply.status_code, code(reply)) == (429, "busy")
        assert int(reply.headers["retry-after"]) >= 1
        assert mine.post("/v1/track", sized(1_000), key=other).status_code == 200
        with hold(other, 3_000):
            time.sleep(0.3)
            assert code(mine.post("/v1/track", sized(1_000), key=third)) == "busy"  # there is no room for anybody
    time.sleep(0.3)
    assert mine.post("/v1/track", sized(1_000), key=third).status_code == 200

    replies = [mine.post("/v1/track", sized(1_000), key=third) for _ in range(4)]
    assert [r.status_code for r in replies][-1] == 429
    assert code(replies[-1]) == "too_fast"
    body = {"api_key": third, "event": "e", "distinct_id": "u"}
    browser = mine.post("/e/", body, key="", headers={"authorization": ""})
    assert browser.status_code == 503  # PostHog's browser client gives up on 429
    time.sleep(int(replies[-1].headers["retry-after"]))
    assert mine.post("/v1/track", sized(500), key=third).status_code == 200


def test_a_full_disk_is_a_507_and_the_intake_goes_on(run_intake):
    mine = run_intake(free_bytes=1 << 60)

    reply = mine.post("/v1/track", track())

    assert (reply.status_code, code(reply)) == (507, "disk_full")
    assert reply.headers["retry-after"]


TRIED_TOGETHER = {"source_bytes", "waiting_bytes", "source_rate", "source_burst", "free_bytes"}


@pytest.mark.parametrize("name", [f.name for f in msgspec.structs.fields(Wire) if f.name not in TRIED_TOGETHER])
def test_each_limit_is_kept(small, name):
    globals()[name](small)


def test_a_limit_is_set_from_outside_and_must_be_a_number(monkeypatch):
    monkeypatch.setenv("REGARD_LIMIT_DEPTH", "5")
    assert wire().depth == 5
    monkeypatch.setenv("REGARD_LIMIT_DEPTH", "five")
    with pytest.raises(BadInput, match="REGARD_LIMIT_DEPTH"):
        wire()
