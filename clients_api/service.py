"""The application: a Flask app of our own, made by `create_app`, with one database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import flask
from flask.sessions import NullSession, SessionInterface
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import MapAdapter

from . import config, web
from .announcing import Announcer
from .blueprints import BLUEPRINTS, keys, pages
from .blueprints.metrics import blp as METRICS
from .models.engines import disk, migrating
from .models.engines.current import using
from .models.engines.engine import Engine
from .upkeep import metrics
from .web import errors, log, messages
from .web.api import Api, RecordId, Rule, TagTitle
from .web.auth import CALLER, Caller, HostAuthenticator, KeyAuthenticator, require
from .web.ratelimit import RateLimit
from .web.reading import routing
from .web.repeats import Repeats


class _NoSessions(SessionInterface):
    """Nobody has a session here: Flask would look for one in each request, and sign it."""

    _none = NullSession()

    def open_session(self, app: flask.Flask, request: flask.Request) -> NullSession:
        return self._none


class Service(flask.Flask):
    """The WSGI application.

    It is always an app of its own, in an embedding host too (embedding.py): so its errors, JSON
    and hooks can't reach a host's pages, nor a host's ours.
    """

    request_class = messages.Request
    response_class = messages.Response
    url_rule_class = Rule
    session_interface = _NoSessions()
    database: Engine
    api: Api
    migrating_command = "clients-api migrate"
    takes_keys = True
    metrics: metrics.Metrics | None = None
    demo_key = ""  # of `clients-api dev`, which its console fills in

    def __init__(self, settings: Mapping[str, Any], instance: Path) -> None:
        super().__init__(
            "clients_api", static_folder=None, instance_path=str(instance), template_folder=None
        )
        self.config.update(settings)
        self.config["PROVIDE_AUTOMATIC_OPTIONS"] = False  # they have no body, and no JSON
        self.url_map.converters |= {"id": RecordId, "title": TagTitle}
        self.url_map.merge_slashes = False  # would answer with a redirect, in HTML
        self.url_map.strict_slashes = False
        self.database = config.opened(settings, instance)
        self._is_prepared = False
        self._prepared: Any = None  # which database is
        self._preparing = threading.Lock()
        self.authenticate: KeyAuthenticator | HostAuthenticator = KeyAuthenticator()
        self.repeats = Repeats(self.database.turns)
        self.rate_limit = (
            RateLimit(settings["RATELIMIT_DEFAULT"]) if settings["RATELIMIT_ENABLED"] else None
        )
        self.announcer = Announcer(self)
        self.database.events_days = settings["EVENTS_KEPT_DAYS"]
        self.database.trash_days = settings["TRASH_KEPT_DAYS"]
        self.database.on_commit.append(self.announcer)
        if proxies := settings["TRUSTED_PROXIES"]:
            # As Flask's manual says.
            self.wsgi_app = _believing(self.wsgi_app, proxies)  # type: ignore[method-assign]

    def wsgi_app(self, environ: dict[str, Any], start_response: Any) -> Any:
        with using(self.database):
            return super().wsgi_app(environ, start_response)

    def prepare(self) -> None:
        """Get ready, before the first use in this process; afterwards do nothing.

        Raises NotMigrated and DatabaseUnusable, as `begin` does.
        """
        if self._is_prepared:
            return
        with self._preparing:
            if not self._is_prepared:
                self.begin()
                self._prepared = self.database.identity()
                self._is_prepared = True

    def after_fork(self) -> None:
        """Go on in a process that was forked; that its database is ready was found before.

        To look again takes memory of each process. But it is ready only if it is the same one:
        a worker may begin long after the server did, and an older one may have been restored.
        """
        self.database.dispose()  # connections must not be carried across a fork
        is_same = self._prepared == self.database.identity()
        self._is_prepared = self._is_prepared and is_same

    def begin(self) -> None:
        """Migrate the database if it is new. Raises NotMigrated for an older one."""
        migrating.prepare(self.database)

    def admit(self, request: messages.Request, scope: str) -> Caller:
        """Find out who calls, count the call, and return the caller if it may do this.

        Raises Refused: 401, 403, 429; DatabaseUnusable.
        """
        return require(self._identify(request), scope, self.authenticate.wanted)

    def _identify(self, request: messages.Request) -> Caller | None:
        if not request.is_counted:
            request.is_counted = True
            self.prepare()
            request.caller = caller = self.authenticate(request)
            request.environ[CALLER] = caller
            if self.rate_limit is not None:
                name = None if caller is None else caller.name
                request.rate_headers = self.rate_limit.count(name, request.remote_addr or "")
        return request.caller

    def dispatch_request(self) -> Any:
        """Answer a request: a POST as the method that it is meant as, if its caller is known."""
        request = web.request._get_current_object()
        routing.require_short(request)
        routing.require_host(request)
        may_be = routing.may_be_overridden(request) and self._is_ours(request)
        if may_be and self._identify(request) is not None:
            routing.override(request, self.create_url_adapter(request))
        return super().dispatch_request()

    def _is_ours(self, request: messages.Request) -> bool:
        return f"{request.path}/".startswith(self.config["URL_PREFIX"] + "/")

    def raise_routing_exception(self, request: Any) -> NoReturn:
        """Refuse a path or method that is none, but to nobody without a key."""
        error: Any = request.routing_exception
        if request.method == "OPTIONS" and (self._is_preflight(request) or self._is_ours(request)):
            raise self._options(request, error)
        if self._is_ours(request):
            self.admit(request, "read")
        raise error

    def _is_preflight(self, request: messages.Request) -> bool:
        # As the Fetch standard tells one: a page of our own origin sends Origin with it too.
        is_one = "Access-Control-Request-Method" in request.headers and "Origin" in request.headers
        return is_one and bool(self.config["CORS_ORIGINS"])

    def _options(self, request: messages.Request, error: Exception) -> Exception:
        # A preflight comes without a key (Fetch standard); flask-cors adds what it may be told.
        # Where it fails, a browser keeps from its page how the call itself would be answered: so
        # it succeeds for a path that is none as well.
        if not self._is_preflight(request):
            caller = self.admit(request, "read")
            if not isinstance(error, MethodNotAllowed):
                return error
            error = self._open_to(caller, request, error)
        methods = "OPTIONS"
        if isinstance(error, MethodNotAllowed):
            methods = errors.allowed_methods(error)
        return errors.Refused(200, f"Allowed methods: {methods}.", headers={"Allow": methods})

    def _open_to(self, caller: Caller, request: Any, error: MethodNotAllowed) -> MethodNotAllowed:
        """Leave those methods of a path that the caller's scope allows (RFC 9110, 10.2.1)."""
        match = self.create_url_adapter(request).match  # type: ignore[union-attr]
        views = {m: self.view_functions[match(method=m)[0]] for m in error.valid_methods or ()}
        return MethodNotAllowed(
            [m for m, view in views.items() if caller.may(getattr(view, "scope", "read"))]
        )

    def process_response(self, response: Any) -> messages.Response:
        response = super().process_response(response)
        response.request = request = web.request._get_current_object()
        if self.metrics is not None:
            self.metrics.observe(request, response)
        log.log_request(request, response)
        return response

    def create_url_adapter(self, request: flask.Request | None) -> MapAdapter | None:
        """Bind the routes to a request; its host is not asked, since none is answered otherwise."""
        if request is None:
            return None
        return self.url_map.bind(
            "", request.root_path, path_info=request.path, default_method=request.method
        )

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return `func` as it is: none of ours is a coroutine, which Flask would look for."""
        return func


def _believing(app: Any, proxies: int) -> Any:
    """Believe what so many proxies in front say of a request, unless a host's ProxyFix does so."""
    believing = ProxyFix(app, x_for=proxies, x_proto=proxies, x_host=proxies, x_prefix=proxies)

    def wsgi_app(environ: dict[str, Any], start_response: Any) -> Any:
        is_done = "werkzeug.proxy_fix.orig" in environ
        return (app if is_done else believing)(environ, start_response)

    return wsgi_app


