"""What no library would send: half requests, endless ones, and ones with two meanings."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import resource
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Server

pytestmark = pytest.mark.slow

SLOW_CALLERS = 100 * int(os.environ.get("TRUST_SCALE", "1"))

HEAD = b"POST /api/clients HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
HEALTH = b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"), RATELIMIT_ENABLED="false")
    yield server
    assert "Traceback" not in server.log.read_text()
    assert server.stop() == 0


@pytest.fixture
def connect(server: Server) -> Iterator[Callable[[bytes], socket.socket]]:
    """Open connections, each of which sends some bytes and then nothing."""
    with contextlib.ExitStack() as stack:

        def connect(data: bytes = b"") -> socket.socket:
            caller = socket.create_connection(("127.0.0.1", server.port), timeout=10)
            stack.enter_context(caller)
            caller.sendall(data)
            return caller

        yield connect


def read_all(caller: socket.socket) -> bytes:
    """Return what comes until the server closes the connection."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := caller.recv(65536):
            data += piece
    return data


def read_answer(caller: socket.socket) -> tuple[int, dict]:
    """Return the status and the JSON of the one answer that comes before the server hangs up."""
    head, _, body = read_all(caller).partition(b"\r\n\r\n")
    assert b"connection: close" in head.lower(), head
    assert b"content-type: application/json" in head.lower(), head
    return int(head.split()[1]), json.loads(body)


def ask(server: Server, path: str = "/clients") -> float:
    """Make a call as other users do; return how many seconds it took."""
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", f"/api{path}", headers={"Authorization": f"Bearer {server.key}"})
        response = connection.getresponse()
        assert response.status == 200, response.read()
        response.read()
    return time.monotonic() - began


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GET /api/cl",
        HEALTH[:-2],
        b"\r\n\r\n",
        HEAD + b'Content-Length: 100\r\n\r\n{"first_name": ',
        HEAD + b"Content-Length: 100\r\nExpect: 100-continue\r\n\r\n",
        HEAD + b"Content-Length: 99999999999\r\n\r\n{",
        CHUNKED,
        CHUNKED + b"5\r\nab",
        CHUNKED + b"5\r\nabcde\r\n0\r\nTrailer: x\r\n",
        HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
        HEALTH + HEALTH[:20],
    ],
    ids=[
        "nothing",
        "half a line",
        "half a head",
        "empty lines",
        "half a body",
        "a body that waits for leave",
        "a body that is too large",
        "no chunk",
        "half a chunk",
        "half a trailer",
        "an answer that nobody reads",
        "one request and a half",
    ],
)
def test_slow_callers_keep_nobody_waiting(server, connect, data):
    # Each half request held a thread for as long as its caller liked: 16 stopped the service.
    for _ in range(SLOW_CALLERS):
        connect(data)
    slowest = max(ask(server) for _ in range(5))
    assert slowest < 1, slowest


def test_more_callers_than_there_may_be_push_out_the_slowest(server, connect):
    first = connect(HEALTH[:20])
    for _ in range(1100):
        connect(HEALTH[:20])
    assert ask(server) < 1
    assert read_all(first) == b""


def test_callers_can_not_fill_the_memory_with_requests_that_do_not_end(server, connect):
    process = Path(f"/proc/{server.process.pid}")
    (worker,) = (process / "task" / process.name / "children").read_text().split()

    def megabytes() -> int:
        return (
            int(re.search(r"VmRSS:\s*(\d+)", Path(f"/proc/{worker}/status").read_text())[1]) >> 10
        )

    before = megabytes()
    for _ in range(SLOW_CALLERS):
        with contextlib.suppress(ConnectionError):
            connect(HEAD + b"Content-Length: 1000000\r\n\r\n" + b"x" * 900_000)
    assert ask(server) < 1
    # Sixteen threads may hold a megabyte each; the rest was refused.
    assert megabytes() - before < 50


