"""`clients-api migrate` and `clients-api openapi`."""

from __future__ import annotations

import click
import orjson

from clients_api.models import CustomField
from clients_api.models.engines import migrating
from clients_api.openapi import document
from clients_api.service import Service

from .cli import say_where, service, with_database


@click.command()
@click.option("--check", is_flag=True, help="Only say what is pending; exit 1 if anything is.")
@click.pass_context
def migrate(ctx: click.Context, check: bool) -> None:
    """Bring the database to the schema of this program."""
    if check:
        pending, _ = migrating.status(service(ctx, makes=False).database)
        for name in pending:
            click.echo(f"pending: {name}")
        ctx.exit(1 if pending else 0)
    app = service(ctx)
    applied = migrating.migrate(app.database)
    if applied[:1] == ["0001_initial"]:  # of several at once, one has made it
        say_where(app)
    for name in applied:
        click.echo(f"applied: {name}")
    if not applied:
        click.echo("Nothing to do.")


@click.command()
@with_database
def openapi(app: Service) -> None:
    """Print openapi.json."""
    spec = document.with_custom_fields(app.api, CustomField.definitions())
    click.echo(orjson.dumps(spec, option=orjson.OPT_INDENT_2).decode())
