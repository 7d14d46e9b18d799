"""The OpenAPI document as a whole: its title, its service pages, and the custom fields."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import flask

from clients_api.models.custom_field import Definition
from clients_api.schemas.custom_field import value_field
from clients_api.schemas.fields import INTEGER_MAX

from . import JSON
from .components import ERRORS
from .fields import without_null

TITLE = "Clients API"
VERSION = "3.1.0"

DESCRIPTION = """\
Clients (customer companies), their users, categories, tags and custom fields: a drop-in for the
Clients part of the public Grow CRM API.

Send your key in the header `Authorization: Bearer <key>`. Bodies may be JSON, URL-encoded or
multipart forms. In forms, arrays are written `tags[]=a&tags[]=b`, `tags[0]=a&tags[1]=b` or
`tags=a&tags=b`. Text is trimmed before it is measured, and an empty string means null; numbers may
be written as text.
For PHP, which reads multipart forms of POST alone, a POST to one record with the parameter
`_method` or the header `X-HTTP-Method-Override` is the method that it names: PUT, PATCH or DELETE.
A request line and each header may have 16,384 bytes; beyond that, the answers are 414 and 431.
What a call does not take changes nothing, and is named in the header `Ignored-Parameters`; with
`Prefer: handling=strict` it is refused.
"""

RECORD_ID = {"type": "integer", "minimum": 1, "maximum": INTEGER_MAX, "example": 12}
TAG_TITLE = {"type": "string", "minLength": 1, "example": "priority"}


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
    ignored = {"Ignored-Parameters": {"$ref": "#/components/headers/Ignored-Parameters"}}
    refused = {str(n): {"$ref": f"#/components/responses/{ERRORS[n][0]}"} for n in (400, 422)}
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
            "parameters": ["Prefer"],
            "responses": {
                "200": {"description": summary, "headers": ignored, "content": content},
                **refused,
                **more,
            },
        }
        (rule,) = app.url_map.iter_rules(f"about.{name}")
        spec.path(rule=rule, operations={"get": operation})


def with_custom_fields(api: Any, definitions: Iterable[Definition]) -> dict[str, Any]:
    """Return the OpenAPI document, with the custom fields where clients come in and go out."""
    spec = api.document()
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
    required = [d.name for d in definitions if d.required]
    for name in ("ClientCreate", "ClientChange"):
        form = {name: without_null(value) for name, value in values.items()}
        for schema, properties in ((schemas[name], values), (schemas[f"{name}Form"], form)):
            schema["properties"] |= properties
            schema["required"] = sorted({*schema.get("required", []), *required})
    prefix = api.url_prefix
    samples = {d.name: values[d.name]["example"] for d in definitions}
    for method, path in (("post", ""), ("patch", "/{id}"), ("put", "/{id}")):
        operation = spec["paths"][f"{prefix}/clients{path}"][method]
        for media in operation["requestBody"]["content"].values():
            media["example"] = media["example"] | samples
    filters: list[dict[str, Any]] = [
        {"in": "query", "name": d.name, "required": False, "schema": without_null(optional[d.name])}
        for d in definitions
    ]
    for parameter in filters:
        # Swagger UI fills examples into its form, and would then find nothing.
        del parameter["schema"]["example"]
        if parameter["schema"]["type"] == "string":
            parameter["schema"]["minLength"] = 1
    for path in ("clients", "clients/export"):
        spec["paths"][f"{prefix}/{path}"]["get"]["parameters"] += filters
    return spec
