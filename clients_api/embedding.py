"""Clients API within another Flask application."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import flask
from werkzeug.middleware.proxy_fix import ProxyFix

from . import config
from .mail.deliverer import Deliverer
from .service import Service, register
from .web.auth import HostAuthenticator, HostLogin

NAME = "clients-api"  # in a host's extensions, and of the group in its command

WSGI = Callable[[dict[str, Any], Any], Any]


class Embedded(Service):
    """A service in a process that is not ours: it sees to its own mail.

    A host that is being tested (Flask's TESTING) gets no thread for it, and no mail is sent.
    """

    def __init__(self, settings: Mapping[str, Any], instance: Path, host: flask.Flask) -> None:
        super().__init__(settings, instance)
        self._host = host
        self.announcer.sender = host
        self._deliverer = Deliverer(self.database, self.config, self.prepare)

    def begin(self) -> None:
        super().begin()
        if not self._host.testing:
            # Not sooner: a server may fork between making the application and its first request.
            self._deliverer.start()
            atexit.register(self.close)

    def close(self) -> None:
        """Stop to deliver mail, and close the database; for the end of the process and of tests."""
        atexit.unregister(self.close)
        self._deliverer.stop()
        self.database.close_all()


class ClientsAPI:
    """Mounts the API in a host application under a prefix.

    In: the host, or nothing where `init_app` is called later; the prefix; the database, as a URL
    in which a relative path lies in the host's instance folder; `authenticate`, a function of the
    request that returns a scope (`read`, `write`, `admin`) or None, in place of API keys; and the
    other settings (docs/settings-and-commands.md) by their names in lower case, which win over the
    environment.
    Returned as a pair with the user's name or id, the scope gives each user a rate limit and
    Idempotency-Keys of their own; all users without a name share them.
    A config.toml is not read, and the log goes to the loggers below `clients_api`, which are the
    host's to configure.

    `authenticate` runs in the host's request context. It sees the request without its body, which
    is the API's to read, and what it changes in the session is not stored. A change that a
    browser says a page of another origin asks for is refused, for the API takes forms as well; a
    page of `cors_origins` may ask for it.

    Raises TypeError for a setting that is none.
    """

    def __init__(
        self,
        app: flask.Flask | None = None,
        *,
        url_prefix: str = "/api",
        database_url: str | None = None,
        authenticate: HostLogin | None = None,
        **settings: Any,
    ) -> None:
        for name in settings:
            if name != name.lower() or name.upper() not in config.SETTINGS:
                raise TypeError(f"ClientsAPI() got an unexpected keyword argument {name!r}")
        self._settings = {name.upper(): value for name, value in settings.items()}
        self._settings["URL_PREFIX"] = url_prefix
        if database_url is not None:
            self._settings["DATABASE_URL"] = database_url
        self._authenticate = authenticate
        if app is not None:
            self.init_app(app)

    def init_app(self, app: flask.Flask) -> None:
        """Mount the API in `app`, and add the group `clients-api` to its command.

        The database is opened with the first request. Raises BadSetting, and ValueError for a
        prefix that is, or lies above or below, one that `app` has already.
        """
        from .commands.cli import host_cli

        folder = Path(app.instance_path)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        service = Embedded(config.load(folder, self._settings, use_file=False), folder, app)
        if self._authenticate is not None:
            service.authenticate = HostAuthenticator(app, self._authenticate)
            service.has_host_login = True
        prefix = service.config["URL_PREFIX"]
        services = app.extensions.setdefault(NAME, {})
        for other in services:
            if _is_below(prefix, other) or _is_below(other, prefix):
                raise ValueError(f"{prefix} can't be mounted: {other} is already.")
        register(service)
        services[prefix] = service
        app.wsgi_app = _mounted(app.wsgi_app, _as_behind(app.wsgi_app, service), prefix)  # type: ignore[method-assign]
        app.cli.add_command(host_cli)


def _is_below(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(f"{prefix}/")


def _as_behind(host: WSGI, service: WSGI) -> WSGI:
    """Let a service be told by proxies what its host is told, if it is wrapped already."""
    if not isinstance(host, ProxyFix):
        return service
    names = ("x_for", "x_proto", "x_host", "x_port", "x_prefix")
    return ProxyFix(service, **{name: getattr(host, name) for name in names})


def _mounted(host: WSGI, service: WSGI, prefix: str) -> Any:
    """Send the paths below `prefix` to the service, and all others to the host.

    Two applications, not a blueprint: much of Flask is the application's, such as error pages,
    JSON and hooks, and would be shared.
    """

    def wsgi_app(environ: dict[str, Any], start_response: Any) -> Any:
        app = service if _is_below(environ.get("PATH_INFO", ""), prefix) else host
        return app(environ, start_response)

    return wsgi_app
