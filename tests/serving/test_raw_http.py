"""What no library would send: half requests, endless ones, and ones with two meanings.

What is no HTTP at all is answered by the server itself: gunicorn's worker makes JSON of it, and
granian, which lets nobody in there, has an empty body.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import resource
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Server, children_of

pytestmark = [pytest.mark.slow, pytest.mark.live]

CALLERS = 100 * int(os.environ.get("TRUST_SCALE", "1"))

HEAD = b"POST /api/clients HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
HEALTH = b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST_HEALTH = HEALTH[:-2] + b"Connection: close\r\n\r\n"


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
            with contextlib.suppress(ConnectionError):  # refused before all of it was there
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


def statuses(data: bytes) -> list[int]:
    """Return the status of each answer."""
    return [int(answer[:3]) for answer in re.split(rb"HTTP/1\.[01] ", data)[1:]]


def read_answer(caller: socket.socket) -> tuple[int, dict]:
    """Return the status and the JSON of the one answer that comes before the server hangs up."""
    data = read_all(caller)
    head, _, body = data.partition(b"\r\n\r\n")
    assert len(statuses(data)) == 1, data
    if Server.kind == "granian" and not body:
        assert b"content-length: 0" in head.lower()
        body = b"{}"
    else:
        assert b"content-type: application/json" in head.lower(), head
    return int(head.split()[1]), json.loads(body)


def ask(server: Server, path: str = "/clients") -> None:
    """Make a call as other users do."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=40)
    with contextlib.closing(connection):
        connection.request("GET", f"/api{path}", headers={"Authorization": f"Bearer {server.key}"})
        response = connection.getresponse()
        assert response.status == 200, response.read()
        response.read()


def test_callers_can_not_fill_the_memory_with_requests_that_do_not_end(server, connect):
    (worker,) = children_of(server.process.pid)

    def megabytes() -> int:
        status = Path(f"/proc/{worker}/status").read_text()
        return int(re.search(r"VmRSS:\s*(\d+)", status)[1]) >> 10

    ask(server)
    before = megabytes()
    for _ in range(CALLERS):
        caller = connect()
        caller.settimeout(0.1)
        with contextlib.suppress(OSError):
            caller.sendall(HEAD + b"Content-Length: 1000000\r\n\r\n" + b"x" * 900_000)
        caller.close()
    ask(server)
    assert megabytes() - before < 50


