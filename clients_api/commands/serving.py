"""`clients-api serve`."""

from __future__ import annotations

import socket
import sys

import click

from clients_api.models import ApiKey
from clients_api.models.engines import migrating
from clients_api.models.engines.current import using
from clients_api.service import Service

from .cli import service


def _free(ctx: click.Context, param: click.Parameter, bind: str) -> str:
    """Return the address to listen at; look first whether that can be done at all."""
    host, _, port = bind.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or not 0 < int(port[:6]) < 65536:
        raise click.BadParameter(f"{bind!r} is not HOST:PORT, such as 127.0.0.1:8000.")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except OSError as error:
            raise click.ClickException(f"Can't listen at {bind}: {error.strerror}.") from error
    return bind


@click.command()
@click.option(
    "--bind", default="127.0.0.1:8000", show_default=True, metavar="HOST:PORT", callback=_free
)
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64))
@click.option(
    "--threads", default=16, show_default=True, type=click.IntRange(1, 1000), help="A worker."
)
@click.pass_context
def serve(ctx: click.Context, bind: str, workers: int, threads: int) -> None:
    """Migrate the database and serve the API."""
    from clients_api.serving import server

    app = service(ctx)
    for name in migrating.migrate(app.database):
        click.echo(f"Applied migration {name}.")
    _greet(app, bind)
    app.database.close_all()
    server.run(app, bind=bind, workers=workers, threads=threads)


def _greet(app: Service, bind: str) -> None:
    base = f"http://{bind}{app.config['URL_PREFIX']}"
    click.echo(f"The API is at {base}, its documentation at {base}/docs.")
    with using(app.database):
        if not ApiKey.any():
            with app.database.atomic():
                key = ApiKey.issue(name="first admin key")
            click.echo(f"Your admin key, shown this once: {key['key']}")
    sys.stdout.flush()
