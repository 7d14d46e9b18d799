"""Everything that can go wrong with a request, and the one place that makes answers of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import flask
import orjson
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from clients_api.models.engines import migrating, sqlite
from clients_api.models.errors import BadFile, Conflict, Gone, NotFound
from clients_api.webhooks.signing import NoSecretKey

from . import current_app, request

log = logging.getLogger("clients_api")

INVALID = "The given data was invalid."
RETRY_SECONDS = 1


class Refused(Exception):
    """A request is answered with an error: status, sentence, and what stands beside it."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: Mapping[str, list[str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors
        self.headers = dict(headers or {})


def unauthorized(wanted: str) -> Refused:
    """Make the answer to a call by nobody who is known (RFC 6750). In: what is wanted of it."""
    return Refused(
        HTTPStatus.UNAUTHORIZED,
        f"Unauthorized. {wanted}",
        headers={"WWW-Authenticate": "Bearer"},
    )


def forbidden(what: str) -> Refused:
    """Make the answer to a call for which the scope of `what`, a key or login, is too small."""
    return Refused(HTTPStatus.FORBIDDEN, f"{what} is not allowed to do that.")


def cross_site() -> Refused:
    """Make the answer to a change that a page of another origin has a browser ask for."""
    return Refused(
        HTTPStatus.FORBIDDEN,
        "This call came from a page of another origin, and was not carried out.",
    )


def unprocessable(errors: Mapping[str, list[str]]) -> Refused:
    """Make the answer to values that are wrong, with the sentences by parameter."""
    return Refused(HTTPStatus.UNPROCESSABLE_ENTITY, INVALID, errors=errors)


def answer(error: Exception) -> flask.Response:
    """Turn whatever was raised while a request was handled into its answer."""
    refused = _refusal(error)
    payload: dict[str, Any] = {"message": refused.message}
    if refused.errors is not None:
        payload["errors"] = refused.errors
    response = current_app.response_class(orjson.dumps(payload), refused.status, refused.headers)
    response.content_type = "application/json"
    if request.is_trial:
        response.headers["Dry-Run"] = "yes"
    return response


def in_the_way(conflict: Conflict) -> dict[str, list[str]]:
    """Say in words which values are in the way, by what is shown of them."""
    # Late: a host judges its settings without the schemas.
    from clients_api.schemas.fields import sentence

    return {name: [sentence(rule, field)] for name, (field, rule) in conflict.rules.items()}


def _refusal(error: Exception) -> Refused:
    match error:
        case Refused():
            return error
        case NotFound():
            return Refused(HTTPStatus.NOT_FOUND, str(error), headers=_canonical(error))
        case BadFile():
            return Refused(HTTPStatus.BAD_REQUEST, str(error))
        case Conflict():
            return Refused(HTTPStatus.CONFLICT, str(error), errors=in_the_way(error) or None)
        case Gone():
            return Refused(HTTPStatus.GONE, str(error))
        case HTTPException():
            return _http(error)
        case migrating.NotMigrated():
            log.error("%s", error)
            return _unavailable(
                f"The database is not migrated: run {current_app.migrating_command}."
            )
        case sqlite.DatabaseUnusable():
            log.error("%s", error)
            return _unavailable("The database can't be used.")
        case NoSecretKey():
            log.error("%s", error)
            return _unavailable("The key that secrets are derived from can't be read.")
        case _ if sqlite.is_busy(error):
            return _unavailable("The database is busy.")
        case _ if sqlite.is_full(error):
            log.error("The database can't be used in request %s: %s", _request_id(), error)
            if request.method in ("GET", "HEAD"):
                return _unavailable("The database can't be used.")
            return Refused(
                HTTPStatus.INSUFFICIENT_STORAGE,
                "The change could not be stored, and nothing was changed. "
                f"Please tell the operator. Request id: {_request_id()}.",
            )
    log.error("Unexpected error in request %s", _request_id(), exc_info=error)
    return Refused(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        f"Something went wrong on our side. Request id: {_request_id()}.",
    )


def _canonical(error: NotFound) -> dict[str, str]:
    """Return the header that says where a client is that was merged (RFC 6596)."""
    if error.merged_into is None:
        return {}
    prefix = quote(current_app.config["URL_PREFIX"])
    path = f"{request.mount}{prefix}/clients/{error.merged_into}"
    return {"Link": f'<{path}>; rel="canonical"'}


def _http(error: HTTPException) -> Refused:
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    if status == HTTPStatus.NOT_FOUND:
        return Refused(status, "Not found.")
    if isinstance(error, MethodNotAllowed):
        return Refused(status, "Method not allowed.", headers={"Allow": allowed_methods(error)})
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return too_large()
    return Refused(status, f"{HTTPStatus(status).phrase}.")


def allowed_methods(error: MethodNotAllowed) -> str:
    """Return the methods of a path as the header Allow names them."""
    return ", ".join(sorted({*(error.valid_methods or ()), "OPTIONS"}))


def too_large(setting: str = "MAX_BODY_BYTES") -> Refused:
    """Make the answer to a body above the limit of that setting."""
    limit = current_app.config[setting]
    return Refused(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body may not be larger than {limit} bytes."
    )


def _unavailable(why: str) -> Refused:
    return Refused(
        HTTPStatus.SERVICE_UNAVAILABLE,
        f"{why} Please try again in a moment. Request id: {_request_id()}.",
        headers={"Retry-After": str(RETRY_SECONDS)},
    )


def _request_id() -> str:
    return request.id
