"""`clients-api serve`."""

from __future__ import annotations

import importlib.util
import os
import socket
import sys
from pathlib import Path

import click

from clients_api.models import ApiKey
from clients_api.models.engines import migrating
from clients_api.models.engines.current import using
from clients_api.service import Service

from .cli import say_where, service

SYSTEMD_FD = 3  # sd_listen_fds(3): the first that it hands down


def _place(ctx: click.Context, param: click.Parameter, bind: str) -> str:
    """Return where to listen: HOST:PORT, unix:/path or fd://N; see first whether that can be."""
    if _is_inherited():
        return bind  # is not heeded: the sockets are there
    kind, _, rest = bind.partition(":")
    if kind == "unix" and rest:
        return f"unix:{Path(rest).absolute()}"
    if kind == "fd" and rest.removeprefix("//").isdecimal():
        _name_of(int(rest.removeprefix("//")))
        return bind
    host, _, port = bind.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or not 0 < int(port[:6]) < 65536:
        raise click.BadParameter(
            f"{bind!r} is not HOST:PORT, such as 127.0.0.1:8000, unix:/path or fd://N."
        )
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except OSError as error:
            raise click.ClickException(f"Can't listen at {bind}: {error.strerror}.") from error
    return bind


def _is_inherited() -> bool:
    """Tell whether systemd, or a server that is replaced by SIGUSR2, hands its sockets down."""
    return "GUNICORN_FD" in os.environ or os.environ.get("LISTEN_PID") == str(os.getpid())


def _name_of(number: int) -> str:
    """Return the address of a listening socket by its number. Raises ClickException."""
    try:
        with socket.socket(fileno=os.dup(number)) as inherited:
            if not inherited.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                raise OSError(0, "it is no listening socket")
            name = inherited.getsockname()
            family = inherited.family
    except OSError as error:
        raise click.ClickException(f"Can't listen at fd://{number}: {error.strerror}.") from error
    if family == socket.AF_UNIX:
        return f"unix:{name}"
    host = f"[{name[0]}]" if family == socket.AF_INET6 else name[0]
    return f"{host}:{name[1]}"


def _chosen(ctx: click.Context, param: click.Parameter, server: str) -> str:
    if server == "granian" and importlib.util.find_spec("granian") is None:
        raise click.ClickException(
            "granian is not installed: pip install 'clients-api[granian]', "
            "or in a checkout pip install -e '.[granian]'."
        )
    return server


@click.command()
@click.option(
    "--bind",
    default="127.0.0.1:8000",
    show_default=True,
    metavar="PLACE",
    callback=_place,
    help="HOST:PORT, unix:/path, or fd://N for a socket that is inherited, as systemd's are.",
)
@click.option(
    "--server",
    default="gunicorn",
    show_default=True,
    type=click.Choice(["gunicorn", "granian"]),
    callback=_chosen,
)
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64))
@click.option("--threads", type=click.IntRange(1, 1000), help="A worker; by default the server's.")
@click.pass_context
def serve(ctx: click.Context, bind: str, server: str, workers: int, threads: int | None) -> None:
    """Migrate the database and serve the API."""
    if server == "granian":
        if _is_inherited() or bind.startswith("fd:"):
            raise click.ClickException("granian takes no inherited socket; gunicorn does.")
        from clients_api.serving.granian import run
    else:
        from clients_api.serving.gunicorn import run

    app = service(ctx)
    is_new = migrating.status(app.database)[1]
    applied = migrating.migrate(app.database)
    if is_new and applied:
        say_where(app)
    for name in applied:
        click.echo(f"Applied migration {name}.")
    _greet(app, bind)
    app.database.close_all()
    run(app, bind=bind, workers=workers, threads=threads)


def _greet(app: Service, bind: str) -> None:
    if "GUNICORN_FD" in os.environ:
        bind = _name_of(int(os.environ["GUNICORN_FD"].partition(",")[0]))
    elif _is_inherited():
        bind = _name_of(SYSTEMD_FD)
    elif bind.startswith("fd:"):
        bind = _name_of(int(bind.rpartition("/")[2].removeprefix("fd:")))
    prefix = app.config["URL_PREFIX"]
    is_file = bind.startswith("unix:")
    base = f"http://localhost{prefix}" if is_file else f"http://{bind}{prefix}"
    place = f" of the socket {bind.removeprefix('unix:')}" if is_file else ""
    click.echo(f"It serves the database {app.database.shown}.")
    pages = (("CONSOLE_ENABLED", "console", "console"), ("DOCS_ENABLED", "documentation", "docs"))
    told = [f", its {what} at {base}/{path}" for flag, what, path in pages if app.config[flag]]
    click.echo(f"The API is at {base}{place}{''.join(told)}.")
    with using(app.database):
        if not ApiKey.any():
            with app.database.writing():
                # Of servers that begin at the same time, one makes it.
                key = None if ApiKey.any() else ApiKey.issue(name="first admin key")
            if key is not None:
                click.echo(f"Your admin key, shown this once: {key['key']}")
    option = f"--unix-socket {bind.removeprefix('unix:')} " if is_file else ""
    click.echo("Try, with a key in place of KEY:")
    click.echo(f"  curl {option}-H 'Authorization: Bearer KEY' {base}/clients")
    sys.stdout.flush()
