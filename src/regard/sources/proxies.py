"""Where a request comes from when it passes a proxy: the proxy's word counts, where it is declared, and nobody else's.

A proxy writes at the right end of ``X-Forwarded-For`` who connected to it; whatever stands to the left of that, the
sender may have written. So the header is read from the right, as long as declared proxies wrote it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from regard.errors import BadInput

Address = IPv4Address | IPv6Address
MOST = 20
"""Proxies behind one another, at most."""


@dataclass(frozen=True)
class Proxies:
    """Addresses and networks of proxies whose word is taken. Falsy without any.

    Args:
        networks: Them.
    """

    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.networks)

    def __contains__(self, address: str) -> bool:
        found = _address(address)
        return found is not None and any(found.version == n.version and found in n for n in self.networks)

    def sender(self, forwarded: str, *, peer: str) -> str:
        """Who sent a request that a declared proxy passed on.

        Args:
            forwarded: Its ``X-Forwarded-For``.
            peer: The proxy's own address.

        Returns:
            The last address that is no declared proxy; the proxy's where the header names none.
        """
        for text in reversed(forwarded.rsplit(",", MOST)[-MOST:]):
            found = _address(text)
            if found is None:
                break
            peer = str(found)
            if peer not in self:
                break
        return peer


NONE = Proxies()


def proxies(given: str) -> Proxies:
    """Proxies from a setting: addresses and networks, separated by commas.

    Raises:
        BadInput: One is neither; it is named.
    """
    networks = []
    for text in filter(None, (part.strip() for part in given.split(","))):
        try:
            networks.append(ip_network(text, strict=False))
        except ValueError as error:
            hint = "Such as 127.0.0.1, or 10.0.0.0/8, or several with commas between them."
            told = f"{text!r} is no address of a proxy."
            raise BadInput(told, where="REGARD_TRUSTED_PROXIES", hint=hint) from error
    return Proxies(tuple(networks))


@lru_cache(maxsize=1024)
def _address(text: str) -> Address | None:
    """An address as proxies write it: with a port or in brackets, too; None for anything else."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
