"""`clients-api keys`: make, list and revoke API keys."""

from __future__ import annotations

import click

from clients_api.models import ApiKey
from clients_api.models.errors import NotFound
from clients_api.models.key import SCOPES
from clients_api.schemas.key import KeyCreateSchema
from clients_api.service import Service

from .cli import with_database, with_new_database
from .printing import printable


@click.group()
def keys() -> None:
    """Make, list and revoke API keys."""


@keys.command()
@click.argument("name")
@click.option("--scope", type=click.Choice(SCOPES), default="admin", show_default=True)
@click.option("--expires", metavar="DATE", help="When it ends, ISO 8601, e.g. 2027-01-31.")
@with_new_database
def create(app: Service, name: str, scope: str, expires: str | None) -> None:
    """Make a key and print it, alone and this once."""
    given = {"name": name.strip() or None, "scope": scope, "expires": expires}
    values, errors = KeyCreateSchema().read(given)
    if errors:
        raise click.UsageError(" ".join(s for sentences in errors.values() for s in sentences))
    if not app.takes_keys:
        raise click.ClickException("This API takes no keys (keys=False).")
    with app.database.writing():
        key = ApiKey.issue(**values)
    click.echo(key["key"])


@keys.command("list")
@with_database
def list_keys(app: Service) -> None:
    """List the keys that are not revoked."""
    line = "{:<13} {:<6} {:<28} {:<28} {}"
    click.echo(line.format("PREFIX", "SCOPE", "EXPIRES", "LAST USED", "NAME"))
    for key in ApiKey.live():
        times = (key["expires"] or "never", key["last_used"] or "never")
        click.echo(printable(line.format(key["prefix"], key["scope"], *times, key["name"])))


@keys.command()
@click.argument("prefix")
@with_database
def revoke(app: Service, prefix: str) -> None:
    """Revoke the key of that PREFIX for good."""
    with app.database.writing():
        found = [key for key in ApiKey.live() if key["prefix"] == prefix]
        if not found:
            raise NotFound(f"key {prefix}")
        ApiKey.revoke_anyway(found[0]["id"])
    click.echo(printable(f"Revoked {prefix}."))
