"""The docs' own files of a proxy with TLS, run: signals pass, and senders are told apart by their own addresses."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path

import httpx
import pytest
from taken import running

from regard.store import turnedaway

PAGE = (Path(__file__).parents[2] / "docs" / "intake.md").read_text("utf-8")
TRACK = {"userId": "u1", "event": "Opened", "messageId": "m1"}


def shown(language):
    """The file the docs show."""
    return re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)[1]


def free():
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return made.getsockname()[1]


def nginx(home, port, intake):
    """Its whole configuration around the file of the docs, and the command."""
    words = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=signals.example.com",
    ]
    words += ["-addext", "subjectAltName=DNS:signals.example.com", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(words, cwd=home, check=True, capture_output=True)
    own = shown("nginx").replace("127.0.0.1:7789", intake).replace("listen 443", f"listen 127.0.0.1:{port}")
    own = own.replace("/etc/ssl/certs/signals.pem", f"{home}/cert.pem")
    own = own.replace("/etc/ssl/private/signals.key", f"{home}/key.pem")
    places = "".join(f"{n}_temp_path {home}/{n};" for n in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root; " if os.geteuid() == 0 else ""  # whoever runs the tests owns the directory
    whole = f"{user}pid {home}/pid; daemon off; error_log {home}/error.log; events {{}}"
    whole += f" http {{ access_log off; {places} {own} }}"
    (home / "nginx.conf").write_text(whole, "utf-8")
    return ["nginx", "-c", f"{home}/nginx.conf", "-e", f"{home}/error.log"]


def caddy(home, port, intake):
    """The file of the docs with a port and a certificate of its own making, and the command."""
    own = shown("caddy").replace("127.0.0.1:7789", intake)
    own = own.replace("signals.example.com {", f"https://signals.example.com:{port} {{\n    tls internal")
    (home / "Caddyfile").write_text(
        f"{{\n    admin off\n    auto_https disable_redirects\n    skip_install_trust\n}}\n{own}"
    )
    return ["caddy", "run", "--adapter", "caddyfile", "--config", f"{home}/Caddyfile"]


class Named(httpx.HTTPTransport):
    """Sends to this machine what is meant for the proxy's name."""

    def handle_request(self, request):
        request.extensions = {**request.extensions, "sni_hostname": "signals.example.com"}
        request.url = request.url.copy_with(host="127.0.0.1")
        return super().handle_request(request)


@pytest.fixture(params=[nginx, caddy], ids=lambda made: made.__name__)
def proxied(request, tmp_path):
    """An intake, a client that reaches it through the proxy, and the proxy's port."""
    made = request.param
    if shutil.which(made.__name__) is None or (made is nginx and shutil.which("openssl") is None):
        pytest.skip(f"{made.__name__} is not installed")
    port = free()
    unchecked = ssl.create_default_context()
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    with running(tmp_path / "workspace", REGARD_TRUSTED_PROXIES="127.0.0.1") as mine:
        command = made(tmp_path, port, mine.address.removeprefix("http://"))
        home = {**os.environ, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
        with subprocess.Popen(command, env=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                with httpx.Client(transport=Named(verify=unchecked), timeout=20) as client:
                    address = f"https://signals.example.com:{port}"
                    ready(client, f"{address}/ready")
                    yield mine, client, address
            finally:
                process.terminate()


def ready(client, address):
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            if client.get(address).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise AssertionError("the proxy never passed anything on")


def test_signals_pass_a_proxy_with_tls_and_strangers_are_told_by_their_own_address(proxied):
    mine, client, address = proxied
    own = {"authorization": f"Bearer {mine.key}"}
    assert client.post(f"{address}/v1/track", json=TRACK, headers=own).json()["stored"] == 1
    big = {"batch": [TRACK | {"messageId": str(n), "properties": {"pad": "x" * 20_000}} for n in range(70)]}
    refused = client.post(f"{address}/v1/batch", json=big, headers=own)
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "too_large")
    wrong = {"authorization": "Bearer rk_wrong", "x-forwarded-for": "192.0.2.66"}
    assert client.post(f"{address}/v1/track", json=TRACK, headers=wrong).status_code == 401
    told = client.get(f"{address}/v1/projects/k/settings").json()["integrations"]["Segment.io"]

    assert told["protocol"] == "https"
    assert told["apiHost"] == f"{address.removeprefix('https://')}/v1"
    time.sleep(turnedaway.WRITE_SECONDS + 0.5)
    (away,) = turnedaway.recent(mine.root)
    assert (away.code, away.addresses) == ("key_unknown", ["127.0.0.1"])  # not what the sender wrote itself
