"""What the service says of itself, to anybody: OpenAPI file, health, documentation, console."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import flask
import flask_swagger_ui
import orjson
from markupsafe import escape

from clients_api import web
from clients_api.models import CustomField
from clients_api.models.engines import migrating
from clients_api.models.engines.errors import DatabaseUnusable, NotMigrated
from clients_api.openapi import document
from clients_api.version import __version__
from clients_api.web import current_app, request
from clients_api.web.auth import HostAuthenticator
from clients_api.web.errors import Refused, unprocessable
from clients_api.web.reading import routing
from clients_api.web.reading.bodies import read_query
from clients_api.web.reading.loading import ignore

STATIC = Path(web.__file__).parents[1] / "static"
CONSOLE = STATIC / "console"
# Swagger UI comes with a package; of its files, what the page needs.
DOCS_FILES = {
    name: Path(flask_swagger_ui.__file__).parent / "dist" / name
    for name in ("swagger-ui.css", "swagger-ui-bundle.js")
} | {name: STATIC / name for name in ("docs.js", "samples.js", "docs.css", "favicon.svg")}
CONSOLE_FILES = {path.name: path for path in CONSOLE.iterdir() if path.suffix != ".html"} | {
    "favicon.svg": STATIC / "favicon.svg"
}
# Python's table of types has had both the old and the new one of a script.
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}

# Everything is a file of this server; `data:` are the icons in Swagger UI's stylesheet.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# The console makes its elements one by one; markup can't become any, not even by mistake.
CONSOLE_POLICY = f"{PAGE_POLICY}; require-trusted-types-for 'script'; trusted-types 'none'"

about = flask.Blueprint("about", __name__)
docs = flask.Blueprint("docs", __name__)
console = flask.Blueprint("console", __name__)
landing = flask.Blueprint("landing", __name__)


@about.before_request
@docs.before_request
@console.before_request
def take_no_parameters() -> None:
    """Name the parameters of the query string in the answer, or refuse them, as all calls do."""
    errors = ignore(request, list(read_query(request, ())))
    if errors:
        raise unprocessable(errors)


@about.get("/openapi.json")
def openapi_json() -> flask.Response:
    """Serve the OpenAPI file, with the custom fields that are defined now."""
    current_app.prepare()
    spec = document.with_custom_fields(current_app.api, CustomField.definitions())
    spec = spec | {"servers": [{"url": routing.root(request)}]}
    return current_app.response_class(orjson.dumps(spec), mimetype="application/json")


@about.get("/health")
def health() -> dict[str, Any]:
    """Say that the process is up."""
    return {"message": "The service is up."}


@about.get("/ready")
def ready() -> dict[str, Any]:
    """Say whether the database answers and has the schema that this code needs."""
    try:
        current_app.prepare()
        is_current = migrating.is_current(current_app.database)
    except NotMigrated:
        is_current = False
    except (DatabaseUnusable, *current_app.database.errors) as error:
        raise Refused(503, "The database does not answer.", headers={"Retry-After": "5"}) from error
    if not is_current:
        how = f"The database is not migrated: run {current_app.migrating_command}."
        raise Refused(503, how, headers={"Retry-After": "5"})
    return {"message": "The service is ready."}


@docs.get("/")
def start() -> flask.Response:
    """Lead whoever opens the prefix itself to the documentation page."""
    return _lead_to_docs()


@docs.get("/docs", endpoint="docs")
def docs_page() -> flask.Response:
    """Serve the interactive documentation page."""
    return _page(STATIC / "docs.html", PAGE_POLICY)


@docs.get("/docs/<name>")
def docs_file(name: str) -> flask.Response:
    """Serve a file that the documentation needs."""
    return _file(DOCS_FILES, name)


@console.get("/console", endpoint="console")
def console_page() -> flask.Response:
    """Serve the console."""
    return _page(CONSOLE / "console.html", CONSOLE_POLICY)


@console.get("/console/<name>")
def console_file(name: str) -> flask.Response:
    """Serve a file that the console needs."""
    return _file(CONSOLE_FILES, name)


@landing.get("/")
def index() -> flask.Response:
    """Serve the page that a person opens first: the console, or else the documentation."""
    if current_app.config["CONSOLE_ENABLED"]:
        return console_page()
    if current_app.config["DOCS_ENABLED"]:
        return _lead_to_docs()
    flask.abort(404)


def _lead_to_docs() -> flask.Response:
    docs = routing.root(request) + quote(current_app.config["URL_PREFIX"]) + "/docs"
    response = flask.jsonify(message=f"The documentation is at {docs}.")
    response.status_code = 302
    response.headers["Location"] = docs
    return response


def _page(path: Path, policy: str) -> flask.Response:
    html = path.read_text(encoding="utf-8")
    values = {
        "{base}": request.mount + current_app.config["URL_PREFIX"],
        "{version}": __version__,
        "{features}": " ".join(sorted(set(_features()))),
        "{login}": "yes" if isinstance(current_app.authenticate, HostAuthenticator) else "no",
        "{keys}": "yes" if current_app.authenticate.takes_keys else "no",
        "{key}": _demo_key(),
    }
    for place, value in values.items():
        html = html.replace(place, escape(value))
    response = current_app.response_class(html, mimetype="text/html")
    response.headers["Content-Security-Policy"] = policy
    response.headers["Cache-Control"] = "no-cache"
    return response


def _features() -> Iterator[str]:
    """Say what the console may offer: the resources that are served, and pages."""
    prefix = current_app.config["URL_PREFIX"]
    for rule in current_app.url_map.iter_rules():
        name = rule.rule.removeprefix(f"{prefix}/")
        if "/" not in name:
            yield name
        elif (last := name.rpartition("/")[2]) in ("duplicates", "undo"):
            yield last


def _demo_key() -> str:
    """Return the key of `clients-api dev`, to a browser on this machine alone; else nothing."""
    return current_app.demo_key if request.remote_addr in ("127.0.0.1", "::1") else ""


def _file(files: dict[str, Path], name: str) -> flask.Response:
    if name not in files:
        flask.abort(404)
    path = files[name]
    response = flask.send_file(path, TYPES[path.suffix], conditional=True)
    # Its name stays when the program is updated, so a browser asks whether it is the same still.
    response.headers["Cache-Control"] = "no-cache"
    return response
