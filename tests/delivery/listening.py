"""A receiver of webhooks that behaves as badly as a test asks: it keeps what it was sent, then answers, or does not."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager, suppress

REPLIES = {
    "ok": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "empty": b"HTTP/1.1 204 No Content\r\n\r\n",
    "broken": b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
    "busy": b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1000\r\nContent-Length: 0\r\n\r\n",
    "gone": b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n",
    "cut": b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf of",
    "nonsense": b"\x00\xffnot http at all\r\n\r\n",
    "endless": b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n",
}


class Receiver:
    """One that listens on loopback."""

    def __init__(self, how="ok"):
        self.how, self.elsewhere = how, ""
        self.requests = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/hooks"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                line, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(line,), daemon=True).start()

    def _answer(self, line):
        with line, suppress(OSError):
            line.settimeout(5)
            self.requests.append(self._read(line))
            self._reply(line)

    def _read(self, line):
        raw = b""
        while b"\r\n\r\n" not in raw:
            raw += line.recv(65536)
        head, _, body = raw.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {n.lower(): v for n, _, v in (text.partition(": ") for text in lines[1:])}
        while len(body) < int(headers.get("content-length", 0)):
            body += line.recv(65536)
        return lines[0], headers, body

    def _reply(self, line):
        how = self.how.pop(0) if isinstance(self.how, list) else self.how
        if how == "silent":
            time.sleep(3)
        elif how == "drip":
            for byte in REPLIES["ok"]:
                line.sendall(bytes([byte]))
                time.sleep(0.05)
        elif how == "redirect":
            line.sendall(f"HTTP/1.1 307 Go\r\nLocation: {self.elsewhere}\r\nContent-Length: 0\r\n\r\n".encode())
        elif how == "endless":
            line.sendall(REPLIES[how])
            while True:
                line.sendall(b"x" * 65536)
        elif how != "dies":
            line.sendall(REPLIES[how])

    def close(self):
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)  # closing alone does not wake who waits in accept
        self._listening.close()


@contextmanager
def receiver(how="ok"):
    made = Receiver(how)
    try:
        yield made
    finally:
        made.close()
