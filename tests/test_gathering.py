"""A socket that gathers what is written to it (clients_api/gathering.py)."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from clients_api.gathering import GATHERED_BYTES, Socket


@pytest.fixture
def pair() -> Iterator[tuple[Socket, socket.socket]]:
    accepted, caller = socket.socketpair()
    with Socket(accepted) as ours, caller:
        caller.settimeout(5)
        yield ours, caller


def arrived(caller: socket.socket) -> bytes:
    """Return what has arrived so far."""
    caller.setblocking(False)
    try:
        return caller.recv(1_000_000)
    except BlockingIOError:
        return b""
    finally:
        caller.settimeout(5)


def test_the_socket_in_whose_place_it_is_is_closed():
    accepted, caller = socket.socketpair()
    with caller, Socket(accepted) as ours:
        assert accepted.fileno() == -1
        ours.sendall(b"x")
        assert caller.recv(10) == b"x"


def test_what_is_gathered_is_sent_at_the_end_and_at_once(pair):
    ours, caller = pair
    with ours.gathering():
        ours.sendall(b"head ")
        ours.sendall(b"body")
        assert arrived(caller) == b""
    assert arrived(caller) == b"head body"
    ours.sendall(b"more")
    assert arrived(caller) == b"more"


def test_what_has_become_long_is_sent_before_the_end(pair):
    ours, caller = pair
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * GATHERED_BYTES)
    with ours.gathering():
        ours.sendall(b"a" * (GATHERED_BYTES - 1))
        assert arrived(caller) == b""
        ours.sendall(b"bc")
        assert arrived(caller) == b"a" * (GATHERED_BYTES - 1) + b"bc"
        ours.sendall(b"d")
        assert arrived(caller) == b""
    assert arrived(caller) == b"d"


def test_a_file_is_sent_behind_what_is_gathered_before_it(pair, tmp_path):
    ours, caller = pair
    (tmp_path / "file").write_bytes(b"body")
    with ours.gathering(), (tmp_path / "file").open("rb") as file:
        ours.sendall(b"head ")
        assert ours.sendfile(file) == 4
        ours.sendall(b" more")
        assert arrived(caller) == b"head body"
    assert arrived(caller) == b" more"


def test_what_was_gathered_before_a_fault_is_sent(pair):
    ours, caller = pair
    with pytest.raises(ZeroDivisionError), ours.gathering():
        ours.sendall(b"half")
        raise ZeroDivisionError
    assert arrived(caller) == b"half"


def test_who_does_not_read_is_given_up(pair):
    ours, _ = pair
    ours.settimeout(0.1)
    with pytest.raises(TimeoutError), ours.gathering():
        ours.sendall(b"x" * 10_000_000)


def test_a_long_answer_arrives_whole(pair):
    ours, caller = pair
    ours.settimeout(5)
    pieces = [bytes([number % 256]) * 1000 for number in range(3000)]
    found = bytearray()

    def read() -> None:
        while len(found) < 3_000_000:
            found.extend(caller.recv(100_000))

    reader = threading.Thread(target=read)
    reader.start()
    with ours.gathering():
        for piece in pieces:
            ours.sendall(piece)
    reader.join(10)
    assert bytes(found) == b"".join(pieces)
