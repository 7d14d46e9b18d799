"""What all tests share: a service on a real SQLite file, callers of it, and tiny factories."""

from __future__ import annotations

import ctypes
import itertools
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest
from aiosmtpd.controller import Controller
from click.testing import CliRunner, Result
from flask.testing import FlaskClient
from receivers import Receiver
from werkzeug.test import TestResponse

from clients_api import create_app
from clients_api.commands.cli import cli
from clients_api.models import ApiKey
from clients_api.models.engines import migrating
from clients_api.models.engines.current import using
from clients_api.service import Service

pytest_plugins = ["browser", "hosts"]  # fixtures of rooms: other helpers are imported by name

ROOT = Path(__file__).parents[1]
SERVE = [sys.executable, "-m", "clients_api", "serve"]
PORT = "TESTS_POSTGRESQL_PORT"
# Nothing is lost here by a power cut: without waiting for the disk all is sooner done.
FAST = dict.fromkeys(("fsync", "full_page_writes", "synchronous_commit"), "off")
_numbers = itertools.count(1)
T = TypeVar("T")

# Otherwise each of the many processes that tests start would compile all modules anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--server",
        default="gunicorn",
        choices=["gunicorn", "granian"],
        help="Which server the tests start; `-m live` chooses those that start one.",
    )
    parser.addoption(
        "--engine",
        default="sqlite",
        choices=["sqlite", "postgresql"],
        help="Which database the tests use; postgresql is one that they start and throw away.",
    )


def pytest_configure(config: pytest.Config) -> None:
    Server.kind = config.getoption("--server")
    if config.getoption("--engine") != "postgresql":
        return
    from cluster import Cluster, Running

    if PORT in os.environ:
        Engine.cluster = Running(int(os.environ[PORT]))
    else:
        Engine.cluster = Engine.started = Cluster(**FAST)
        os.environ[PORT] = str(Engine.cluster.port)  # for those that run the tests in parallel


def pytest_unconfigure(config: pytest.Config) -> None:
    if Engine.started is not None:
        Engine.started.remove()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what starts a server, and skip what is of the other one.

    Begin with the slow tests, so that no worker is left waiting for the other's last one.
    """
    for item in items:
        only = item.get_closest_marker("only")
        if only is not None and only.args[0] != Server.kind:
            item.add_marker(pytest.mark.skip(f"{only.args[0]} alone: {only.args[1]}"))
        file = item.get_closest_marker("file")
        if file is not None and Engine.cluster is not None:
            item.add_marker(pytest.mark.skip(f"of a database that is a file: {file.args[0]}"))
        if "start_server" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.live)
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    for name in [name for name in os.environ if name.startswith("CLIENTS_API_")]:
        monkeypatch.delenv(name)


class Engine:
    """Which database the tests use: a server's, or a file in each instance folder."""

    cluster: ClassVar[Any] = None
    started: ClassVar[Any] = None  # which is stopped in the end
    spare: ClassVar[list[str]] = []  # migrated, and empty as such a one is

    @classmethod
    def settings(cls, folder: Path) -> dict[str, str]:
        """Return the setting of an instance folder's database, which is made if it is new."""
        if cls.cluster is None:
            return {}
        mark = folder / ".database"
        if not mark.exists():
            mark.write_text(cls.cluster.create())
        return {"DATABASE_URL": cls.cluster.url(mark.read_text())}

    @classmethod
    def copy(cls, template: Path, folder: Path) -> None:
        """Give an instance folder a database that is migrated."""
        if cls.cluster is None:
            shutil.copy(template, folder / "clients.sqlite3")
        else:
            # To copy one takes a hundred times as long as to empty it.
            original = (template.parent / ".database").read_text()
            name = cls.spare.pop() if cls.spare else cls.cluster.create(original)
            (folder / ".database").write_text(name)

    @classmethod
    def give_back(cls, folder: Path) -> None:
        """Let another test have the database of an instance folder, if it is as it should be."""
        if (mark := folder / ".database").exists():
            name = mark.read_text()
            if cls.cluster.empty(name):
                cls.spare.append(name)
            else:
                cls.cluster.drop(name)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Any]:
    """A PostgreSQL server: that of all tests, or one for those that are about it."""
    from cluster import Cluster, programs

    if Engine.cluster is not None:
        yield Engine.cluster
    elif programs() is None:
        pytest.skip("PostgreSQL is not installed")
    else:
        started = Cluster(**FAST)
        yield started
        started.remove()


