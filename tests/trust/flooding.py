"""Floods an intake from a process of its own: ``python flooding.py ADDRESS KEY CONNECTIONS``; on a line of input it tells."""

from __future__ import annotations

import gzip
import json
import sys
import threading
from collections import Counter

import httpx

address, key, connections = sys.argv[1], sys.argv[2], int(sys.argv[3])
statuses, stop = Counter(), threading.Event()


def flood(number):
    items = [
        {
            "type": "track",
            "messageId": f"f-{number}-{n}",
            "userId": f"u{n % 97}",
            "event": "Opened",
            "properties": {"n": n},
        }
        for n in range(400)
    ]
    body = gzip.compress(json.dumps({"batch": items}).encode())
    headers = {"authorization": f"Bearer {key}", "content-encoding": "gzip"}
    with httpx.Client(base_url=address, headers=headers, timeout=30) as client:
        while not stop.is_set():
            reply = client.post("/v1/batch", content=body)
            waits = int(reply.headers.get("retry-after", 0))
            statuses[
                f"{reply.status_code}{'' if reply.status_code == 200 or waits >= 1 else ' without Retry-After'}"
            ] += 1


threads = [threading.Thread(target=flood, args=(n,)) for n in range(connections)]
for thread in threads:
    thread.start()
sys.stdin.readline()
stop.set()
for thread in threads:
    thread.join()
print(json.dumps(statuses))