@pytest.fixture
def small_server(start_server: Callable[..., Server]) -> Server:
    """A server that may open few files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
    try:
        return start_server(RATELIMIT_ENABLED="false")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_callers_can_not_take_all_files_that_the_server_may_open(small_server):
    # A worker that could accept no connection for want of files ended, with all its requests.
    server = small_server
    ask(server)  # so that its worker is there
    workers = children_of(server.process.pid)
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            caller = socket.create_connection(("127.0.0.1", server.port), timeout=10)
            stack.enter_context(caller).sendall(HEALTH[:20])
        time.sleep(1)
    ask(server)
    assert children_of(server.process.pid) == workers
    assert "Traceback" not in server.log.read_text()
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
    length = HEAD + f"Authorization: Bearer {server.key}\r\n".encode()
    caller = connect((HEALTH + length + b"Content-Length: 2\r\n\r\n{}") * 20 + LAST_HEALTH)
    assert statuses(read_all(caller)) == [200, 422] * 20 + [200]


EXPECT = b"Expect: 100-continue"


@pytest.mark.parametrize("place", range(5))
def test_a_caller_that_waits_for_leave_to_send_gets_it_wherever_it_asks(server, connect, place):
    # As the last header, which is where curl -T and PHP write it, it used to get no answer.
    lines = [
        b"Host: localhost",
        b"Content-Type: application/json",
        b"Content-Length: 2",
        f"Authorization: Bearer {server.key}".encode(),
    ]
    lines.insert(place, EXPECT)
    caller = connect(b"\r\n".join([b"POST /api/clients HTTP/1.1", *lines]) + b"\r\n\r\n")
    assert caller.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
    caller.sendall(b"{}")
    assert statuses(caller.recv(65536)) == [422]


def test_who_sends_at_once_what_it_would_have_asked_leave_for_is_answered(server, connect):
    key = f"Authorization: Bearer {server.key}\r\nConnection: close\r\n".encode()
    caller = connect(HEAD + key + EXPECT + b"\r\nContent-Length: 2\r\n\r\n{}")
    assert statuses(read_all(caller))[-1] == 422


def test_an_old_caller_is_never_given_leave_which_it_would_take_for_the_answer(server, connect):
    old = (
        HEAD.replace(b"HTTP/1.1", b"HTTP/1.0") + f"Authorization: Bearer {server.key}\r\n".encode()
    )
    caller = connect(old + EXPECT + b"\r\nContent-Length: 2\r\n\r\n{}")
    assert statuses(read_all(caller)) == [422]


@pytest.mark.parametrize(
    ("data", "gunicorn", "granian"),  # which counts all of the head alike: 64 KiB, 100 headers
    [
        (b"GET /" + b"a" * 70_000, 414, 431),
        (b"GET /" + b"a" * 17_000 + b" HTTP/1.1\r\nConnection: close\r\n\r\n", 414, 414),
        (HEALTH[:-2] + b"X: " + b"a" * 2_000_000, 431, 431),
        (LAST_HEALTH[:-2] + b"X: " + b"a" * 17_000 + b"\r\n\r\n", 431, 200),
        (HEALTH[:-2] + b"X: y\r\n" * 101 + b"\r\n", 431, 431),
        (HEALTH[:-2] + b"X: y\r\n" * 350_000, 431, 431),
    ],
    ids=["endless line", "long line", "endless header", "long header", "many", "endless headers"],
)
def test_huge_heads_are_refused(server, connect, data, gunicorn, granian):
    expected = {"gunicorn": gunicorn, "granian": granian}[Server.kind]
    assert read_answer(connect(data))[0] == expected


def test_chunks_without_end_are_refused(server, connect):
    key = f"\r\nAuthorization: Bearer {server.key}\r\n\r\n".encode()
    caller = connect(CHUNKED.replace(b"\r\n\r\n", key))
    with contextlib.suppress(ConnectionError):
        for _ in range(64):
            caller.sendall(b"10000\r\n" + b"a" * 65536 + b"\r\n")
    assert statuses(read_all(caller)) in ([413], [])  # the answer may be lost behind so much


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
    if Server.kind == "granian" and b": a\n" in headers:
        pytest.skip("granian ends a line at a line feed alone, as RFC 9112 lets it (section 2.2)")
    head = HEAD + f"Authorization: Bearer {server.key}\r\n".encode() + headers
    status, answer = read_answer(connect(head + b"\r\n0\r\n\r\n" + SMUGGLED))
    assert status in (400, 413, 501), answer
    assert "smuggled" not in server.log.read_text()


@pytest.mark.parametrize("body", ["read", "not read"])
@pytest.mark.parametrize(
    "chunks",
    [b"0x1\r\na\r\n0\r\n\r\n", b"+1\r\na\r\n0\r\n\r\n", b"-1\r\n", b"1\r\nab0\r\n\r\n", b"zz\r\n"],
)
def test_a_body_of_chunks_that_are_none_gets_one_answer(server, connect, chunks, body):
    # The server's exception went through the application as one of its own, and became a 500; and
    # where the application did not read the body, a second answer followed the first.
    key = f"Authorization: Bearer {server.key}\r\n\r\n".encode() if body == "read" else b"\r\n"
    answers = statuses(read_all(connect(CHUNKED[:-2] + key + chunks + SMUGGLED)))
    assert answers == [400 if body == "read" else 401]
    assert "smuggled" not in server.log.read_text()


@pytest.mark.only("granian", "gunicorn tells the end of the chunks from that of the connection")
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/csv"])
def test_chunks_that_may_have_been_broken_off_are_not_taken_for_all(server, connect, kind):
    head = CHUNKED.replace(b"application/json", kind.encode())[:-2]
    head += f"Authorization: Bearer {server.key}\r\nConnection: close\r\n\r\n".encode()
    status, answer = read_answer(connect(head + b"5\r\na=b&c\r\n0\r\n\r\n"))
    assert status == 400
    assert "Content-Length" in answer["message"]


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
    # gunicorn believes it from 127.0.0.1, and addresses had it.
    head = b"GET /api HTTP/1.1\r\nHost: clients.example\r\nConnection: close\r\n"
    page = read_all(connect(head + b"X-Forwarded-Proto: https\r\n\r\n"))
    assert b"http://clients.example" in page
    assert b"https://clients.example" not in page


@pytest.mark.parametrize("connection", ["close", "keep-alive"])
@pytest.mark.parametrize(
    ("call", "status"),
    [
        ("POST /api/clients", 413),
        ("POST /api/nothing", 404),
        ("PATCH /api/clients", 405),
        ("POST /api/clients/import?partial=perhaps", 415),
    ],
)
def test_who_sends_all_before_it_reads_gets_its_answer(server, connect, call, status, connection):
    # granian reset whom it had answered before all of the body was there: nginx, which goes on
    # sending it, made a 503 of that.
    key = f"Authorization: Bearer {server.key}\r\n"
    size = 16_000_000
    head = f"{call} HTTP/1.1\r\nHost: localhost\r\n{key}Connection: {connection}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
    caller = connect()
    caller.sendall(head.encode())
    for _ in range(size // 1_000_000):
        caller.sendall(b"a" * 1_000_000)
        time.sleep(0.01)
    response = http.client.HTTPResponse(caller)
    response.begin()
    assert response.status == status
    assert "message" in json.loads(response.read())
    if connection == "keep-alive":
        # gunicorn closed what it had said to keep: who asked there again was not answered.
        caller.sendall(LAST_HEALTH)
        assert statuses(read_all(caller)) == [200]


def test_a_body_longer_than_its_length_is_not_part_of_it(server, connect):
    key = f"Authorization: Bearer {server.key}\r\n".encode()
    caller = connect(HEAD + key + b"Content-Length: 2\r\n\r\n{}" + b"garbage\r\n\r\n")
    assert statuses(read_all(caller)) == [422, 400]


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
