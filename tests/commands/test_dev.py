"""`clients-api dev`: made-up data in a database that is gone afterwards, and a server on it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from conftest import ROOT, Caller, free_port

from clients_api.commands.cli import cli
from clients_api.models.engines import migrating
from clients_api.models.engines.current import using
from clients_api.service import Service, create_app
from clients_api.upkeep import demo

STARTS_WITHIN = 2.0  # seconds, on a machine that does nothing else


@pytest.fixture
def fill(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Make services with demo data."""
    made: list[Service] = []

    def make(count: int, seed: int) -> Service:
        app = create_app({"INSTANCE_PATH": tmp_path / str(len(made)), "RATELIMIT_ENABLED": False})
        made.append(app)
        migrating.migrate(app.database)
        with using(app.database), app.database.atomic():
            assert list(demo.fill(count, seed)) == list(range(count))
        return app

    yield make
    for app in made:
        app.database.close_all()


def _rows(app: Service) -> list[str]:
    """Return the whole database as SQL, but for the times at which it was migrated.

    Nor what tells the events of one database from those of another.
    """
    lines = app.database.connection().iterdump()
    lines = (re.sub(r",'[0-9a-f]{8}'\);$", ");", line) for line in lines)
    return [line for line in lines if not line.startswith('INSERT INTO "schema_migration"')]


def test_the_same_seed_gives_the_same_database(fill: Callable[..., Service]) -> None:
    first = _rows(fill(60, 1))
    time.sleep(0.002)  # so that a time of the clock would differ
    assert _rows(fill(60, 1)) == first


def test_another_seed_gives_other_data(fill: Callable[..., Service]) -> None:
    assert _rows(fill(20, 1)) != _rows(fill(20, 2))


def test_the_data_have_a_bit_of_everything(fill: Callable[..., Service]) -> None:
    api = Caller(fill(200, 1), demo.KEY)

    def total(path: str) -> int:
        return api.get(path).get_json()["meta"]["total"]

    assert total("/clients") == 200
    assert total("/clients?status=suspended") > 5
    assert total("/contacts") > 200
    assert total("/team") == 3
    assert total("/categories") == 4
    assert total("/tags") == len(demo.TAGS)
    assert total("/clients?plan=Plus") > 20
    clients = api.get("/clients?limit=100").get_json()["data"]
    assert any(client["owner"] is None for client in clients)
    names = "".join(client["company_name"] for client in clients)
    assert all(name in names for name in ("É", "Ż", "ה", "ش", "श", "株"))


def test_no_demo_clients_are_possible_too(fill: Callable[..., Service]) -> None:
    api = Caller(fill(0, 1), demo.KEY)
    assert api.get("/clients").get_json()["meta"]["total"] == 0


