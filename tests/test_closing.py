"""A socket that stops to listen: nobody is reset (clients_api/closing.py)."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, children_of, free_port

from clients_api.closing import let_nobody_in

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone can do it")


@pytest.fixture(params=[socket.AF_INET, socket.AF_INET6], ids=["IPv4", "IPv6"])
def listener(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    with socket.socket(request.param) as listener:
        try:
            listener.bind(("localhost", 0))
        except OSError:
            pytest.skip("this machine has no such addresses")
        listener.listen(64)
        listener.settimeout(5)
        yield listener


def connect(address: Any, seconds: float = 5) -> socket.socket:
    return socket.create_connection(address[:2], seconds)


def test_who_is_connected_is_accepted_and_nobody_else_is_connected(listener):
    with connect(listener.getsockname()) as before:
        let_nobody_in(listener)
        with pytest.raises(TimeoutError):
            connect(listener.getsockname(), 0.3)
        accepted, _ = listener.accept()
        with accepted:
            before.sendall(b"x" * 100_000)
            accepted.settimeout(5)
            assert accepted.recv(1) == b"x"
            accepted.sendall(b"y")
            assert before.recv(1) == b"y"


def test_who_comes_before_the_socket_is_closed_is_refused_not_reset(listener):
    # Between the last look for callers and the close the kernel connected them, and reset them.
    address = listener.getsockname()
    ends: Counter[str] = Counter()

    def call() -> None:
        try:
            while True:
                with connect(address) as caller:
                    ends["answered" if caller.recv(1) else "cut off"] += 1
        except OSError as error:
            ends[type(error).__name__] += 1

    callers = [threading.Thread(target=call) for _ in range(8)]
    for caller in callers:
        caller.start()
    let_nobody_in_at, until = time.monotonic() + 0.2, time.monotonic() + 0.4
    listener.setblocking(False)
    is_open = True
    while time.monotonic() < until:
        if is_open and time.monotonic() > let_nobody_in_at:
            let_nobody_in(listener)
            is_open = False
        try:
            accepted, _ = listener.accept()
        except BlockingIOError:
            time.sleep(0.001)
        else:
            with accepted:
                accepted.sendall(b"x")
    time.sleep(0.05)  # in which nobody is accepted
    listener.close()
    for caller in callers:
        caller.join(10)
    assert ends.pop("answered") > 0
    assert ends == {"ConnectionRefusedError": 8}


def test_a_socket_that_has_no_handshake_is_left_alone(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.listen()
        let_nobody_in(listener)
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(tmp_path / "socket"))
            caller.sendall(b"x")
            accepted, _ = listener.accept()
            with accepted:
                assert accepted.recv(1) == b"x"


@pytest.mark.slow
def test_a_new_gunicorn_goes_on_to_listen_when_the_old_one_stops(tmp_path):
    # They share the socket (SIGUSR2): what is told to the kernel of it counts for both.
    port = free_port()
    gunicorn = Path(sys.executable).with_name("gunicorn")  # it starts itself anew by this name
    command = [str(gunicorn), "app:app", "--bind", f"127.0.0.1:{port}"]
    environment = os.environ | {"CLIENTS_API_INSTANCE_PATH": str(tmp_path / "instance")}
    with (tmp_path / "log").open("w") as log:
        old = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    with old:
        try:
            wait_until(lambda: status(port) == 200)
            old.send_signal(signal.SIGUSR2)
            wait_until(lambda: any(map(children_of, children_of(old.pid))))
            (new,) = filter(children_of, children_of(old.pid))
        finally:
            old.terminate()
    try:
        assert [status(port) for _ in range(10)] == [200] * 10
    finally:
        os.kill(new, signal.SIGTERM)
    wait_until(lambda: status(port) is None)


def status(port: int) -> int | None:
    """Return the status of a call; None if nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        try:
            connection.request("GET", "/api/health")
        except ConnectionRefusedError:
            return None
        return connection.getresponse().status


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)
