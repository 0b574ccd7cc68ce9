"""No message goes into a network it was not meant for: sixty ways to try, and a canary that hears nothing."""

from __future__ import annotations

import pytest

from listening import receiver
from regard.delivery import addresses, webhooks
from regard.errors import BadInput

SECRET = webhooks.new_secret()

INWARD = [
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "017700000001", "0177.0.0.1",
    "127.255.255.254", "0.0.0.0", "0", "localhost", "localhost.", "LOCALHOST", "[::1]", "[::]",  # noqa: S104
    "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]", "[fe80::1]", "[fec0::1]", "[fc00::1]", "[fd12:3456::1]", "[ff02::1]", "10.0.0.1", "10.255.255.255",
    "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255", "169.254.169.254", "100.64.0.1",
    "100.100.100.200", "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
    "239.255.255.255", "240.0.0.1", "255.255.255.255", "[2001:db8::1]", "[::ffff:169.254.169.254]",
    "[::ffff:10.0.0.1]", "[2001:0:7f00:1::80ff:fffe]",
]  # fmt: skip

UNREADABLE = [
    "", "ops", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "unix:///run/docker.sock",
    "http+unix://%2Frun%2Fdocker.sock/", "//example.com/", "https://", "https:///path", "https://a@example.com/",
    "https://a:b@example.com/", "https://example.com@127.0.0.1/", "https://example.com:99999/", "https://exa mple.com/",
    "https://example.com/\r\nX: y", "https://example.com\\@127.0.0.1/", "https://[::1/", "https://[zz]/",
    "https://exämple.com/", "http://example.com/", "https://" + "a" * 3000,
]  # fmt: skip


@pytest.mark.parametrize("host", INWARD)
def test_an_address_inside_is_refused_however_it_is_written(host):
    with receiver() as canary:
        reply = webhooks.send(f"https://{host}:{canary.port}/", secret=SECRET, id_="msg_1", body=b"{}", seconds=0.5)

    assert not reply.taken
    assert not reply.reached
    assert canary.requests == []


@pytest.mark.parametrize("address", UNREADABLE)
def test_what_is_no_address_for_a_message_is_refused_with_the_next_step(address):
    with pytest.raises(BadInput) as caught:
        addresses.place(address)

    assert caught.value.hint


def test_a_name_that_leads_inside_is_refused_even_beside_one_that_does_not():
    for found in (["10.0.0.7"], ["93.184.215.14", "127.0.0.1"], ["::1"]):
        reply = webhooks.send(
            "https://hooks.example/", secret=SECRET, id_="msg_1", body=b"{}", resolve=lambda *_, f=found: f
        )
        assert "not on the public internet" in reply.words


def test_a_name_that_changes_its_mind_is_asked_once_and_connected_to_as_checked():
    """DNS rebinding: the second answer would lead elsewhere; there is no second question."""
    with receiver() as meant, receiver() as canary:
        answers = [["127.0.0.1"], ["127.0.0.2"]]
        asked = []

        def resolve(host, port):
            asked.append(host)
            return answers.pop(0)

        reply = webhooks.send(
            f"http://hooks.example:{meant.port}/", secret=SECRET, id_="msg_1", body=b"{}", private=True, resolve=resolve
        )

    assert reply.taken
    assert asked == ["hooks.example"]
    assert meant.requests[0][1]["host"] == f"hooks.example:{meant.port}"
    assert canary.requests == []


@pytest.mark.parametrize("text", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "8.8.8.8"])
def test_the_public_internet_is_public(text):
    import ipaddress

    assert addresses.is_public(ipaddress.ip_address(text))
