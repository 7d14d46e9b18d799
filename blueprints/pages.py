"""What the service says of itself, to anybody: OpenAPI file, documentation page, health."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import flask
import flask_swagger_ui
import orjson
import peewee
from markupsafe import escape

from clients_api import web
from clients_api.models import CustomField
from clients_api.models.engines import migrating, sqlite
from clients_api.openapi import document
from clients_api.version import __version__
from clients_api.web import current_app, request
from clients_api.web.errors import Refused, unprocessable
from clients_api.web.reading import routing
from clients_api.web.reading.bodies import read_query
from clients_api.web.reading.loading import ignore

STATIC = Path(web.__file__).parents[1] / "static"
# Swagger UI comes with a package; of its files, what the page needs.
FILES = {
    name: Path(flask_swagger_ui.__file__).parent / "dist" / name
    for name in ("swagger-ui.css", "swagger-ui-bundle.js")
} | {
    name: STATIC / name
    for name in ("docs.js", "docs.css", "landing.js", "landing.css", "favicon.svg")
}

# Everything is a file of this server; `data:` are the icons in Swagger UI's stylesheet.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

about = flask.Blueprint("about", __name__)
landing = flask.Blueprint("landing", __name__)


@about.before_request
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


@about.get("/")
def start() -> flask.Response:
    """Lead whoever opens the prefix itself to the documentation page."""
    docs = routing.root(request) + quote(current_app.config["URL_PREFIX"]) + "/docs"
    response = flask.jsonify(message=f"The documentation is at {docs}.")
    response.status_code = 302
    response.headers["Location"] = docs
    return response


@about.get("/docs")
def docs() -> flask.Response:
    """Serve the interactive documentation page."""
    return _page("docs.html")


@about.get("/docs/<name>")
def file(name: str) -> flask.Response:
    """Serve a file that a page needs."""
    if name not in FILES:
        flask.abort(404)
    response = flask.send_file(FILES[name], conditional=True)
    # Its name stays when the program is updated, so a browser asks whether it is the same still.
    response.headers["Cache-Control"] = "no-cache"
    return response


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
    except migrating.NotMigrated:
        is_current = False
    except (sqlite.DatabaseUnusable, peewee.DatabaseError, peewee.InterfaceError) as error:
        raise Refused(503, "The database does not answer.", headers={"Retry-After": "5"}) from error
    if not is_current:
        how = f"The database is not migrated: run {current_app.migrating_command}."
        raise Refused(503, how, headers={"Retry-After": "5"})
    return {"message": "The service is ready."}


@landing.get("/")
def index() -> flask.Response:
    """Serve the page that a person opens first."""
    return _page("landing.html")


def _page(name: str) -> flask.Response:
    html = (STATIC / name).read_text(encoding="utf-8")
    values = {
        "{origin}": routing.origin(request),
        "{base}": request.mount + current_app.config["URL_PREFIX"],
        "{version}": __version__,
    }
    for place, value in values.items():
        html = html.replace(place, escape(value))
    response = current_app.response_class(html, mimetype="text/html")
    response.headers["Content-Security-Policy"] = PAGE_POLICY
    response.headers["Cache-Control"] = "no-cache"
    return response
