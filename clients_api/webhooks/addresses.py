"""Where a webhook may lead: which URLs, and which addresses their names resolve to.

What a name resolves to can change at any time, so each connection is made to an address that was
checked after the name was resolved, once (OWASP, Server Side Request Forgery Prevention).
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
from collections.abc import Collection
from typing import Any, NamedTuple
from urllib.parse import urlsplit

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

LONGEST_NAME = 253  # RFC 1035, section 2.3.4, as it is written
NAME = re.compile(r"([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?")
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # the last part of what resolvers take for an address
LOOK_SECONDS = 2  # for a name, where a person waits to be told
PORTS = {"https": 443, "http": 80}

PUBLIC_IPV6 = ipaddress.IPv6Network("2000::/3")  # what IANA gives out (RFC 4291, section 2.4)
# What Python's `is_global` takes for public, and is not, or not to be trusted to be: ways to reach
# any IPv4 address by another name, and what is kept for special purposes.
NOT_PUBLIC = [
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",  # protocol assignments, RFC 6890
        "192.88.99.0/24",  # relays of 6to4, RFC 7526
        "2001::/23",  # protocol assignments, Teredo among them, RFC 2928
        "2002::/16",  # 6to4, RFC 3056
        "3fff::/20",  # documentation, RFC 9637
    )
]


class Forbidden(OSError):
    """A webhook may not lead there; the message is one line that says why."""


class Target(NamedTuple):
    """What a URL says of where to connect to, and what to ask for.

    `is_exempt` is whether WEBHOOK_HOSTS names it: then it may be anywhere but at a link-local
    address, where clouds keep their machines' credentials.
    """

    scheme: str
    host: str  # in ASCII and lower case
    port: int
    path: str  # with the query
    is_exempt: bool


def parse(url: str, exempt: Collection[str] = ()) -> Target:
    """Take a URL apart. In: the hosts of WEBHOOK_HOSTS, as `host` or `host:port`.

    Raises Forbidden for what is no https URL of a host, or has a user, a password or a fragment,
    and for an IPv4 address that is not written as four decimal numbers.
    """
    if not re.fullmatch(r"https?://[^\x00-\x20\x7f\\#@/?]+([/?][!-\[\]-~]*)?", url) or "#" in url:
        raise Forbidden("It must be the https URL of a host, without a user, password or fragment.")
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS[parts.scheme]
        host = _ascii(parts.hostname or "")
    except (ValueError, UnicodeError) as error:
        raise Forbidden("Its host or port is none.") from error
    if parts.port == 0 or not host:
        raise Forbidden("Its host or port is none.")
    is_exempt = _shown(host) in exempt or f"{_shown(host)}:{port}" in exempt
    if parts.scheme != "https" and not is_exempt:
        raise Forbidden("It must be https, unless WEBHOOK_HOSTS names the host.")
    path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    return Target(parts.scheme, host, port, path, is_exempt)


def host_of(url: str) -> str:
    """Return the host of a URL, which unlike its path is no secret."""
    return urlsplit(url).hostname or ""


def exemptions(value: Any) -> list[str]:
    """Return WEBHOOK_HOSTS as hosts are compared with it. Raises ValueError for what is no host.

    In: a list of entries, `host` or `host:port`, or a text in which commas separate them.
    """
    if isinstance(value, str):
        value = [host.strip() for host in value.split(",") if host.strip()]
    if not isinstance(value, list):
        raise ValueError
    return [_exemption(str(host)) for host in value]


def _exemption(text: str) -> str:
    parts = urlsplit(f"//{text}")
    if parts.netloc != text or "@" in text or not parts.hostname or parts.port == 0:
        raise ValueError(text)
    host = _shown(_ascii(parts.hostname))
    return host if parts.port is None else f"{host}:{parts.port}"


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _ascii(host: str) -> str:
    """Return a host as it is asked for: an address, or a name in ASCII. Raises ValueError."""
    if ":" in host:
        if "%" in host:  # of which interface: no address of everybody has that
            raise ValueError(host)
        return str(ipaddress.IPv6Address(host))
    name = host
    if not host.isascii():
        import idna  # late: it is large, and seldom needed

        name = idna.encode(host, uts46=True).decode()
    if len(name) > LONGEST_NAME or not re.fullmatch(
        r"([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?", name
    ):
        raise ValueError(host)
    # Resolvers read `127.1`, `0x7f.1` and `017700000001` as addresses too.
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", name.rstrip(".").rpartition(".")[2]):
        return str(ipaddress.IPv4Address(name))
    return name


def problems(url: str | None, exempt: Collection[str]) -> dict[str, str]:
    """Return the rule that a URL breaks which may not be a webhook's, as far as is known now.

    A name that does not resolve may do so when something is sent; it is looked at again then.
    """
    if url is not None:
        try:
            resolve(parse(url, exempt), LOOK_SECONDS)
        except Forbidden:
            return {"url": "address"}
        except OSError:
            pass  # it does not resolve now: looked at again whenever something is sent
    return {}


def check(target: Target, address: IPAddress) -> None:
    """Raise Forbidden for an address that a webhook may not lead to."""
    mapped = getattr(address, "ipv4_mapped", None)
    if address.is_link_local or (mapped is not None and mapped.is_link_local):
        raise Forbidden(f"{target.host} is at a link-local address.")
    if not target.is_exempt and not is_public(address):
        raise Forbidden(f"{target.host} is at an address that is not public.")


def is_public(address: IPAddress) -> bool:
    """Tell whether an address is one of the internet that everybody may call."""
    if isinstance(address, ipaddress.IPv6Address) and address not in PUBLIC_IPV6:
        return False
    if not address.is_global or address.is_multicast:
        return False
    return not any(address in network for network in NOT_PUBLIC)


def resolve(target: Target, seconds: float) -> list[tuple[Any, ...]]:
    """Resolve the name once; return what each address is connected to with, all of them checked.

    In: how long that may take. Returns entries as `socket.getaddrinfo` does. Raises Forbidden if
    one of the addresses may not be, other OSErrors if there is none, and TimeoutError.
    """
    found = _look_up(target, seconds)
    for *_, place in found:
        check(target, ipaddress.ip_address(place[0].partition("%")[0]))
    return found


def _look_up(target: Target, seconds: float) -> list[tuple[Any, ...]]:
    """Ask the system's resolver, which heeds no time limit: in a thread that is not waited for."""
    answers: list[list[tuple[Any, ...]]] = []
    errors: list[OSError] = []

    def ask() -> None:
        try:
            answers.append(socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM))
        except OSError as error:
            errors.append(error)
        except UnicodeError:  # of a name that IDNA 2003, which Python knows, does not allow
            errors.append(OSError("no name"))

    thread = threading.Thread(target=ask, name="webhook-name", daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not answers:
        raise TimeoutError("the name was not resolved in time")
    return answers[0]
