"""Floods an intake from a process of its own, on a clock, whether it is answered or not: an open loop.

``python flooding.py ADDRESS KEY RATE MOST``: so many requests a second, at most so many of them unanswered at once; on
a line of input it stops and tells the statuses, and how many requests came due while too many were unanswered.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
import threading
from collections import Counter
from urllib.parse import urlsplit

address, key, rate, most = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
where = urlsplit(address)
statuses, stop, free, busy = Counter(), threading.Event(), [], set()


def request(number):
    """A batch of 100 events."""
    items = [
        {
            "type": "track",
            "messageId": f"f-{number}-{n}",
            "userId": f"u{n % 97}",
            "event": "Opened",
            "properties": {"n": n},
        }
        for n in range(100)
    ]
    body = gzip.compress(json.dumps({"batch": items}).encode(), 1)
    head = f"POST /v1/batch HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-encoding: gzip\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


async def send(raw):
    try:
        reader, writer = free.pop() if free else await asyncio.open_connection(where.hostname, where.port)
        writer.write(raw)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
        await reader.readexactly(int(fields[b"content-length"]))
        status = head.split()[1].decode()
        statuses[
            status if status == "200" or int(fields.get(b"retry-after", 0)) else f"{status} without Retry-After"
        ] += 1
        free.append((reader, writer))
    except (OSError, asyncio.IncompleteReadError):
        statuses["cut off"] += 1


async def flood():
    ready = [request(number) for number in range(400)]
    began, number = asyncio.get_running_loop().time(), 0
    while not stop.is_set():
        due = began + number / rate
        await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
        if len(busy) >= most:
            statuses["not sent"] += 1
        else:
            task = asyncio.create_task(send(ready[number % len(ready)]))
            busy.add(task)
            task.add_done_callback(busy.discard)
        number += 1
    await asyncio.wait(busy, timeout=30) if busy else None


threading.Thread(target=lambda: (sys.stdin.readline(), stop.set()), daemon=True).start()
asyncio.run(flood())
print(json.dumps(statuses))
