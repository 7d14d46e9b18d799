"""TLS without a proxy, as gunicorn offers it: what arrives can't be read before it is decrypted."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import ROOT, free_port

pytestmark = pytest.mark.slow


@pytest.fixture
def connect(certificate, tmp_path: Path) -> Iterator[Callable[[], http.client.HTTPSConnection]]:
    """Serve with the certificate; connect to the server."""
    chain, _ = certificate
    port = free_port()
    address = f"127.0.0.1:{port}"
    command = [sys.executable, "-m", "gunicorn", "app:app", "--bind", address, "--threads", "4"]
    command += ["--certfile", str(chain), "--keyfile", str(chain.with_name("key.pem"))]
    environment = os.environ | {"CLIENTS_API_INSTANCE_PATH": str(tmp_path / "instance")}
    context = ssl.create_default_context(cafile=str(chain))
    with contextlib.ExitStack() as stack:
        log = stack.enter_context((tmp_path / "log").open("w"))
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        stack.callback(process.wait, 20)
        stack.callback(process.send_signal, signal.SIGTERM)
        deadline = time.monotonic() + 20
        while not listens(port):
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.05)

        def connect() -> http.client.HTTPSConnection:
            connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
            stack.callback(connection.close)
            return connection

        yield connect
    assert process.returncode == 0
    assert "Traceback" not in (tmp_path / "log").read_text()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def ask(connection: http.client.HTTPSConnection, path: str = "/api/ready") -> tuple[int, dict]:
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def test_requests_come_one_after_the_other_over_one_connection(connect):
    connection = connect()
    for _ in range(5):
        assert ask(connection)[0] == 200
        assert ask(connection, "/api/clients") == (
            401,
            {"message": "Unauthorized. A valid API key is required."},
        )


def test_who_does_not_shake_hands_gives_the_thread_back(connect):
    # One byte on each of as many connections as there are threads blocked it for good.
    first = connect()
    assert ask(first)[0] == 200
    address = first.host, first.port
    with contextlib.ExitStack() as stack:
        for number in range(8):
            caller = stack.enter_context(socket.create_connection(address, timeout=10))
            if number % 2:
                caller.sendall(b"\x16")
        began = time.monotonic()
        second = connect()
        second.timeout = 60
        assert ask(second)[0] == 200
        assert time.monotonic() - began < 45


def test_what_is_no_tls_harms_nobody(connect):
    # The log had a traceback for each.
    first = connect()
    with socket.create_connection((first.host, first.port), timeout=10) as caller:
        caller.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while caller.recv(65536):
                pass
    assert ask(first)[0] == 200
