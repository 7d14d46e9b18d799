"""`clients-api migrate` and `clients-api openapi`."""

from __future__ import annotations

import click
import orjson

from clients_api import openapi as documents
from clients_api.cli import service, with_database
from clients_api.models import CustomField, migrating
from clients_api.service import Service


@click.command()
@click.option("--check", is_flag=True, help="Only say what is pending; exit 1 if anything is.")
@click.pass_context
def migrate(ctx: click.Context, check: bool) -> None:
    """Bring the database to the schema of this program."""
    app = service(ctx)
    if check:
        pending, _ = migrating.status(app.database)
        for name in pending:
            click.echo(f"pending: {name}")
        ctx.exit(1 if pending else 0)
    applied = migrating.migrate(app.database)
    for name in applied:
        click.echo(f"applied: {name}")
    if not applied:
        click.echo("Nothing to do.")


@click.command()
@with_database
def openapi(app: Service) -> None:
    """Print openapi.json."""
    spec = documents.with_custom_fields(app.api, CustomField.definitions())
    click.echo(orjson.dumps(spec, option=orjson.OPT_INDENT_2).decode())
