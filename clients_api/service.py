"""The application: a Flask app of our own, made by `create_app`, with one database."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

import flask
import orjson
from werkzeug.exceptions import MethodNotAllowed

from . import config, errors, metrics, observing, pages
from .api import Api, RecordId, TagTitle
from .auth import Caller, KeyAuthenticator, require
from .blueprints import BLUEPRINTS
from .blueprints.metrics import blp as METRICS
from .models import migrating, sqlite
from .models.base import Record, using
from .ratelimit import RateLimit
from .repeats import Repeats
from .schemas.base import Schema, shape

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


class Request(flask.Request):
    """A request, with what is known of it on its way."""

    caller: Caller | None = None
    ignored: Iterable[str] = ()
    rate_headers: Mapping[str, str] = {}

    def __init__(self, environ: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(environ, *args, **kwargs)
        self.started = time.perf_counter()
        self.id = observing.request_id(environ, lambda: secrets.token_hex(8))
        self.signals: list[tuple[Any, type[Schema], Record]] = []


class Service(flask.Flask):
    """The WSGI application.

    It is always an app of its own, in an embedding host too (embedding.py): so its errors, JSON
    and hooks can't reach a host's pages, nor a host's ours.
    """

    request_class = Request
    database: sqlite.Database

    def __init__(self, settings: Mapping[str, Any], instance: Path) -> None:
        super().__init__(
            "clients_api", static_folder=None, instance_path=str(instance), template_folder=None
        )
        self.config.update(settings)
        self.config["PROVIDE_AUTOMATIC_OPTIONS"] = False  # they have no body, and no JSON
        self.url_map.converters |= {"id": RecordId, "title": TagTitle}
        self.url_map.merge_slashes = False  # would answer with a redirect, in HTML
        self.url_map.strict_slashes = False
        path = sqlite.path_of(settings["DATABASE_URL"], instance)
        self.database = sqlite.Database(path, settings["SQLITE_SYNCHRONOUS"])
        self._is_prepared = False
        self._preparing = threading.Lock()
        self.authenticate: Callable[[flask.Request], Caller | None] = KeyAuthenticator()
        self.repeats = Repeats()
        self.rate_limit = (
            RateLimit(settings["RATELIMIT_DEFAULT"]) if settings["RATELIMIT_ENABLED"] else None
        )
        self.signal_sender: flask.Flask = self

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
                self._is_prepared = True

    def begin(self) -> None:
        """Migrate the database if it is new. Raises NotMigrated for an older one."""
        migrating.prepare(self.database)

    def admit(self, request: Request, scope: str) -> Caller:
        """Find out who calls, count the call, and return the caller if it may do this.

        Raises Refused: 401, 403, 429; DatabaseUnusable.
        """
        self.prepare()
        request.caller = caller = self.authenticate(request)
        if self.rate_limit is not None:
            name = None if caller is None else caller.name
            request.rate_headers = self.rate_limit.count(name, request.remote_addr or "")
        return require(caller, scope)

    def raise_routing_exception(self, request: Request) -> NoReturn:
        """Refuse a path or method that is none, but to nobody without a key."""
        error = request.routing_exception
        if request.path.startswith(self.config["URL_PREFIX"] + "/"):
            if isinstance(error, MethodNotAllowed) and request.method == "OPTIONS":
                raise self._options(request, error)
            self.admit(request, "read")
        raise error

    def _options(self, request: Request, error: MethodNotAllowed) -> errors.Refused:
        # A preflight comes without a key (Fetch standard); flask-cors adds what it may be told.
        preflight = "Origin" in request.headers and self.config["CORS_ORIGINS"]
        if not preflight:
            self.admit(request, "read")
        methods = errors.allowed_methods(error)
        return errors.Refused(200, f"Allowed methods: {methods}.", headers={"Allow": methods})

    def after_commit(self, request: Request) -> None:
        """Tell listeners of what the request has changed, now that it is stored."""
        for signal, schema, record in request.signals:
            if not signal.receivers:
                continue
            client = orjson.loads(orjson.dumps(shape(schema, record.columns)(record.values_)))
            with self.signal_sender.app_context():
                try:
                    signal.send(self.signal_sender, client=client)
                except Exception:
                    # The change is stored: the caller must not be told otherwise.
                    errors.log.exception("A listener of %s failed", signal.name)

    def process_response(self, response: flask.Response) -> flask.Response:
        request = flask.request._get_current_object()
        headers = response.headers
        for name, value in SECURITY_HEADERS.items():
            headers.setdefault(name, value)
        for name, value in request.rate_headers.items():
            headers[name] = value
        headers["X-Request-ID"] = request.id
        if request.ignored:
            headers["Ignored-Parameters"] = ignored_header(request.ignored)
        response = super().process_response(response)
        observing.log_request(request, response)
        return response


def ignored_header(names: Iterable[str]) -> str:
    """Write the names of ignored parameters as a header; what no header may hold is escaped."""
    header = ", ".join(quote(name[:100], safe=" []()") for name in names)
    # Many proxies and clients refuse headers of more than some kilobytes.
    return header if len(header) <= 4000 else header[:4000].rpartition(",")[0] + ", ..."


def create_app(overrides: Mapping[str, Any] | None = None) -> Service:
    """Make the standalone application from its settings (see config.py).

    In: `overrides`, settings by name that win over file and environment, among them
    INSTANCE_PATH. Raises BadSetting. The database is opened with the first request.
    """
    overrides = dict(overrides or {})
    instance = Path(overrides.pop("INSTANCE_PATH", None) or config.instance_folder())
    try:
        instance.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise config.BadSetting(
            f"The instance folder {instance} can't be made: {error.strerror}."
        ) from error
    app = Service(config.load(instance, overrides), instance)
    if not errors.log.hasHandlers():
        # Nobody has arranged for it: `flask run`, or gunicorn with `app:app`.
        observing.set_up_logging(app.config["LOG_LEVEL"], app.config["LOG_FORMAT"])
    register(app)
    app.register_blueprint(pages.landing)
    return app


def register(app: Service) -> None:
    """Hang the API, its documentation and its error answers on an app."""
    prefix = app.config["URL_PREFIX"]
    app.api = api = Api(app, prefix)
    for blueprint in BLUEPRINTS:
        api.register_blueprint(blueprint)
    if metrics.IS_INSTALLED:
        metrics.start(app, prefix)
        api.register_blueprint(METRICS)
    app.register_blueprint(pages.about, url_prefix=prefix)
    app.register_error_handler(Exception, errors.answer)
    if app.config["CORS_ORIGINS"]:
        from flask_cors import CORS

        origins = app.config["CORS_ORIGINS"]
        CORS(app, origins=origins, expose_headers=["*"], max_age=600, always_send=False)