@pytest.fixture
def small_server(start_server: Callable[..., Server]) -> Server:
    """A server that may open so few files that it has room for 50 callers."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
    try:
        return start_server(RATELIMIT_ENABLED="false")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_callers_can_not_take_all_files_that_the_server_may_open(small_server):
    # A worker that could accept no connection for want of files ended, with all its requests.
    server = small_server
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            caller = socket.create_connection(("127.0.0.1", server.port), timeout=10)
            stack.enter_context(caller).sendall(HEALTH[:20])
        assert ask(server) < 1
    assert "Too many open files" not in server.log.read_text()
    assert server.stop() == 0


def test_a_caller_may_be_dropped_in_the_moment_in_which_its_request_comes(small_server):
    # The worker ended with a KeyError, and with all its requests.
    server = small_server
    ask(server)  # so that its worker is there
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    worker = children.read_text()
    with contextlib.ExitStack() as stack:
        callers = []
        for data in [HEALTH[:20]] * 60 + [HEALTH]:
            callers.append(socket.create_connection(("127.0.0.1", server.port), timeout=10))
            stack.enter_context(callers[-1]).sendall(data)
        assert callers.pop().recv(65536)  # by now the others are accepted, and the first dropped
        os.kill(int(worker), signal.SIGSTOP)
        stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10))
        for caller in callers:
            with contextlib.suppress(ConnectionError):
                caller.sendall(HEALTH[20:])
        os.kill(int(worker), signal.SIGCONT)
        ask(server)
        assert children.read_text() == worker
    assert server.stop() == 0


def test_requests_that_come_byte_by_byte_are_answered(server, connect):
    caller = connect()
    body = json.dumps({"first_name": "É", "last_name": "D", "email": "e@acme.example"}).encode()
    chunks = b"".join(b"%x;x=y\r\n%c\r\n" % (1, byte) for byte in body) + b"0\r\nA: b\r\n\r\n"
    request = CHUNKED.replace(b"\r\n\r\n", f"\r\nAuthorization: Bearer {server.key}".encode())
    for byte in request + b"\r\nConnection: close\r\n\r\n" + chunks:
        caller.send(bytes([byte]))
    status, answer = read_answer(caller)
    assert status == 201, answer
    assert answer["data"]["owner"]["name"] == "É D"


def test_pipelined_requests_are_answered_in_turn(server, connect):
    body = b"2\r\n{}\r\n0\r\n\r\n"
    caller = connect(
        (HEALTH + CHUNKED + body) * 20
        + HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    )
    answers = read_all(caller).split(b"HTTP/1.1 ")[1:]
    assert [int(answer[:3]) for answer in answers] == [200, 401] * 20 + [200]


def test_a_caller_that_waits_for_leave_to_send_gets_it(server, connect):
    body = b"{}"
    caller = connect(HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert caller.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
    caller.sendall(body)
    assert caller.recv(65536).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /" + b"a" * 70_000, 414),
        (b"GET /" + b"a" * 17_000 + b" HTTP/1.1\r\n\r\n", 414),
        (HEALTH[:-2] + b"X: " + b"a" * 70_000, 431),
        (HEALTH[:-2] + b"X: " + b"a" * 17_000 + b"\r\n\r\n", 431),
        (HEALTH[:-2] + b"X: y\r\n" * 101 + b"\r\n", 431),
        (HEALTH[:-2] + b"X: y\r\n" * 12_000, 431),
    ],
    ids=["endless line", "long line", "endless header", "long header", "many", "endless headers"],
)
def test_huge_heads_are_refused(server, connect, data, status):
    assert read_answer(connect(data))[0] == status


def test_chunks_without_end_are_refused(server, connect):
    for chunk, status in ((b"10000\r\n" + b"a" * 65536 + b"\r\n", 413), (b"1\r\na\r\n", 400)):
        caller = connect(
            CHUNKED.replace(b"\r\n\r\n", f"\r\nAuthorization: Bearer {server.key}\r\n\r\n".encode())
        )
        with contextlib.suppress(ConnectionError):
            for _ in range(64):
                caller.sendall(chunk * (65536 // len(chunk) + 1))
        assert read_answer(caller)[0] == status


def test_a_chunk_larger_than_any_is_refused_at_once(connect):
    # A thread waited five seconds for all of it.
    began = time.monotonic()
    assert read_answer(connect(CHUNKED + b"f" * 17 + b"\r\na\r\n0\r\n\r\n"))[0] == 400
    assert time.monotonic() - began < 2


SMUGGLED = b"GET /api/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        b"Content-Length: 0\r\nContent-Length: 4\r\n",
        b"Content-Length: 4, 4\r\n",
        b"Content-Length: +4\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 0x4\r\n",
        b"Content-Length: 4 4\r\n",
        b"Content-Length : 4\r\n",
        b"Content-Length:\r\n",
        b"Content-Length: " + b"9" * 40 + b"\r\n",
        b"Content\nLength: 4\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: chunked, chunked\r\n",
        b"Transfer-Encoding: identity\r\n",
        b"Transfer-Encoding\t: chunked\r\n",
        b"Transfer-Encoding: \x0bchunked\r\n",
        b"X: a\r\n Transfer-Encoding: chunked\r\n",
        b"X: a\nTransfer-Encoding: chunked\r\n",
        b"X: a\rTransfer-Encoding: chunked\r\n",
        b"X: a\0b\r\n",
        b": x\r\n",
    ],
)
def test_a_request_with_two_meanings_is_refused_and_nothing_behind_it_is_read(
    server, connect, headers
):
    head = HEAD + f"Authorization: Bearer {server.key}\r\n".encode() + headers
    status, answer = read_answer(connect(head + b"\r\n0\r\n\r\n" + SMUGGLED))
    assert status in (400, 413, 501), answer
    assert "smuggled" not in server.log.read_text()


@pytest.mark.parametrize("coding", [b"gzip", b"identity", b"xchunked", b"chunked, gzip"])
def test_a_body_whose_end_no_one_can_know_is_refused_at_once(connect, coding):
    # One that does not end with `chunked` was waited for as one that does, until time was up.
    status, answer = read_answer(connect(HEAD + b"Transfer-Encoding: " + coding + b"\r\n\r\n{}"))
    assert status == 400, answer


@pytest.mark.parametrize(
    "chunks",
    [b"0x1\r\na\r\n0\r\n\r\n", b"+1\r\na\r\n0\r\n\r\n", b"-1\r\n", b"1\r\nab0\r\n\r\n", b"zz\r\n"],
)
def test_a_body_of_chunks_that_are_none_is_refused(server, connect, chunks):
    key = f"Authorization: Bearer {server.key}\r\n\r\n".encode()
    # Gunicorn's exception went through the application as one of its own, and became a 500.
    answers = read_all(connect(CHUNKED[:-2] + key + chunks + SMUGGLED)).split(b"HTTP/1.1 ")[1:]
    assert [int(answer[:3]) for answer in answers] == [400]
    assert "smuggled" not in server.log.read_text()


@pytest.mark.parametrize(
    ("path", "name", "value", "status"),
    [
        ("/x/api/health", "SCRIPT_NAME", "/x", 404),
        ("//evil.example/api/health", "SCRIPT_NAME", "//evil.example", 404),
        ("/nothing", "PATH_INFO", "/api/health", 404),
        ("/api/health", "SCRIPT_NAME", "/x", 200),
        ("/api/health", "REMOTE_ADDR", "10.0.0.1", 200),
    ],
)
def test_no_header_can_move_the_api_to_another_path(server, connect, path, name, value, status):
    # gunicorn believes SCRIPT_NAME from 127.0.0.1, where proxies are: callers behind one that
    # lets it pass could call any path by another name, past the rules that the proxy has for it.
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{name}: {value}\r\n\r\n"
    assert int(read_all(connect(head.encode())).split()[1]) == status


def test_no_header_of_a_caller_nearby_sets_the_scheme(server, connect):
    # gunicorn believes it from 127.0.0.1, and the first page showed addresses with it.
    head = b"GET / HTTP/1.1\r\nHost: clients.example\r\nConnection: close\r\n"
    page = read_all(connect(head + b"X-Forwarded-Proto: https\r\n\r\n"))
    assert b"http://clients.example" in page
    assert b"https://clients.example" not in page


def test_a_body_longer_than_its_length_is_not_part_of_it(server, connect):
    key = f"Authorization: Bearer {server.key}\r\n".encode()
    caller = connect(HEAD + key + b"Content-Length: 2\r\n\r\n{}" + b"garbage\r\n\r\n")
    answers = read_all(caller).split(b"HTTP/1.1 ")[1:]
    assert [int(answer[:3]) for answer in answers] == [422, 400]


def test_a_caller_that_hangs_up_amid_its_body_changes_nothing(server, connect):
    body = json.dumps({"first_name": "J", "last_name": "D", "email": "j@acme.example"}).encode()
    key = f"Authorization: Bearer {server.key}\r\n".encode()
    caller = connect(HEAD + key + b"Content-Length: %d\r\n\r\n" % (len(body) + 1) + body)
    caller.shutdown(socket.SHUT_WR)
    read_all(caller)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    with contextlib.closing(connection):
        key = {"Authorization": f"Bearer {server.key}"}
        connection.request("GET", "/api/clients?email=j@acme.example", headers=key)
        assert json.loads(connection.getresponse().read())["data"] == []
