"""The API under a prefix of a host: which requests are whose, and what the host sees of it."""

from __future__ import annotations

import os
import re
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import flask
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import Map, Rule
from werkzeug.wsgi import ClosingIterator

if TYPE_CHECKING:
    from .hosted import Embedded

BLUEPRINT = "clients_api"  # before the names of our endpoints, where a host makes addresses
_CONVERTERS = {"<id:": "<int:", "<title:": "<path:"}  # ours, and those of the host that are like it

WSGI = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Mount:
    """The API in one host. In: the host; the settings; the place of the database; the
    extension that mounts it; and what makes the service.

    The service is made when it is first needed in a process: for a host that is only imported, by
    a test or a command, and for the process that forks the ones that serve, it costs nothing.
    """

    def __init__(
        self,
        host: flask.Flask,
        settings: Mapping[str, Any],
        place: str,
        extension: object,
        make: Callable[[], Embedded],
    ) -> None:
        self.host = host
        self.place = place
        self.extension = extension
        self.prefix: str = settings["URL_PREFIX"]
        self._make = make
        self._making = threading.Lock()
        self._service: Embedded | None = None
        self._process = os.getpid()
        self._inherited: list[Embedded] = []  # never closed here: they are another process's
        self._may_be_used = True  # in this process: it was not forked within a transaction
        self._is_listed = False
        _mounts.add(self)

    @property
    def service(self) -> Embedded:
        """The service of this process.

        Raises ValueError if the host has routes in its place, and RuntimeError in a process that
        was forked within a session.
        """
        if self._process != os.getpid():
            self.after_fork()  # by a server that is no Python, which tells nobody (uWSGI)
        if not self._may_be_used:
            raise RuntimeError(
                "This process was forked within a session, whose transaction no two processes can "
                "have: fork before it begins, or after it ends."
            )
        if self._service is None:
            with self._making:
                if self._service is None:
                    self.refuse_hidden_routes()
                    self._service = self._make()
        return self._service

    def close(self) -> None:
        """Close what this process has opened."""
        if self._service is not None:
            self._service.close()

    def before_fork(self) -> None:
        """Leave nothing under way that a child would have half of."""
        if self._service is not None:
            self._may_be_used = self._service.before_fork()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        if self._service is not None:
            self._service.after_fork_in_parent()
        self._may_be_used = True

    def after_fork(self) -> None:
        """Begin anew in a process that was forked, with no lock, thread or connection of before."""
        self._process = os.getpid()
        self._making = threading.Lock()
        if self._service is not None:
            self._service.leave_to_parent()
            if self._may_be_used:
                self._service.database.close_inherited()
            self._inherited.append(self._service)
            self._service = None

    def refuse_others(self, others: Iterable[Mount]) -> None:
        """Raise ValueError if the mount and one of `others` in the host are in each other's way."""
        for other in others:
            why = None
            if is_below(self.prefix, other.prefix) or is_below(other.prefix, self.prefix):
                why = f"{other.prefix} is already"
            elif other.extension is self.extension:
                why = f"this ClientsAPI is already, at {other.prefix}"
            elif other.place == self.place:
                why = f"{other.prefix} has the same database, {self.place}"
            if why is not None:
                raise ValueError(f"{self.prefix} can't be mounted: {why}.")

    def refuse_hidden_routes(self) -> None:
        """Raise ValueError if the host has routes under the prefix, which nobody would reach."""
        for rule in Map.iter_rules(self.host.url_map):
            if is_below(rule.rule, self.prefix) and not _is_ours(rule):
                raise ValueError(
                    f"{self.prefix} can't be mounted: the application has the route {rule.rule} "
                    f"({rule.endpoint}) there. Choose another url_prefix."
                )

    def wrap(self, app: WSGI) -> WSGI:
        """Send the requests below the prefix to the service, and all others to `app`.

        Two applications, not a blueprint: much of Flask is the application's, such as error pages,
        JSON and hooks, and would be shared.
        """
        answer = _as_behind(app, self._answer)

        def wsgi_app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            is_ours = is_below(environ.get("PATH_INFO", ""), self.prefix)
            return (answer if is_ours else app)(environ, start_response)

        wsgi_app.app = app  # type: ignore[attr-defined] # as middleware usually keeps it
        return wsgi_app

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        service = self.service
        leave = service.users.enter()
        try:
            body = service(environ, start_response)
        except BaseException:  # whatever it was, also a worker's end: nobody waits for this call
            leave()
            raise
        if isinstance(body, list):
            leave()
            return body
        return ClosingIterator(body, leave)  # a file that is exported is read while it is sent

    def show_routes(self) -> None:
        """Have the host's url_for and list of routes know ours, from when they are asked for."""
        routes = self.host.url_map
        listed = routes.iter_rules

        def iter_rules(endpoint: str | None = None) -> Iterator[Rule]:
            self._list_routes()
            return listed(endpoint)

        routes.iter_rules = iter_rules  # type: ignore[method-assign]
        self.host.url_build_error_handlers.append(self._build_url)  # type: ignore[arg-type]

    def _build_url(self, error: Exception, endpoint: str, values: dict[str, Any]) -> str | None:
        if self._is_listed or not endpoint.startswith(f"{BLUEPRINT}."):
            return None
        self._list_routes()
        return self.host.url_for(endpoint, **values)

    def _list_routes(self) -> None:
        if self._is_listed:
            return
        rules = [*self.service.url_map.iter_rules()]
        self._is_listed = True
        for rule in rules:
            path = re.sub("<(id|title):", lambda found: _CONVERTERS[found[0]], rule.rule)
            endpoint = f"{BLUEPRINT}.{rule.endpoint.rpartition('.')[2]}"
            # It never matches: requests below the prefix don't come so far.
            self.host.url_map.add(
                Rule(path, endpoint=endpoint, methods=rule.methods, build_only=True)
            )


def is_below(path: str, prefix: str) -> bool:
    """Tell whether a path is a prefix, or lies below it."""
    return path == prefix or path.startswith(f"{prefix}/")


def _is_ours(rule: Rule) -> bool:
    return rule.build_only and rule.endpoint.startswith(f"{BLUEPRINT}.")


def _as_behind(host: WSGI, service: WSGI) -> WSGI:
    """Let a service be told by proxies what its host is told, if it is wrapped already."""
    app: Any = host
    while app is not None and not isinstance(app, ProxyFix):
        app = getattr(app, "app", None)
    if app is None:
        return service
    names = ("x_for", "x_proto", "x_host", "x_port", "x_prefix")
    return ProxyFix(service, **{name: getattr(app, name) for name in names})


_mounts: weakref.WeakSet[Mount] = weakref.WeakSet()


def _before_fork() -> None:
    for mount in list(_mounts):
        mount.before_fork()


def _after_fork_in_parent() -> None:
    for mount in list(_mounts):
        mount.after_fork_in_parent()


def _after_fork() -> None:
    for mount in list(_mounts):
        mount.after_fork()


os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork,
)