def create_app(overrides: Mapping[str, Any] | None = None, *, makes_folder: bool = True) -> Service:
    """Make the standalone application from its settings (see config.py).

    In: `overrides`, settings by name that win over file and environment, among them
    INSTANCE_PATH; `makes_folder`, whether to make the instance folder if there is none. Raises
    BadSetting. The database is opened with the first request.
    """
    overrides = dict(overrides or {})
    instance = Path(overrides.pop("INSTANCE_PATH", None) or config.instance_folder())
    if makes_folder:
        try:
            if not instance.is_dir():
                instance.mkdir(mode=0o700, exist_ok=True)
                disk.give(instance, instance.parent)
        except OSError as error:
            raise config.BadSetting(
                f"The instance folder {instance} can't be made: {error.strerror}."
            ) from error
    app = Service(config.load(instance, overrides), instance)
    if not errors.log.hasHandlers():
        # Nobody has arranged for it: `flask run`, or gunicorn with `app:app`.
        log.set_up_logging(app.config["LOG_LEVEL"], app.config["LOG_FORMAT"])
    register(app)
    app.register_blueprint(pages.landing)
    return app


def register(app: Service) -> None:
    """Hang the API, its documentation and its error answers on an app."""
    config.warn_of_unknown()
    prefix = app.config["URL_PREFIX"]
    app.api = api = Api(app, prefix)
    del app.cli.commands["openapi"]  # flask-smorest's, which knows nothing of our document
    for blueprint in BLUEPRINTS:
        if app.takes_keys or blueprint is not keys.blp:
            api.register_blueprint(blueprint)
    if metrics.IS_INSTALLED:
        app.metrics = metrics.Metrics(prefix)
        api.register_blueprint(METRICS)
    app.register_blueprint(pages.about, url_prefix=prefix)
    if app.config["DOCS_ENABLED"]:
        app.register_blueprint(pages.docs, url_prefix=prefix)
    if app.config["CONSOLE_ENABLED"]:
        app.register_blueprint(pages.console, url_prefix=prefix)
    app.register_error_handler(Exception, errors.answer)
    if app.config["CORS_ORIGINS"]:
        from flask_cors import CORS

        origins = app.config["CORS_ORIGINS"]
        CORS(app, origins=origins, expose_headers=["*"], max_age=600, always_send=False)