@pytest.fixture
def own_cluster() -> Iterator[Any]:
    """A PostgreSQL server of a test of its own, which may stop it."""
    from cluster import Cluster, programs

    if programs() is None:
        pytest.skip("PostgreSQL is not installed")
    started = Cluster()
    yield started
    started.remove()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database, which tests copy: migrating anew for each would cost them minutes."""
    folder = tmp_path_factory.mktemp("template")
    app = create_app({"INSTANCE_PATH": folder, **Engine.settings(folder)})
    migrating.migrate(app.database)
    if Engine.cluster is None:
        app.database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    app.database.close_all()
    return folder / "clients.sqlite3"


@pytest.fixture
def make_app(template: Path, tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Make services, each with a database of its own; `settings` are the service's."""
    made: list[Service] = []

    def make(**settings: Any) -> Service:
        folder = tmp_path / f"instance{len(made)}"
        folder.mkdir()
        Engine.copy(template, folder)
        # Nothing is lost here by a power cut: without waiting for the disk all is sooner done.
        defaults = {
            "INSTANCE_PATH": folder,
            "RATELIMIT_ENABLED": False,
            "SQLITE_SYNCHRONOUS": "normal",
            **Engine.settings(folder),
        }
        made.append(create_app(defaults | settings))
        return made[-1]

    yield make
    for app in made:
        app.database.close_all()
        Engine.give_back(Path(app.instance_path))


@pytest.fixture
def app(make_app: Callable[..., Service]) -> Service:
    return make_app()


class Caller:
    """Calls a service with a key. Every answer is checked for what all answers have in common."""

    def __init__(self, app: Service, key: str | None, prefix: str = "/api") -> None:
        self.app = app
        self.key = key
        self._client: FlaskClient = app.test_client()
        self._prefix = prefix

    def call(self, method: str, path: str, **options: Any) -> TestResponse:
        """Call `path`, which is relative to the prefix; `form=` sends a form as a list of pairs."""
        headers = dict(options.pop("headers", {}))
        if self.key is not None:
            headers.setdefault("Authorization", f"Bearer {self.key}")
        if (form := options.pop("form", None)) is not None:
            from urllib.parse import urlencode

            options["data"] = urlencode(form)
            options["content_type"] = "application/x-www-form-urlencoded"
        response = self._client.open(self._prefix + path, method=method, headers=headers, **options)
        assert response.status_code != 500, response.get_data(as_text=True)
        assert response.headers["X-Request-ID"]
        return response

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.call("GET", path, **options)

    def post(self, path: str, json: Any = None, **options: Any) -> TestResponse:
        return self.call("POST", path, **_body(json), **options)

    def patch(self, path: str, json: Any = None, **options: Any) -> TestResponse:
        return self.call("PATCH", path, **_body(json), **options)

    def put(self, path: str, json: Any = None, **options: Any) -> TestResponse:
        return self.call("PUT", path, **_body(json), **options)

    def delete(self, path: str, **options: Any) -> TestResponse:
        return self.call("DELETE", path, **options)


def _body(json: Any) -> dict[str, Any]:
    return {} if json is None else {"json": json}


def issue_key(app: Service, **options: Any) -> str:
    """Make a key and return its secret."""
    with using(app.database), app.database.atomic():
        return ApiKey.issue(**{"name": "test", **options})["key"]


@pytest.fixture
def api(app: Service) -> Caller:
    """A caller with an admin key."""
    return Caller(app, issue_key(app))


