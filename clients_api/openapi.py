"""What the documentation says of an operation, made of what the operation is."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import flask
import marshmallow as ma
from marshmallow import fields

from .bodies import FORM, JSON, MULTIPART
from .models.custom_field import Definition
from .schemas.base import INTEGER_MAX, Array, Choice, Decimal, Id, Integer, Schema, String
from .schemas.custom_field import value_field
from .schemas.paging import MetaSchema

TITLE = "Clients API"
VERSION = "3.1.0"
SCHEME = "key"

DESCRIPTION = """\
Clients (customer companies), their users, categories, tags and custom fields: a drop-in for the
Clients part of the public Grow CRM API.

Send your key in the header `Authorization: Bearer <key>`. Bodies may be JSON, URL-encoded or
multipart forms. In forms, arrays are written `tags[]=a&tags[]=b`, `tags[0]=a&tags[1]=b` or
`tags=a&tags=b`. Text is trimmed, and an empty string means null. What a call does not take changes
nothing, and is named in the header `Ignored-Parameters`; with `Prefer: handling=strict` it is
refused.
"""

RECORD_ID = {"type": "integer", "minimum": 1, "maximum": INTEGER_MAX, "example": 12}

# Errors, by status: the name of the component, and an example of its message.
ERRORS: dict[int, tuple[str, str]] = {
    400: ("BadRequest", "The body is not valid JSON: unexpected character (line 1, column 2)."),
    401: ("Unauthorized", "Unauthorized. A valid API key is required."),
    403: ("Forbidden", "This API key is not allowed to do that."),
    404: ("NotFound", "The client could not be found."),
    405: ("MethodNotAllowed", "Method not allowed."),
    409: ("Conflict", "A request with this Idempotency-Key is still running."),
    412: ("PreconditionFailed", "The client has changed since you read it."),
    413: ("ContentTooLarge", "The body may not be larger than 1048576 bytes."),
    415: ("UnsupportedMediaType", "The body must be application/json; say which in Content-Type."),
    422: ("UnprocessableContent", "The given data was invalid."),
    429: ("TooManyRequests", "Too many requests. Please try again in 12 seconds."),
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
        "description": "The addresses of other pages (RFC 8288): first, prev, next, last.",
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
}

PARAMETERS: dict[str, dict[str, Any]] = {
    "Prefer": {
        "description": "`handling=strict` refuses unknown parameters (RFC 7240).",
        "schema": {"type": "string"},
        "example": "handling=lenient",
    },
    "Idempotency-Key": {
        "description": "A repeat with the same key within 24 hours gets the same answer and does "
        "nothing.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        "example": "4a8e4f5e-2b1c",
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


class ErrorSchema(Schema):
    """An error: a sentence, and for wrong values what is wrong with each."""

    message = fields.String(required=True, metadata={"example": "The given data was invalid."})
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={"example": {"email": ["The email has already been taken."]}},
    )


@functools.cache
def envelope(schema: type[Schema], many: bool) -> type[Schema]:
    """Make the schema of the envelope around one record or a list."""
    name = schema.__name__.removesuffix("Schema")
    members: dict[str, Any] = {
        "data": fields.List(fields.Nested(schema)) if many else fields.Nested(schema)
    }
    if many:
        members["meta"] = fields.Nested(MetaSchema)
    members["message"] = fields.String()
    for field in members.values():
        field.required = True
    return type(f"{name}{'List' if many else ''}AnswerSchema", (Schema,), members)


class OperationDocs:
    """The documentation of an Operation, in the words of flask-smorest and OpenAPI."""

    def documentation(self) -> dict[str, Any]:
        """Return what flask-smorest keeps for a view until the documentation is made."""
        info: dict[str, Any] = {"operation": self}
        if self.query.load_fields:
            info["arguments"] = {"parameters": [{"in": "query", "schema": type(self.query)}]}
        return info

    def complete(self, doc: dict[str, Any]) -> dict[str, Any]:
        """Add the headers, the body and the answers to what is known of the query string."""
        errors = {401, 403, 405, 422, 429, 500, 503}
        headers = ["Prefer"]
        if self.writes:
            errors |= {400, 413, 415, 507}
        else:
            errors.add(400)
        if "<" in self.path:
            errors.add(404)
        if self.method == "POST":
            headers.append("Idempotency-Key")
            errors.add(409)
        if self.has_record:
            if self.writes:
                headers.append("If-Match")
                errors |= {409, 412}
            elif self.answer.schema is self.resource.schema:
                headers.append("If-None-Match")
        parameters = doc.setdefault("parameters", [])
        parameters += headers  # by the names of their components
        if self.takes_body:
            media = {"schema": type(self.body)}
            required = any(field.required for field in self.body.fields.values())
            doc["requestBody"] = {
                "required": required,
                "content": {kind: dict(media) for kind in (JSON, FORM, MULTIPART)},
            }
        doc["responses"] = {
            str(self.answer.status): self._success(),
            **{str(s): {"$ref": f"#/components/responses/{ERRORS[s][0]}"} for s in sorted(errors)},
        }
        if "If-None-Match" in headers:
            doc["responses"]["304"] = {"description": "The record is as the caller knows it."}
        doc["security"] = [{SCHEME: []}]
        doc["description"] = f"Needs a key of scope `{self.scope}`."
        doc["operationId"] = self.__name__
        return doc

    def _success(self) -> dict[str, Any]:
        names = ["Ignored-Parameters"]
        if self.answer.many:
            names.append("Link")
        elif self.answer.schema is self.resource.schema and not self.answer.secret:
            names.append("ETag")
        if self.answer.location:
            names.append("Location")
        if self.method == "POST":
            names.append("Idempotency-Replayed")
        media: dict[str, Any] = {"schema": envelope(self.answer.schema, self.answer.many)}
        return {
            "description": self.answer.message,
            "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
            "content": {JSON: media},
        }


def describe(components: Any) -> None:
    """Register the components that operations refer to."""
    components.security_scheme(SCHEME, {"type": "http", "scheme": "bearer"})
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
            "content": {JSON: {"schema": ErrorSchema, "example": example}},
        }
        extra = {401: "WWW-Authenticate", 405: "Allow", 429: "Retry-After", 503: "Retry-After"}
        if status in extra:
            header = extra[status]
            response["headers"] = {header: {"$ref": f"#/components/headers/{header}"}}
        components.response(name, response)


def field_properties(converter: Any, field: ma.fields.Field, **kwargs: Any) -> dict[str, Any]:
    """Say of our fields what their types do not: numbers may be written as text, and so on."""
    properties: dict[str, Any] = {}
    if field.dump_only:
        return properties
    nullable = ["null"] if field.allow_none else []
    if isinstance(field, Integer):
        low, high = field.limits["min"], field.limits["max"]
        low = 1 if isinstance(field, Id) else low
        properties["type"] = ["integer", "string", *nullable]
        properties["pattern"] = r"^\s*[+-]?[0-9]{1,19}\s*$"
        properties["minimum"] = -INTEGER_MAX if low is None else low
        properties["maximum"] = high
    elif isinstance(field, Decimal):
        properties["type"] = ["number", "string", *nullable]
    elif isinstance(field, Choice):
        properties["enum"] = [*field.choices, *([None, ""] if field.allow_none else [])]
    elif isinstance(field, String) and field.required:
        properties["minLength"] = 1
        properties["pattern"] = r"\S"
    elif isinstance(field, Array) and field.limits["max"] is not None:
        properties["maxItems"] = field.limits["max"]
    return properties


def document_pages(app: flask.Flask, spec: Any) -> None:
    """Describe what is no resource: the OpenAPI file, the documentation page and the checks."""
    text = {"text/html": {"schema": {"type": "string"}}}
    document = {JSON: {"schema": {"type": "object"}}}
    message = {
        JSON: {
            "schema": {"type": "object", "properties": {"message": {"type": "string"}}},
            "example": {"message": "The service is ready."},
        }
    }
    unready = {"503": {"$ref": "#/components/responses/ServiceUnavailable"}}
    pages: tuple[tuple[str, str, dict[str, Any], dict[str, Any]], ...] = (
        ("openapi_json", "This document.", document, {}),
        ("docs", "The interactive documentation page.", text, {}),
        ("health", "Say that the process is up.", message, {}),
        ("ready", "Say that the database answers and is migrated.", message, unready),
    )
    spec.tag({"name": "service", "description": "What the service says of itself, to anybody."})
    for name, summary, content, more in pages:
        operation = {
            "tags": ["service"],
            "summary": summary,
            "operationId": name,
            "security": [],
            "responses": {"200": {"description": summary, "content": content}, **more},
        }
        (rule,) = app.url_map.iter_rules(f"about.{name}")
        spec.path(rule=rule, operations={"get": operation})


def version() -> str:
    """Return the version of this program."""
    from . import __version__

    return __version__


def with_custom_fields(api: Any, definitions: Iterable[Definition]) -> dict[str, Any]:
    """Return the OpenAPI document, with the custom fields where clients come in and go out."""
    spec = api.spec.to_dict()
    definitions = tuple(definitions)
    if not definitions:
        return spec
    spec = copy.deepcopy(spec)
    converter = api.ma_plugin.converter
    values = {d.name: converter.field2property(value_field(d)) for d in definitions}
    optional = {
        d.name: converter.field2property(value_field(d, required=False)) for d in definitions
    }
    schemas = spec["components"]["schemas"]
    schemas["Client"]["properties"]["custom_fields"]["properties"] = optional
    for name in ("ClientCreate", "ClientChange"):
        schemas[name]["properties"] |= values
        required = [d.name for d in definitions if d.required]
        schemas[name]["required"] = sorted({*schemas[name].get("required", []), *required})
    prefix = api.url_prefix
    spec["paths"][f"{prefix}/clients"]["get"]["parameters"] += [
        {"in": "query", "name": d.name, "required": False, "schema": optional[d.name]}
        for d in definitions
    ]
    return spec
