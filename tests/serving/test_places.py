"""Where `serve` listens: an address, a file, a socket that is there already."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, SERVE, Server

pytestmark = [pytest.mark.slow, pytest.mark.live]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., tuple[subprocess.Popen[str], str]]]:
    """Start the command; return the process and what it said until it was ready to serve."""
    started: list[subprocess.Popen[str]] = []

    def start(*options: str, command: Any = SERVE, **more: Any) -> Any:
        process = subprocess.Popen(
            [*command, "--server", Server.kind, *options],
            cwd=ROOT,
            env=os.environ | {"CLIENTS_API_INSTANCE_PATH": str(tmp_path / "instance")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **more,
        )
        started.append(process)
        said = ""
        while "curl" not in said and (line := process.stdout.readline()):
            said += line
        return process, said

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


class FileConnection(http.client.HTTPConnection):
    """A connection to a socket in the file system."""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(self.host)


def status(connection: http.client.HTTPConnection) -> int:
    with contextlib.closing(connection):
        # A place in the file system is no host (RFC 9112, section 3.2).
        connection.request("GET", "/api/ready", headers={"Host": "localhost"})
        return connection.getresponse().status


def test_a_socket_in_the_file_system(serve, tmp_path):
    place = tmp_path / "s"
    process, said = serve("--bind", f"unix:{place}")
    assert f"--unix-socket {place}" in said
    deadline = time.monotonic() + 20
    found = None
    while found is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
        with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
            found = status(FileConnection(str(place)))
    assert found == 200
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert not place.exists()


@pytest.mark.only("gunicorn", "granian takes none")
def test_a_socket_that_is_inherited(serve):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number, port = listener.fileno(), listener.getsockname()[1]
        process, said = serve("--bind", f"fd://{number}", pass_fds=[number])
        assert f"http://127.0.0.1:{port}/api" in said
        assert status(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


SYSTEMD = """
import os, sys
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
os.dup2(int(sys.argv[1]), 3)
os.execv(sys.executable, [sys.executable, "-m", "clients_api", "serve", *sys.argv[2:]])
"""


@pytest.mark.only("gunicorn", "granian takes none")
def test_a_socket_of_systemd(serve):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number, port = listener.fileno(), listener.getsockname()[1]
        command = [sys.executable, "-c", SYSTEMD, str(number)]
        process, said = serve(command=command, pass_fds=[number, 3])
        assert f"http://127.0.0.1:{port}/api" in said
        assert status(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--bind", "fd://999"], r"Error: Can't listen at fd://999: Bad file descriptor\.\n"),
        (["--bind", "unix:"], r"Error: Invalid value for '--bind': 'unix:' is not HOST:PORT.*\n"),
        (["--bind", "x"], r"Error: Invalid value for '--bind': 'x' is not HOST:PORT.*\n"),
    ],
)
def test_a_place_that_is_none_is_said_in_one_line(serve, options, line):
    process, said = serve(*options)
    assert process.wait(20) in (1, 2)
    assert re.fullmatch(line, said), said


@pytest.mark.only("granian", "gunicorn takes them")
def test_granian_says_that_it_takes_no_inherited_socket(serve):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.fileno()
        process, said = serve("--bind", f"fd://{number}", pass_fds=[number])
    assert process.wait(20) == 1
    assert said == "Error: granian takes no inherited socket; gunicorn does.\n"


def test_without_the_extra_it_says_how_to_get_granian(tmp_path):
    script = (
        "import importlib.util, sys; find = importlib.util.find_spec;"
        "importlib.util.find_spec = lambda name: None if name == 'granian' else find(name);"
        "from clients_api.commands.cli import main;"
        "sys.argv = ['clients-api', 'serve', '--server', 'granian']; main()"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "pip install 'clients-api[granian]'" in result.stderr


def test_serve_says_which_database_it_serves_and_that_it_made_one(start_server):
    # In the wrong folder it made an empty database without a word.
    first = start_server()
    path = first.folder / "clients.sqlite3"
    said = first.log.read_text()
    assert f"Made the database {path}.\n" in said
    assert f"It serves the database {path}.\n" in said
    assert "curl -H 'Authorization: Bearer KEY'" in said
    assert first.stop() == 0
    again = start_server(folder=first.folder)
    assert "Made the database" not in again.log.read_text()
