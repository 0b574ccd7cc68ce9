"""Who may come in: loopback, the Host header, the one-time link, the cookie, Origin and the token."""

from __future__ import annotations

import re
import secrets

import httpx
import pytest

from regard.web.app import routes
from regard.web.guard import POLICY
from regard.web.signin import Door

OPEN = {"/sign-in", "/favicon.ico", "/static/{mark}/{name}"}
FILLED = {
    "{room}": "listening", "{question}": "scores", "{mark}": "x", "{name}": "regard.css", "{upload}": "a" * 24,
    "{batch:int}": "1", "{item:int}": "1", "{job}": "abc",
}  # fmt: skip


def every_route():
    found = []
    for route in routes():
        path = route.path
        for name, value in FILLED.items():
            path = path.replace(name, value)
        path = re.sub(r"\{\w+:int\}", "1", path)
        found += [(route.path, path, method) for method in route.methods - {"HEAD"}]
    return found


def test_the_link_signs_in_once_and_only_once(served):
    with served.stranger() as stranger:
        reply = stranger.get(served.link)

    assert reply.status_code == 401
    assert "has been used" in reply.text


def test_a_guessed_link_signs_nobody_in(served):
    with served.stranger() as stranger:
        for key in ("", "x", secrets.token_urlsafe(32), "%00", "é" * 300):
            assert stranger.get("/sign-in", params={"key": key}).status_code == 401


def test_the_cookie_is_only_for_us_and_out_of_reach_of_scripts(served):
    with served.stranger() as stranger:
        reply = stranger.get("/sign-in", params={"key": Door(served.workspace).new_key()})

    cookie = reply.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert f"regard-{served.port}=" in cookie


@pytest.mark.parametrize(("route", "path", "method"), every_route())
def test_every_page_but_the_open_ones_asks_for_sign_in(served, route, path, method):
    with served.stranger() as stranger:
        reply = stranger.request(method, path, headers={"origin": served.base})

    assert (reply.status_code == 401) == (route not in OPEN or route == "/sign-in")


@pytest.mark.parametrize(("route", "path", "method"), every_route())
@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example", "127.0.0.1:{port}.evil"]
)
def test_another_host_header_is_refused_everywhere(served, route, path, method, host):
    reply = served.client.request(method, path, headers={"host": host.replace("{port}", str(served.port))})

    assert reply.status_code == 421


def test_the_three_names_of_this_machine_are_answered(served):
    for name in ("127.0.0.1", "localhost", "[::1]"):
        assert served.client.get("/sources", headers={"host": f"{name}:{served.port}"}).status_code == 200


@pytest.mark.parametrize(("route", "path", "method"), [r for r in every_route() if r[2] == "POST"])
@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "https://127.0.0.1"])
def test_a_form_from_elsewhere_is_refused(served, route, path, method, origin):
    headers = {"origin": origin} if origin else {}
    reply = served.client.post(path, data={"token": served.token()}, headers=headers)

    assert reply.status_code == 403


@pytest.mark.parametrize(("route", "path", "method"), [r for r in every_route() if r[2] == "POST"])
@pytest.mark.parametrize("token", [None, "", "x", "0" * 64])
def test_a_form_without_the_session_s_token_is_refused(served, route, path, method, token):
    data = {} if token is None else {"token": token}
    reply = served.client.post(path, data=data, headers={"origin": served.base})

    assert reply.status_code == 403


def test_a_token_of_another_session_is_refused(served):
    door = Door(served.workspace)
    other = door.use_key(door.new_key())

    reply = served.client.post("/look", data={"token": door.token(other)}, headers={"origin": served.base})

    assert reply.status_code == 403


def test_signing_out_ends_the_session_for_good(own):
    served = own()
    cookies = dict(served.client.cookies)

    assert served.post("/sign-out").status_code == 303
    with served.stranger(cookies=cookies) as again:
        assert again.get("/sources").status_code == 401


@pytest.mark.parametrize(
    "path", ["/", "/sources", "/listening/scores", "/nowhere", "/sign-in?key=x", "/static/x/regard.js"]
)
def test_every_answer_carries_the_headers_that_hold_it(served, path):
    headers = served.client.get(path).headers

    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "server" not in headers


def test_the_look_never_leads_off_the_site(served):
    for back in ("//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"):
        assert served.post("/look", back=back, theme="dark").headers["location"] == "/"


def test_pages_hold_no_inline_script_or_style(served):
    for path in ("/", "/listening", "/listening/scores", "/sources", "/settings", "/nowhere"):
        text = served.answer(path).text
        assert not re.search(r"<script(?![^>]*\bsrc=)", text)
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=", text)


def test_a_taken_port_is_named(served, tmp_path):
    from regard.errors import BadInput
    from regard.web.supervisor import listen

    with pytest.raises(BadInput, match=f"Port {served.port} cannot be used"):
        listen(served.port)


def test_a_cookie_made_by_hand_is_worth_nothing(served):
    name = next(c for c in dict(served.client.cookies) if c.startswith("regard-"))
    good = served.client.cookies[name]
    for value in ("", "x", "a.b.c", good[:-1], good.replace(".", ".9", 1), "é"):
        header = {"cookie": f"{name}={value}".encode()}
        with httpx.Client(base_url=served.base) as stranger:
            assert stranger.get("/sources", headers=header).status_code == 401
