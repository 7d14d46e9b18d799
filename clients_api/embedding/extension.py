"""The extension: what a host makes, mounts, and calls in Python."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import flask

from clients_api import config
from clients_api.commands.cli import host_cli
from clients_api.models.engines import opening

from .mount import Mount

if TYPE_CHECKING:
    from .hosted import Embedded
    from .session import Session

NAME = "clients-api"  # in a host's extensions, and of the group in its command

# What a host's own login says of a request: a scope, with or without a user, or None for nobody.
Login = Callable[[flask.Request], str | tuple[str | None, object] | None]


class Settings(TypedDict, total=False):
    """The settings (docs/settings-and-commands.md) as a host writes them."""

    url_prefix: str
    database_url: str
    public_url: str
    trusted_proxies: int
    page_size: int
    max_body_bytes: int
    max_import_bytes: int
    ratelimit_enabled: bool
    ratelimit_default: str
    cors_origins: list[str] | str
    mail_url: str
    mail_from: str
    console_enabled: bool
    docs_enabled: bool
    webhook_hosts: list[str] | str
    secret_key: str
    log_format: str
    log_level: str
    sqlite_synchronous: str
    events_kept_days: int
    trash_kept_days: int


class ClientsAPI:
    """Mounts the API in a host application under a prefix, and has sessions for its own code.

    In: the host, or nothing where `init_app` is called later; `authenticate`, a function of the
    request that returns a scope (`read`, `write`, `admin`) or None, for those who are logged in to
    the host; `keys`, whether API keys are taken as well; and the settings by their names in lower
    case, which win over the environment. The prefix is `/api` if not given; a database whose path
    is relative lies in the host's instance folder.
    Returned as a pair with the user's name or id, the scope gives each user a rate limit and
    Idempotency-Keys of their own; all users without a name share them.
    A config.toml is not read, and the log goes to the loggers below `clients_api`, which are the
    host's to configure.

    `authenticate` runs in the host's request context. It sees the request without its body, which
    is the API's to read, and what it changes in the session is not stored. A change that a
    browser says a page of another origin asks for is refused, for the API takes forms as well; a
    page of `cors_origins` may ask for it.

    Raises TypeError for a setting that is none, and for `keys=False` without `authenticate`.
    """

    def __init__(
        self,
        app: flask.Flask | None = None,
        *,
        authenticate: Login | None = None,
        keys: bool = True,
        **settings: Unpack[Settings],
    ) -> None:
        _check_names(settings)
        if not keys and authenticate is None:
            raise TypeError("With keys=False and no authenticate= nobody could call the API.")
        self._settings = settings
        self._authenticate = authenticate
        self._keys = keys
        self._hosts: weakref.WeakSet[flask.Flask] = weakref.WeakSet()
        if app is not None:
            self.init_app(app)

    def init_app(self, app: flask.Flask, **settings: Unpack[Settings]) -> None:
        """Mount the API in `app`, and add the group `clients-api` to its command.

        In: settings, which win over those of the extension. The database is opened when it is
        first used. Raises BadSetting, and ValueError where the prefix is not free: `app` has routes
        below it, or has mounted an API there or on the same database. A route that is added later
        is found, and the same error raised, with the first request below the prefix.
        """
        _check_names(settings)
        folder = Path(app.instance_path)
        given = {name.upper(): value for name, value in {**self._settings, **settings}.items()}
        checked = config.load(folder, given, use_file=False, written=str.lower)
        place = opening.place(checked["DATABASE_URL"], folder)
        make = functools.partial(self._make, app, checked, folder)
        mount = Mount(app, checked, place, self, make)
        mounts: dict[str, Mount] = app.extensions.get(NAME, {})
        mount.refuse_others(mounts.values())
        mount.refuse_hidden_routes()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        app.extensions[NAME] = {**mounts, mount.prefix: mount}
        self._hosts.add(app)
        app.wsgi_app = mount.wrap(app.wsgi_app)  # type: ignore[method-assign, assignment]
        app.cli.add_command(host_cli)
        mount.show_routes()

    def session(
        self, actor: str | None = None, *, readonly: bool = False
    ) -> AbstractContextManager[Session]:
        """Begin a session: one transaction, in which the host's own code calls the API in Python.

            with crm.session(actor="jane") as clients:
                acme = clients.create(first_name="Jane", last_name="Doe", email="jane@acme.example")
                clients.contacts.create(clientid=acme["id"], ...)

        In: who is said to have made the changes; `readonly`, for a session that changes nothing,
        sees the database as it is at one moment, and neither waits for others nor has them wait.
        It commits as it ends, and rolls all back on an exception. Within another session of the
        same thread it is a part of that, which is undone alone where it fails. It belongs to its
        thread and process, and ends before anything is awaited.

        Raises RuntimeError where it can't be, and says why; NotMigrated for a database of an older
        version, and DatabaseUnusable.
        """
        from .session import begin

        return begin(self._mount().service, actor, readonly)

    def close(self) -> None:
        """Close the databases and stop to deliver mail; for tests, and the end of a process."""
        for mount in self._mounts():
            mount.close()
        self._hosts.clear()

    def _make(self, host: flask.Flask, settings: Mapping[str, Any], folder: Path) -> Embedded:
        from .hosted import Embedded

        return Embedded(settings, folder, host, self._authenticate, self._keys)

    def _mounts(self) -> list[Mount]:
        return [mount for app in list(self._hosts) if (mount := self._mount_in(app)) is not None]

    def _mount_in(self, app: flask.Flask) -> Mount | None:
        mounts = app.extensions.get(NAME, {}).values()
        return next((mount for mount in mounts if mount.extension is self), None)

    def _mount(self) -> Mount:
        """Return the mount in the current application, or the only one there is."""
        if flask.current_app:
            app = flask.current_app._get_current_object()  # type: ignore[attr-defined]
            if (mount := self._mount_in(app)) is not None:
                self._hosts.add(app)
                return mount
        mounts = self._mounts()
        if len(mounts) != 1:
            where = "no application" if not mounts else "several applications"
            raise RuntimeError(
                f"This ClientsAPI is mounted in {where}. Call session() after init_app(app), and "
                "where there are several, in the context of one: with app.app_context()."
            )
        return mounts[0]


def _check_names(settings: Any) -> None:
    for name in settings:
        if name != name.lower() or name.upper() not in config.SETTINGS:
            raise TypeError(f"ClientsAPI() got an unexpected keyword argument {name!r}")