class Dev:
    """`clients-api dev` in a process of its own, with a folder for what is temporary."""

    def __init__(self, folder: Path, *options: str, **environment: str) -> None:
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.log = folder / "log"
        self.port = free_port()
        variables = os.environ | environment | {"TMPDIR": str(self.temporary)}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "clients_api", "dev", "--port", str(self.port), *options],
                cwd=ROOT,
                env=variables,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def get(self, path: str) -> dict[str, Any]:
        """Return the answer to a call with the key, as soon as the server is there."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", headers={"Authorization": f"Bearer {demo.KEY}"}
        )
        deadline = time.monotonic() + 20
        while True:
            try:
                with urllib.request.urlopen(request, timeout=10) as response:
                    return json.load(response)
            except urllib.error.URLError:
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < deadline
                time.sleep(0.02)


@pytest.fixture
def start_dev(tmp_path: Path) -> Iterator[Callable[..., Dev]]:
    started: list[Dev] = []

    def start(*options: str, **environment: str) -> Dev:
        started.append(Dev(tmp_path, *options, **environment))
        return started[-1]

    yield start
    for server in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait()


def test_it_starts_within_two_seconds_says_where_it_is_and_leaves_nothing(
    start_dev: Callable[..., Dev],
) -> None:
    began = time.monotonic()
    server = start_dev("--clients", "200")
    answer = server.get("/api/clients?limit=1")
    seconds = time.monotonic() - began
    assert answer["meta"]["total"] == 200
    assert seconds < STARTS_WITHIN * (1 + os.getloadavg()[0] / (os.cpu_count() or 1)), seconds
    base = f"http://127.0.0.1:{server.port}/api"
    text = server.log.read_text()
    assert f"Made the database {server.temporary}/clients-api-dev-" in text
    assert f"{base}\n" in text and f"{base}/docs\n" in text
    assert f"curl -H 'Authorization: Bearer dev' '{base}/clients?limit=2'" in text
    assert list(server.temporary.iterdir())
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(20) == 0
    assert list(server.temporary.iterdir()) == []


def test_ctrl_c_ends_it_as_meant(start_dev: Callable[..., Dev]) -> None:
    server = start_dev("--clients", "1")
    server.get("/api/health")
    os.killpg(server.process.pid, signal.SIGINT)  # as a terminal sends it: to all processes
    assert server.process.wait(60) == 0
    assert list(server.temporary.iterdir()) == []
    assert "Traceback" not in server.log.read_text()


def test_it_leaves_the_configured_database_alone(
    start_dev: Callable[..., Dev], tmp_path: Path
) -> None:
    mine = tmp_path / "mine.sqlite3"
    server = start_dev(
        "--clients", "1", CLIENTS_API_DATABASE_URL=f"sqlite:///{mine}",
        CLIENTS_API_URL_PREFIX="/crm",
    )  # fmt: skip
    assert server.get("/crm/clients")["meta"]["total"] == 1
    assert not mine.exists()


def test_it_fills_a_database_that_is_given_if_it_is_empty(
    start_dev: Callable[..., Dev], cluster: Any
) -> None:
    name = cluster.create()
    server = start_dev("--clients", "3", "--database-url", cluster.url(name))
    assert server.get("/api/clients")["meta"]["total"] == 3
    server.process.terminate()
    assert server.process.wait(20) == 0
    command = ["dev", "--clients", "3", "--port", "0", "--database-url", cluster.url(name)]
    again = CliRunner().invoke(cli, command)
    assert again.exit_code == 1
    assert again.stderr.endswith(f"{name} is not empty.\n")
    cluster.drop(name)


def test_a_change_of_the_code_is_taken_and_the_data_stay(
    start_dev: Callable[..., Dev], tmp_path: Path
) -> None:
    package = tmp_path / "checkout"
    package.mkdir()
    for name in ("clients_api", "models", "schemas", "blueprints"):
        subprocess.run(["cp", "-r", str(ROOT / name), str(package)], check=True)
    server = start_dev("--clients", "1", PYTHONPATH=str(package), PYTHONSAFEPATH="1")
    before = server.get("/api/clients")["data"]
    module = package / "blueprints" / "clients.py"
    source = module.read_text()
    module.write_text("this is no Python\n")
    _until(lambda: "The server ended" in server.log.read_text())
    module.write_text(source.replace("Clients retrieved", "Customers retrieved"))
    _until(lambda: server.log.read_text().count("The code has changed") == 2)
    answer = server.get("/api/clients")
    assert answer["message"] == "Customers retrieved successfully."
    assert answer["data"] == before


def _until(is_so: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_port_in_use_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = CliRunner().invoke(cli, ["dev", "--port", str(port)])
    assert result.exit_code == 1
    assert "Address already in use" in result.stderr
    assert result.stderr.count("\n") == 1


def test_more_than_it_can_do_is_wrong_usage() -> None:
    assert CliRunner().invoke(cli, ["dev", "--clients", "-1"]).exit_code == 2
    assert CliRunner().invoke(cli, ["dev", "--bind", "0.0.0.0:80"]).exit_code == 2