@pytest.fixture(scope="module")
def shared_api(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """A caller with an admin key of one service for all tests of a file: many, and only askers."""
    folder = tmp_path_factory.mktemp("shared")
    Engine.copy(template, folder)
    settings = {"INSTANCE_PATH": folder, "RATELIMIT_ENABLED": False, **Engine.settings(folder)}
    app = create_app(settings)
    yield Caller(app, issue_key(app))
    app.database.close_all()
    Engine.give_back(folder)


@pytest.fixture
def anonymous(app: Service) -> Caller:
    """A caller without a key."""
    return Caller(app, None)


def expect_error(
    response: TestResponse, status: int, message: str | None = None, /, **errors: Any
) -> dict[str, Any]:
    """Check that an answer is an error of the one shape there is, and return its body.

    In: the sentences that the errors must have, by parameter (`tags.1` as `**{"tags.1": …}`).
    """
    assert response.status_code == status, response.get_data(as_text=True)
    assert response.mimetype == "application/json"
    body = response.get_json()
    # Besides 422, a conflict may name the values that it is about.
    shapes = {422: [{"message", "errors"}], 409: [{"message"}, {"message", "errors"}]}
    assert set(body) in shapes.get(status, [{"message"}])
    if status == 422:
        assert body["message"] == "The given data was invalid."
    if message is not None:
        assert body["message"] == message
    for name, sentence in errors.items():
        assert body["errors"].get(name) == [sentence], body["errors"]
    return body


@pytest.fixture
def make_client(api: Caller) -> Callable[..., dict[str, Any]]:
    """Make a client over HTTP; what is not said is made up."""

    def make(**overrides: Any) -> dict[str, Any]:
        number = next(_numbers)
        body = {"first_name": "Jane", "last_name": "Doe", "email": f"jane{number}@acme.example"}
        response = api.post("/clients", {**body, **overrides})
        assert response.status_code == 201, response.get_json()
        return response.get_json()["data"]

    return make


@pytest.fixture
def make_contact(api: Caller) -> Callable[..., dict[str, Any]]:
    """Make a contact over HTTP: of no client, unless `clientid` is given."""

    def make(**overrides: Any) -> dict[str, Any]:
        number = next(_numbers)
        body = {"first_name": "Kim", "last_name": "Lee", "email": f"kim{number}@acme.example"}
        if overrides.get("clientid") is None:
            body["type"] = "contact"
        response = api.post("/contacts", {**body, **overrides})
        assert response.status_code == 201, response.get_json()
        return response.get_json()["data"]

    return make


@pytest.fixture
def run(app: Service, tmp_path: Path) -> Callable[..., Result]:
    """Run a command on the service's database; `input` is its stdin, `file` a file's content."""

    def run(
        *args: str,
        input: bytes = b"",
        file: str | bytes | None = None,
        suffix: str = "csv",
        target: Service = app,
    ) -> Result:
        if file is not None:
            path = tmp_path / f"in.{suffix}"
            path.write_bytes(file if isinstance(file, bytes) else file.encode())
            args = (args[0], str(path), *args[1:])
        return CliRunner().invoke(cli, args, input=input, obj=target)

    return run


@pytest.fixture
def clients(api: Caller) -> Callable[[], list[dict[str, Any]]]:
    """Return all clients over HTTP, oldest first."""

    def clients() -> list[dict[str, Any]]:
        return api.get("/clients?order=asc&limit=100&include=contacts").get_json()["data"]

    return clients


def free_port() -> int:
    """Return a port of the loopback address that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def children_of(pid: int) -> list[int]:
    """Return the ids of the processes that a process has started, and that are there."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Server:
    """A real server process, started by the command, on an instance folder of its own."""

    kind = "gunicorn"  # which of the two, for all tests of a run: see `--server`

    def __init__(self, folder: Path, *options: str, **environment: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "server.log"
        variables = {name: value for name, value in os.environ.items() if "CLIENTS_API" not in name}
        settings = Engine.settings(folder) | environment
        variables |= {f"CLIENTS_API_{name}": value for name, value in settings.items()}
        variables |= {"CLIENTS_API_INSTANCE_PATH": str(folder)}
        bind = f"127.0.0.1:{self.port}"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*SERVE, "--bind", bind, "--server", self.kind, *options],
                cwd=ROOT,
                env=variables,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait()
        except RuntimeError:
            self.stop(signal.SIGKILL)
            raise
        found = re.search(r"admin key[^:]*: (\S+)", self.log.read_text())
        self.key = found[1] if found else None

    def _wait(self, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended: {self.log.read_text()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"the server does not listen: {self.log.read_text()}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Signal the server's processes and return its exit status."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, number) if number == signal.SIGKILL else (
                self.process.send_signal(number)
            )
        return self.process.wait(40)


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start servers; options are the command's, keywords the settings."""
    started: list[Server] = []

    def start(*options: str, folder: Path | None = None, **environment: str) -> Server:
        folder = folder or tmp_path / f"server{len(started)}"
        folder.mkdir(exist_ok=True)
        started.append(Server(folder, *options, **environment))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.stop(signal.SIGKILL)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1 that vouches for itself, and a server's context with it.

    Its key lies beside it, as key.pem.
    """
    folder = tmp_path_factory.mktemp("tls")
    key, chain = folder / "key.pem", folder / "cert.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    names = ["-subj", "/CN=mail", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(chain)]
    subprocess.run([*command.split(), *names, *files], check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain, key)
    return chain, context


def heeding_modes(work: Callable[[], T]) -> T:
    """Do `work` where the modes of files count for root too, and return what it returns.

    So do the processes that it starts. Elsewhere than on Linux, root skips the test.
    """
    with ThreadPoolExecutor(1, initializer=_give_up_overriding) as thread:
        return thread.submit(work).result()


def _give_up_overriding() -> None:
    """Let this thread, and what it starts, have no power over files that are not theirs."""
    if os.geteuid() != 0:
        return
    if sys.platform != "linux":
        pytest.skip("root may do everything")
    libc = ctypes.CDLL(None)
    powers = (1, 2)  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, see capabilities(7)
    header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, sets) == 0
    for power in powers:
        assert libc.prctl(24, power, 0, 0, 0) == 0  # PR_CAPBSET_DROP: not to be had by exec
        for place in range(3):  # effective, permitted, inheritable
            sets[place] &= ~(1 << power)
    assert libc.capset(header, sets) == 0


@pytest.fixture
def serve_smtp() -> Iterator[Callable[..., int]]:
    """Start SMTP servers on the loopback address; what each does is an Inbox. Returns the port."""
    started: list[Controller] = []

    def start(inbox: Any, **options: Any) -> int:
        options.setdefault("server_hostname", "mail.example")
        controller = Controller(inbox, hostname="127.0.0.1", port=free_port(), **options)
        controller.start()
        started.append(controller)
        return controller.port

    yield start
    for controller in started:
        controller.stop()


@pytest.fixture
def listen() -> Iterator[Callable[..., int]]:
    """Listen on the loopback address; `talk` has each connection. Returns the port."""
    listeners: list[socket.socket] = []
    connections: list[socket.socket] = []

    def start(talk: Callable[[socket.socket], None] = lambda connection: None) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def run() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return  # the test has ended
                connections.append(connection)
                talk(connection)

        threading.Thread(target=run, daemon=True).start()
        return listener.getsockname()[1]

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for connection in connections:
        connection.close()


@pytest.fixture
def receive() -> Iterator[Callable[..., Receiver]]:
    """Start receivers of webhooks; what is given says how each answers."""
    started: list[Receiver] = []

    def start(*args: Any, **options: Any) -> Receiver:
        started.append(Receiver(*args, **options))
        return started[-1]

    yield start
    for receiver in started:
        receiver.stop()
