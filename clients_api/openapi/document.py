"""The OpenAPI document as a whole: its title, its service pages, and the custom fields."""

from __future__ import annotations

import copy
import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import flask
from marshmallow import fields

from clients_api.models.custom_field import Definition
from clients_api.schemas.base import AnswerSchema, QuerySchema
from clients_api.schemas.custom_field import answer_field, value_field
from clients_api.schemas.fields import INTEGER_MAX
from clients_api.schemas.fields.metadata import told

from . import JSON
from .components import ERRORS, PATH_PARAMETERS

TITLE = "Clients API"
VERSION = "3.1.0"

DESCRIPTION = """\
Clients (customer companies), their users, categories, tags and custom fields: a drop-in for the
Clients part of the public Grow CRM API.

Send your key in the header `Authorization: Bearer <key>`. Bodies may be JSON, URL-encoded or
multipart forms. In forms, arrays are written `tags[]=a&tags[]=b`, `tags[0]=a&tags[1]=b` or
`tags=a&tags=b`, and the empty one `tags=`.
For PHP, which reads multipart forms of POST alone, a POST to one record with the parameter
`_method` or the header `X-HTTP-Method-Override` is the method that it names: PUT, PATCH or DELETE.
A request line and each header may have 16,384 bytes; beyond that, the answers are 414 and 431.

This document gives each value one type. In any body, numbers may also be written as text (`"2"`
for `2`), and an empty string means null. Text is trimmed before it is looked at and measured;
blank elements of arrays are dropped. A time may be a bare date, or have no offset: it is UTC then.
What a call does not take changes nothing, and is named in the header `Ignored-Parameters`; with
`Prefer: handling=strict` it is refused.
"""

CONTACT = {"name": "Whoever runs this service"}
LICENSE = {"name": "MIT", "identifier": "MIT"}

RECORD_ID = {
    "type": "integer",
    "format": "int64",
    "minimum": 1,
    "maximum": INTEGER_MAX,
    "example": 12,
}
CLIENT_ANSWERS = [
    {"$ref": f"#/components/schemas/{name}"} for name in ("ClientAnswer", "ClientListAnswer")
]
TAG_TITLE = {"type": "string", "minLength": 1, "example": "priority"}


class MessageAnswerSchema(AnswerSchema):
    """A sentence."""

    message = fields.String(metadata=told("What there is to say.", "The service is ready."))


def document_pages(app: flask.Flask, spec: Any) -> None:
    """Describe what is no resource: the OpenAPI file, the pages that are served, the checks."""
    text = {"text/html": {"schema": {"type": "string"}}}
    document = {JSON: {"schema": {"type": "object"}}}
    message = {
        JSON: {"schema": MessageAnswerSchema, "example": {"message": "The service is ready."}}
    }
    ignored = {"Ignored-Parameters": {"$ref": "#/components/headers/Ignored-Parameters"}}
    refused = {str(n): {"$ref": f"#/components/responses/{ERRORS[n][0]}"} for n in (400, 422)}
    unready = {"503": {"$ref": "#/components/responses/ServiceUnavailable"}}
    pages: tuple[tuple[str, str, dict[str, Any], dict[str, Any]], ...] = (
        ("about.openapi_json", "This document.", document, {}),
        ("docs.docs", "The interactive documentation page.", text, {}),
        ("console.console", "The page to look at clients with, and to change them.", text, {}),
        ("about.health", "Say that the process is up.", message, {}),
        ("about.ready", "Say that the database answers and is migrated.", message, unready),
    )
    spec.tag({"name": "service", "description": "What the service says of itself, to anybody."})
    for endpoint, summary, content, more in pages:
        if endpoint not in app.view_functions:
            continue  # is switched off
        operation = {
            "tags": ["service"],
            "summary": summary,
            "description": "Needs no key.",
            "operationId": endpoint.partition(".")[2],
            "security": [],
            "parameters": ["Prefer"],
            "responses": {
                "200": {"description": summary, "headers": ignored, "content": content},
                **refused,
                **more,
            },
        }
        (rule,) = app.url_map.iter_rules(endpoint)
        spec.path(rule=rule, operations={"get": operation})


def describe(spec: dict[str, Any], converter: Any) -> None:
    """Describe what paths are made of, and give each component the description of its schema."""
    for path in spec["paths"].values():
        for parameter in path.get("parameters", ()):
            parameter["description"] = PATH_PARAMETERS[parameter["name"]]
    for (schema, *_), name in converter.refs.items():
        description = inspect.cleandoc(schema.__doc__).replace("\n", " ")
        spec["components"]["schemas"][name]["description"] = description


def with_custom_fields(api: Any, definitions: Iterable[Definition]) -> dict[str, Any]:
    """Return the OpenAPI document, with the custom fields where clients come in and go out."""
    spec = api.document()
    definitions = tuple(definitions)
    if not definitions:
        return spec
    spec = copy.deepcopy(spec)
    property_of = api.ma_plugin.converter.field2property
    values = {d.name: property_of(value_field(d)) for d in definitions}
    schemas = spec["components"]["schemas"]
    schemas["Client"]["properties"]["custom_fields"] |= {
        "properties": {d.name: property_of(answer_field(d)) for d in definitions},
        "required": [d.name for d in definitions],
    }
    schemas["Client"]["required"].append("custom_fields")
    required = [d.name for d in definitions if d.required]
    for name in ("ClientCreate", "ClientChange"):
        schemas[name]["properties"] |= values
        schemas[name]["required"] = sorted({*schemas[name].get("required", []), *required})
    prefix = api.url_prefix
    samples = {d.name: values[d.name]["example"] for d in definitions}
    schemas["ClientMerge"]["properties"] |= values
    bodies = (("post", ""), ("patch", "/{id}"), ("put", "/{id}"), ("post", "/{id}/merge"))
    for method, path in bodies:
        operation = spec["paths"][f"{prefix}/clients{path}"][method]
        for media in operation["requestBody"]["content"].values():
            media["example"] = media["example"] | samples
    filters = [_filter(d, property_of) for d in definitions]
    for path in ("clients", "clients/export"):
        spec["paths"][f"{prefix}/{path}"]["get"]["parameters"] += filters
    for client in _sample_clients(spec):
        client["custom_fields"] = samples
    return spec


def _filter(definition: Definition, property_of: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    schema = property_of(value_field(definition, required=False, place=QuerySchema))
    if schema["type"] == "string":
        schema["minLength"] = 1
    description = f"Only those whose {definition.name} is this."
    return {
        "in": "query",
        "name": definition.name,
        "required": False,
        "description": description,
        "schema": schema,
    }


def _sample_clients(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Find the clients in the examples of answers."""
    methods = itertools.chain.from_iterable(path.items() for path in spec["paths"].values())
    answers = (operation["responses"] for name, operation in methods if name != "parameters")
    for answer in itertools.chain.from_iterable(found.values() for found in answers):
        media = answer.get("content", {}).get(JSON, {})
        if media.get("schema") in CLIENT_ANSWERS:
            data = media["example"]["data"]
            yield from data if isinstance(data, list) else [data]
