"""The command `clients-api`, which is also the group `flask clients-api` of a host application."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import click
import flask
import peewee

from . import __version__, config
from .models import migrating, sqlite
from .models.base import using
from .models.errors import DomainError
from .observing import set_up_logging
from .service import Service, create_app


class Group(click.Group):
    """A group whose commands say every error in one line, and exit with 1; wrong usage exits 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (config.BadSetting, sqlite.DatabaseUnusable, DomainError) as error:
            raise click.ClickException(str(error)) from error
        except peewee.PeeweeException as error:
            database = getattr(ctx.obj, "database", None)
            path = database.database if database else "?"
            raise click.ClickException(sqlite.reason(error, path)) from error
        except OSError as error:
            raise click.ClickException(
                f"{error.filename or ''} {error.strerror}".strip()
            ) from error


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="clients-api")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Serve clients, their users, tags and categories as a REST API."""


def service(ctx: click.Context) -> Service:
    """Return the service that the command is about: the host's, or a standalone one."""
    if ctx.obj is None or not isinstance(ctx.obj, Service):
        if flask.has_app_context():
            ctx.obj = flask.current_app.extensions["clients-api"].service
        else:
            ctx.obj = create_app()
            set_up_logging(ctx.obj.config["LOG_LEVEL"], ctx.obj.config["LOG_FORMAT"])
    return ctx.obj


def with_database(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the service, with its database open and of the right schema.

    A new database is migrated; an older one is left to `serve` and `migrate`.
    """

    @click.pass_context
    @functools.wraps(command)
    def wrapped(ctx: click.Context, *args: Any, **kwargs: Any) -> Any:
        app = service(ctx)
        pending, is_new = migrating.status(app.database)
        if pending and not is_new:
            raise sqlite.DatabaseUnusable(
                f"The database {app.database.database} is older than this program. "
                "Run clients-api migrate."
            )
        migrating.migrate(app.database)
        with using(app.database):
            return command(app, *args, **kwargs)

    return wrapped


def _add_commands() -> None:
    from .commands import keys, schema, serving

    for module in (serving, schema, keys):
        for command in module.COMMANDS:
            cli.add_command(command)


_add_commands()


def main() -> None:
    """Run the command; for `python -m clients_api` and the installed script."""
    cli.main(prog_name="clients-api" if "__main__" in sys.argv[0] else None)
