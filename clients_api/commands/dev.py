"""`clients-api dev`: a server to write programs against, with data to play with."""

from __future__ import annotations

import os
import signal
import socket
import subprocess  # nosec B404 # runs this program alone
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from clients_api import config
from clients_api.models.engines import migrating
from clients_api.models.engines.current import using
from clients_api.service import create_app
from clients_api.upkeep import demo
from clients_api.web.log import set_up_logging

from .cli import say_where
from .printing import printable

HOST = "127.0.0.1"
LOOK_SECONDS = 0.3  # between two looks at the code


@click.command()
@click.option(
    "--clients", default=200, show_default=True, type=click.IntRange(0, 100_000), help="How many."
)
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same data.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
@click.option(
    "--database-url", metavar="URL", help="A new, empty database, in the place of a throwaway one."
)
def dev(clients: int, seed: int, port: int, database_url: str | None) -> None:
    """Serve made-up data from a throwaway database; reload changed code."""
    # Without this, a signal would leave the folder and the server behind.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(0))
    with (
        socket.create_server((HOST, port)) as listener,
        tempfile.TemporaryDirectory(prefix="clients-api-dev-") as folder,
    ):
        settings = _settings(Path(folder), database_url)
        prefix = _prepare(settings, clients, seed)
        place = "that stays" if database_url else "that is gone when this ends"
        _greet(f"http://{HOST}:{listener.getsockname()[1]}{prefix}", clients, seed, place)
        try:
            _serve(settings, listener)
        except KeyboardInterrupt:
            click.echo()  # Ctrl-C is how this is meant to end


def _settings(folder: Path, database_url: str | None) -> dict[str, str]:
    # Whatever the environment says, the data and the mail of this server stay in its folder.
    return {
        "INSTANCE_PATH": str(folder),
        "DATABASE_URL": database_url or "sqlite:///clients.sqlite3",
        "MAIL_URL": f"file://{folder}/mail",
        "RATELIMIT_ENABLED": "false",
        "SQLITE_SYNCHRONOUS": "normal",
    }


def _prepare(settings: dict[str, str], clients: int, seed: int) -> str:
    """Make and fill the database; return the prefix of the API. Raises BadSetting."""
    app = create_app(settings)
    if not migrating.status(app.database)[1]:
        app.database.close_all()
        raise click.ClickException(printable(f"The database {app.database.shown} is not empty."))
    migrating.migrate(app.database)
    say_where(app)
    with (
        using(app.database),
        app.database.atomic(),
        click.progressbar(
            demo.fill(clients, seed),
            clients,
            "Demo data",
            file=sys.stderr,
            hidden=not sys.stderr.isatty(),
        ) as numbers,
    ):
        deque(numbers, maxlen=0)  # makes them all, and keeps none
    app.database.close_all()
    return app.config["URL_PREFIX"]


def _greet(base: str, clients: int, seed: int, place: str) -> None:
    what = f"{clients} demo client{'s' if clients != 1 else ''} (seed {seed})"
    click.echo(
        f"{what} in a database {place}.\n\n"
        f"  Console        {base}/console\n"
        f"  API            {base}\n"
        f"  Documentation  {base}/docs\n"
        f"  Key            {demo.KEY}\n\n"
        "Try:\n\n"
        f"  curl -H 'Authorization: Bearer {demo.KEY}' '{base}/clients?limit=2'\n\n"
        "Changes of the code are taken at once. Ctrl-C ends it."
    )
    sys.stdout.flush()


def _serve(settings: dict[str, str], listener: socket.socket) -> None:
    """Run a server on the listening socket until this process is ended, anew for each code."""
    while True:
        code = _code()
        with _server(settings, listener) as server:
            has_told = False
            while _code() == code:
                if server.poll() is not None and not has_told:
                    click.echo("The server ended. It starts again when the code changes.", err=True)
                    has_told = True
                time.sleep(LOOK_SECONDS)
        click.echo("The code has changed.", err=True)


@contextmanager
def _server(settings: dict[str, str], listener: socket.socket) -> Iterator[subprocess.Popen[Any]]:
    # This process keeps the socket, so that calls made during a reload wait instead of failing.
    fd = listener.fileno()
    process = subprocess.Popen(  # nosec B603 # no shell, and nothing that a caller says
        [sys.executable, "-m", __name__, str(fd)],
        env=os.environ | {f"{config.ENV}_{name}": value for name, value in settings.items()},
        pass_fds=[fd],
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _code() -> dict[str, int]:
    """Return when each of our modules was last written, by its path."""
    folders = {
        Path(module.__file__).parent
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] == __package__.partition(".")[0] and module.__file__
    }
    try:
        return {
            entry.path: entry.stat().st_mtime_ns
            for folder in folders
            for entry in os.scandir(folder)
            if entry.name.endswith(".py")
        }
    except FileNotFoundError:
        return {}  # a file that is gone while we look is a change as well


def run(fd: int) -> None:
    """Serve on a listening socket by its number: what `dev` starts in a process of its own."""
    from clients_api.serving import gunicorn

    app = create_app()
    app.demo_key = demo.KEY
    set_up_logging(app.config["LOG_LEVEL"], app.config["LOG_FORMAT"])
    gunicorn.run(app, bind=f"fd://{fd}", workers=1)


COMMANDS = (dev,)

if __name__ == "__main__":
    run(int(sys.argv[1]))
