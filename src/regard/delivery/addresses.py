"""Where a message may be sent: an address is read once, its name resolved once, and the connection made to what was
checked, not to what the name says a moment later.

Only addresses of the public internet are connected to, unless a person declared the receiver to be in their own network
when they named it; and then only over what they named.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from regard.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Resolve = Callable[[str, int], Iterable[str]]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

LONGEST = 2000
NAT64 = ipaddress.ip_network("64:ff9b::/96")
SITE_LOCAL = ipaddress.ip_network("fec0::/10")


@dataclass(frozen=True, kw_only=True)
class Place:
    """A web address, read."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """What the Host header says."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == {"http": 80, "https": 443}[self.scheme] else f"{name}:{self.port}"


def place(address: str, *, private: bool = False) -> Place:
    """Read a web address.

    Args:
        address: Such as https://example.com/hooks/regard.
        private: Whether the receiver is in one's own network; without it, only https.

    Raises:
        BadInput: It is none that a message may be sent to; says why.
    """
    told = "Such as https://example.com/hooks/regard."
    if not address or len(address) > LONGEST or any(c <= " " or c == "\\" or ord(c) > 126 for c in address):
        raise BadInput("This is no web address.", where="address", hint=told)
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError as error:
        raise BadInput(f"This is no web address: {error}.", where="address", hint=told) from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise BadInput("A webhook goes to a web address.", where="address", hint=told)
    if parts.username is not None or parts.password is not None:
        hint = "The signature says who it is from; leave name and password out."
        raise BadInput("An address with a name or password in it is not taken.", where="address", hint=hint)
    if parts.scheme == "http" and not private:
        hint = "Give an https address, or say that it is in your own network: --private"
        raise BadInput("Customers' data does not travel in the clear.", where="address", hint=hint)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(
        scheme=parts.scheme, host=parts.hostname, port=port or (443 if parts.scheme == "https" else 80), path=path
    )


def system_resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, as this system knows them.

    Raises:
        OSError: It has none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def pinned(found: Place, *, private: bool = False, resolve: Resolve = system_resolve) -> Address:
    """The one address to connect to, resolved once.

    Args:
        found: The place.
        private: Whether addresses of one's own network may be connected to.
        resolve: How names become addresses.

    Raises:
        BadInput: The name leads into a network it may not.
        OSError: It leads nowhere.
    """
    addresses = [ipaddress.ip_address(text.partition("%")[0]) for text in resolve(found.host, found.port)]
    if not addresses:
        raise OSError(f"{found.host} has no address")
    for address in addresses:  # one that is not allowed is reason enough: it shows what the name is for
        if not private and not is_public(address):
            raise BadInput(
                f"{found.host} leads to {address}, which is not on the public internet.",
                where="address",
                hint="If it is your own receiver, name it again and say so: --private",
            )
    return addresses[0]


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet, whatever it is wrapped in."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in SITE_LOCAL:
            return False
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if inner is None and address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if int(address) < 1 << 32:  # the deprecated IPv4-compatible form
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved
