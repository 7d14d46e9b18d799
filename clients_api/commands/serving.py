"""`clients-api serve`."""

from __future__ import annotations

import sys

import click

from clients_api.cli import service
from clients_api.models import ApiKey, migrating
from clients_api.models.base import using
from clients_api.service import Service


@click.command()
@click.option("--bind", default="127.0.0.1:8000", show_default=True, metavar="HOST:PORT")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64))
@click.option(
    "--threads", default=16, show_default=True, type=click.IntRange(1, 1000), help="A worker."
)
@click.pass_context
def serve(ctx: click.Context, bind: str, workers: int, threads: int) -> None:
    """Migrate the database and serve the API."""
    from clients_api import server

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


COMMANDS = (serve,)
