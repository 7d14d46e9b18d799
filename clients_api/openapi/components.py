"""The parts of the documentation that all operations refer to: errors, headers, the key."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import marshmallow as ma
from marshmallow import fields

from clients_api.schemas.base import AnswerSchema, Schema
from clients_api.schemas.fields.metadata import told

from . import JSON

SCHEME = "key"

# Errors, by status: the name of the component, and an example of its message.
ERRORS: dict[int, tuple[str, str]] = {
    400: ("BadRequest", "The body is not valid JSON: unexpected character (line 1, column 2)."),
    401: ("Unauthorized", "Unauthorized. A valid API key is required."),
    403: ("Forbidden", "This API key is not allowed to do that."),
    404: ("NotFound", "The client could not be found."),
    405: ("MethodNotAllowed", "Method not allowed."),
    409: ("Conflict", "A request with this Idempotency-Key is still running."),
    410: ("Gone", "This change can no longer be undone."),
    412: ("PreconditionFailed", "The client has changed since you read it."),
    413: ("ContentTooLarge", "The body may not be larger than 1048576 bytes."),
    414: ("URITooLong", "The address is too long."),
    415: ("UnsupportedMediaType", "The body must be application/json; say which in Content-Type."),
    422: ("UnprocessableContent", "The given data was invalid."),
    429: ("TooManyRequests", "Too many requests. Please try again in 12 seconds."),
    431: ("RequestHeaderFieldsTooLarge", "The headers are too large."),
    500: ("InternalServerError", "Something went wrong on our side. Request id: 5f2c9a."),
    503: ("ServiceUnavailable", "The database is busy. Please try again in a moment."),
    507: ("InsufficientStorage", "The change could not be stored, and nothing was changed."),
}

HEADERS: dict[str, dict[str, Any]] = {
    "ETag": {
        "description": "The state of the record, for If-None-Match and If-Match (RFC 9110).",
        "schema": {"type": "string"},
    },
    "Location": {
        "description": "The address of the new record.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Link": {
        "description": "The addresses of other pages (RFC 8288): first, prev, next, last; of a "
        "client that was merged, canonical, that of the one which holds what it was.",
        "schema": {"type": "string"},
    },
    "Event-Position": {
        "description": "The position of the last event of this change, to read `/events` after.",
        "schema": {"type": "string"},
    },
    "Dry-Run": {
        "description": "`yes` where nothing was changed, as asked.",
        "schema": {"type": "string"},
    },
    "Ignored-Parameters": {
        "description": "Parameters that this call does not take; they changed nothing.",
        "schema": {"type": "string"},
    },
    "Idempotency-Replayed": {
        "description": "`true` where this is the stored answer to an earlier request.",
        "schema": {"type": "string"},
    },
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "string"}},
    "WWW-Authenticate": {"description": "Bearer", "schema": {"type": "string"}},
    "Allow": {"description": "The methods of this path.", "schema": {"type": "string"}},
    "Accept-Encoding": {
        "description": "`identity` where a body was refused for its Content-Encoding (RFC 9110).",
        "schema": {"type": "string"},
    },
}

# Headers of errors, by status.
ERROR_HEADERS = {
    401: "WWW-Authenticate",
    404: "Link",
    405: "Allow",
    415: "Accept-Encoding",
    429: "Retry-After",
    503: "Retry-After",
}

PARAMETERS: dict[str, dict[str, Any]] = {
    "Prefer": {
        "description": "`handling=strict` refuses unknown parameters (RFC 7240).",
        "schema": {"type": "string"},
    },
    "Idempotency-Key": {
        "description": "A repeat with the same key within 24 hours gets the same answer and does "
        "nothing.",
        "schema": {"type": "string", "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"},
    },
    "If-None-Match": {
        "description": "An ETag; if it is still the record's, the answer is 304.",
        "schema": {"type": "string"},
    },
    "If-Match": {
        "description": "An ETag; if it is no longer the record's, the answer is 412.",
        "schema": {"type": "string"},
    },
}


# Of paths, by the names that they have there.
PATH_PARAMETERS = {"id": "The id of the record.", "title": "The title of the tag."}


class ErrorAnswerSchema(AnswerSchema):
    """An error: a sentence, and for wrong values what is wrong with each."""

    message = fields.String(metadata=told("What is wrong.", "The given data was invalid."))
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata=told(
            "What is wrong with each parameter, by name; `tags.1` is an element of an array.",
            {"email": ["The email has already been taken."]},
            optional=True,
        ),
    )


class FormSchema(Schema):
    """A form. Nothing in it is null, for what is empty means that."""

    class Meta:
        unknown = ma.INCLUDE  # what it holds, the schema beside this one says


def describe(components: Any) -> None:
    """Register the components that operations refer to."""
    components.security_scheme(
        SCHEME, {"type": "http", "scheme": "bearer", "description": "An API key."}
    )
    for name, header in HEADERS.items():
        components.header(name, header)
    for name, parameter in PARAMETERS.items():
        components.parameter(name, "header", {"required": False, **parameter})
    for status, (name, message) in ERRORS.items():
        example: dict[str, Any] = {"message": message}
        if status == 422:
            example["errors"] = {"email": ["The email has already been taken."]}
        response: dict[str, Any] = {
            "description": HTTPStatus(status).phrase,
            "content": {JSON: {"schema": ErrorAnswerSchema, "example": example}},
        }
        if status in ERROR_HEADERS:
            of_error = ERROR_HEADERS[status]
            response["headers"] = {of_error: {"$ref": f"#/components/headers/{of_error}"}}
        components.response(name, response)
