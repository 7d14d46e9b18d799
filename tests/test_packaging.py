"""What is installed, and what a bare checkout can do: the same program, started in other ways."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode

import pytest
from conftest import ROOT, free_port

pytestmark = pytest.mark.slow

SCRIPTS = Path(sysconfig.get_path("scripts"))
FLASK, GUNICORN = str(SCRIPTS / "flask"), str(SCRIPTS / "gunicorn")
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", ".*_cache", ".hypothesis", "__pycache__", "instance", "build", "*.egg-info"
)


def run(*command: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command, and fail with what it says if it fails."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the checkout so that the checkout stays clean."""
    folder = tmp_path_factory.mktemp("build")
    copy = folder / "checkout"
    shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
    # What an older build has left of files that are no more used to be packed with the others.
    for ghost in (
        "models/migrations/sqlite/0002_removed.py",
        "static/old.js",
        "removed/__init__.py",
    ):
        path = copy / "build" / "lib" / "clients_api" / ghost
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    run(*command, cwd=copy)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the wheel is installed into; the dependencies are the tests' own."""
    target = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index"]
    run(*command, "--target", str(target), str(wheel), cwd=target)
    return target


@pytest.fixture(scope="session")
def python(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Run Python where the wheel is installed and no checkout is near; return what it prints."""

    def python(*command: str) -> str:
        folder = tmp_path_factory.mktemp("elsewhere")
        return run(sys.executable, *command, cwd=folder, PYTHONPATH=str(installed)).stdout

    return python


def test_the_wheel_puts_one_name_into_site_packages(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert len(tops) == 2
    assert tops == {"clients_api", next(top for top in tops if top.endswith(".dist-info"))}


def test_the_wheel_has_every_file_of_the_packages(wheel):
    sources = {
        f"clients_api/{path.relative_to(folder)}"
        for folder in (ROOT / "clients_api", ROOT)
        for part in ([""] if folder != ROOT else ["models", "schemas", "blueprints"])
        for path in (folder / part).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("clients_api/")}
    assert packed == sources, "also: what an older build has left is not in it"
    parts = "py.typed static/docs.html models/migrations/sqlite/0001_initial.py commands/keys.py"
    for name in parts.split():
        assert f"clients_api/{name}" in packed


def test_the_installed_command_tells_its_commands(python):
    listed = python("-m", "clients_api", "--help")
    assert listed.startswith("Usage: clients-api ")
    assert "migrate" in listed


def test_the_installed_package_makes_an_app_that_answers(python, installed):
    program = """
        import clients_api
        app = clients_api.create_app()
        client = app.test_client()
        print(clients_api.__file__)
        for path in ("/", "/api/console/list.js", "/api/docs/docs.js", "/api/docs", "/api/ready"):
            print(path, client.get(path).status_code)
        app.database.close_all()
    """
    lines = python("-W", "error", "-c", re.sub(r"^ {8}", "", program, flags=re.M)).splitlines()
    assert lines[0].startswith(str(installed))
    assert [line.split()[1] for line in lines[1:]] == ["200"] * 5


def test_the_installed_command_is_a_script(installed, tmp_path):
    script = installed / "bin" / "clients-api"
    environment = {"PYTHONPATH": str(installed)}
    assert run(str(script), "--version", cwd=tmp_path, **environment).stdout.split()[-1]


def test_gunicorn_takes_the_installed_factory(python):
    # It fails, and `python` with it, where the factory can't be called.
    assert python("-m", "gunicorn", "clients_api:create_app()", "--check-config") == ""


# A checkout where only the dependencies are installed


def fetch(url: str, data: dict[str, str] | None = None, opener: object = None) -> tuple[int, str]:
    """Ask until somebody listens; return the status and the text."""
    encoded = urlencode(data).encode() if data else None
    fetcher = opener or urllib.request.build_opener()
    deadline = time.monotonic() + 20
    while True:
        try:
            with fetcher.open(url, encoded, timeout=10) as response:
                return response.status, response.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen]]:
    """Start servers from a checkout, with an instance folder of their own."""
    started: list[subprocess.Popen] = []
    log = (tmp_path / "log").open("w+")

    def serve(*command: str, cwd: Path = ROOT, **environment: str) -> subprocess.Popen:
        environment = {"CLIENTS_API_INSTANCE_PATH": str(tmp_path / "instance"), **environment}
        started.append(
            subprocess.Popen(
                command,
                cwd=cwd,
                env={**os.environ, **environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        )
        return started[-1]

    yield serve
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
    log.close()


def test_flask_routes_lists_the_endpoints_of_a_checkout(tmp_path):
    instance = tmp_path / "instance"
    listed = run(
        FLASK, "--app", "app", "routes", cwd=ROOT, CLIENTS_API_INSTANCE_PATH=str(instance)
    ).stdout
    assert "/api/clients/<id:id>" in listed
    assert list(instance.iterdir()) == []


def test_flask_offers_no_document_but_ours(tmp_path):
    """`flask openapi print`, which flask-smorest adds, printed a document without a path."""
    listed = run(FLASK, "--app", "app", "--help", cwd=ROOT, CLIENTS_API_INSTANCE_PATH=str(tmp_path))
    assert "routes" in listed.stdout
    assert "openapi" not in listed.stdout


@pytest.mark.parametrize(
    ("command", "number"),
    [
        ([FLASK, "--app", "app", "run", "--port", "{port}"], signal.SIGINT),
        ([GUNICORN, "app:app", "--bind", "127.0.0.1:{port}"], signal.SIGTERM),
        (
            [sys.executable, "-m", "clients_api", "serve", "--bind", "127.0.0.1:{port}"],
            signal.SIGTERM,
        ),
    ],
    ids=["flask", "gunicorn", "serve"],
)
def test_a_checkout_serves_a_new_database(serve, command, number, tmp_path):
    port = free_port()
    process = serve(*(part.format(port=port) for part in command))
    base = f"http://127.0.0.1:{port}/api"
    assert fetch(f"{base}/health")[0] == 200
    assert fetch(f"{base}/clients")[0] == 401
    assert fetch(f"{base}/ready")[0] == 200
    assert (tmp_path / "instance" / "clients.sqlite3").stat().st_size > 0
    process.send_signal(number)
    assert process.wait(20) == 0


def test_python_runs_app_py(serve):
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 5000)) == 0:
            pytest.skip("somebody else listens on Flask's port")
    process = serve(sys.executable, "app.py")
    assert fetch("http://127.0.0.1:5000/api/ready")[0] == 200
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0


def test_the_example_of_a_host_runs(serve, tmp_path):
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=LEFT_OUT)
    port = free_port()
    app = [FLASK, "--app", "examples/embedded/app"]
    for user, scope in (("ann", "write"), ("bob", "read")):
        words = ("add-user", user, "--scope", scope, "--password", f"{user}'s")
        run(*app, *words, cwd=tmp_path, PYTHONPATH=str(ROOT))
    serve(*app, "run", "--port", str(port), cwd=tmp_path, PYTHONPATH=str(ROOT))
    base = f"http://127.0.0.1:{port}"
    assert "Log in" in fetch(f"{base}/")[1]
    assert fetch(f"{base}/crm/api/clients")[0] == 401
    for user, status in (("bob", 403), ("ann", 201)):
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        login = {"name": user, "password": f"{user}'s"}
        assert f"Hello {user}" in fetch(f"{base}/login", login, browser)[1]
        jane = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}
        assert fetch(f"{base}/crm/api/clients", jane, browser)[0] == status
        assert fetch(f"{base}/crm/api/clients", None, browser)[0] == 200
    assert "Jane Doe" in fetch(f"{base}/", None, browser)[1]
    listed = run(*app, "clients-api", "--help", cwd=tmp_path, PYTHONPATH=str(ROOT)).stdout
    assert listed.startswith("Usage: flask clients-api ")
