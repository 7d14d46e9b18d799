"""The command `clients-api`, which is also the group `flask clients-api` of a host application."""

from __future__ import annotations

import functools
import pkgutil
import sys
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import click
import flask
from flask.cli import with_appcontext

from clients_api import config
from clients_api.models.engines import migrating, sqlite
from clients_api.models.engines.current import using
from clients_api.models.errors import DomainError
from clients_api.models.events import Actor, acting
from clients_api.version import __version__
from clients_api.web.log import set_up_logging

from . import PLACES
from .printing import printable

if TYPE_CHECKING:
    from clients_api.service import Service

# What a context's `meta` keeps for all commands below it
SERVICE = "clients_api.service"
PREFIX = "clients_api.prefix"
# The commands that serve; a host application has its own.
SERVING = frozenset({"serve", "dev"})


class WrongUsage(click.ClickException):
    """Wrong usage, said in one line; click's own answer to it has four."""

    exit_code = 2

    def __init__(self, error: click.UsageError, ctx: click.Context) -> None:
        command = (error.ctx or ctx).command_path
        super().__init__(printable(f"{error.format_message()} See {command} --help."))


class Group(click.Group):
    """A group whose commands say every error in one line, and exit with 1; wrong usage exits 2.

    Its commands are those in `commands.PLACES`, each imported when it is asked for; what serves
    never needs the others. In: `without`, the names of those that it does not have.
    """

    def __init__(self, *args: Any, without: Collection[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._without = without

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(PLACES.keys() - self._without)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        return pkgutil.resolve_name(PLACES[cmd_name])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.exceptions.NoArgsIsHelpError:
            raise
        except click.UsageError as error:
            raise WrongUsage(error, ctx) from error

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.exceptions.NoArgsIsHelpError:
            raise
        except click.UsageError as error:
            raise WrongUsage(error, ctx) from error
        except click.ClickException as error:
            error.message = printable(error.message)  # type: ignore[misc] # of any kind
            raise
        except (config.BadSetting, sqlite.DatabaseUnusable, DomainError) as error:
            raise click.ClickException(printable(str(error))) from error
        except sqlite.ERRORS as error:
            path = service(ctx).database.database
            raise click.ClickException(printable(sqlite.reason(error, path))) from error
        except BrokenPipeError:
            raise  # click ends quietly: whoever read the output has had enough
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(printable(f"{place}{error.strerror}")) from error


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="clients-api")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Serve clients, their users, tags and categories as a REST API."""


@click.group("clients-api", cls=Group, without=SERVING, context_settings=cli.context_settings)
@click.option("--prefix", help="Which one, where the application has several: /crm/api.")
@click.pass_context
@with_appcontext
def host_cli(ctx: click.Context, prefix: str | None) -> None:
    """Look after the clients API of this application."""
    ctx.meta[PREFIX] = prefix


def service(ctx: click.Context, *, makes: bool = True) -> Service:
    """Return the service that the command is about: one of the host's, or a standalone one.

    In: `makes`, whether a standalone one gets its instance folder if there is none. Raises
    BadSetting, and UsageError where it is not clear which one of the host's.
    """
    if SERVICE not in ctx.meta:
        ctx.meta[SERVICE] = (
            _embedded(ctx.meta[PREFIX]) if PREFIX in ctx.meta else _standalone(ctx, makes)
        )
    return ctx.meta[SERVICE]


def existing(ctx: click.Context) -> Service:
    """Return the service, for a command that only reads, or changes what is there.

    In the wrong folder it must not make an empty database, and find nothing in that. Raises
    DatabaseUnusable where there is none, and what `service` does.
    """
    app = service(ctx, makes=False)
    if migrating.status(app.database)[1]:
        raise sqlite.DatabaseUnusable(
            f"There is no database {app.database.database}, or it is empty. clients-api migrate "
            "would make one."
        )
    return app


def say_where(app: Service) -> None:
    """Say on stderr where a database was made."""
    click.echo(printable(f"Made the database {app.database.database}."), err=True)


def _embedded(prefix: str | None) -> Service:
    mounts = flask.current_app.extensions["clients-api"]
    if prefix is None and len(mounts) == 1:
        (prefix,) = mounts
    if prefix not in mounts:
        raise click.UsageError(f"Choose an API: --prefix {' or '.join(mounts)}.")
    return mounts[prefix].service


def _standalone(ctx: click.Context, makes: bool) -> Service:
    # Late: a host adds the command to its own as it starts, and seldom runs it.
    from clients_api.service import Service, create_app

    app = ctx.find_object(Service)
    if app is None:
        app = create_app(makes_folder=makes)
        set_up_logging(app.config["LOG_LEVEL"], app.config["LOG_FORMAT"])
    return app


def with_database(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the service, with its database open and of the right schema.

    There has to be one; an older one is left to `serve` and `migrate`.
    """
    return _with(existing, command)


def with_new_database(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the service as `with_database` does; where there is no database, make one."""
    return _with(service, command)


def _with(
    found: Callable[[click.Context], Service], command: Callable[..., Any]
) -> Callable[..., Any]:
    @click.pass_context
    @functools.wraps(command)
    def wrapped(ctx: click.Context, *args: Any, **kwargs: Any) -> Any:
        app = found(ctx)
        if migrating.prepare(app.database):
            say_where(app)
        with using(app.database), acting(Actor("command", None, ctx.command_path)):
            return command(app, *args, **kwargs)

    return wrapped


def main() -> None:
    """Run the command; for `python -m clients_api` and the installed script."""
    cli.main(prog_name="clients-api" if "__main__" in sys.argv[0] else None)
