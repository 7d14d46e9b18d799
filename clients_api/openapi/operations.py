"""What the documentation says of an operation, made of what the operation is."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

from marshmallow import fields

from clients_api.files.formats import FORMATS
from clients_api.schemas.base import AnswerSchema, Schema
from clients_api.schemas.event import FeedMetaSchema
from clients_api.schemas.fields.metadata import told
from clients_api.schemas.paging import ListMetaSchema

from . import FORM, JSON, MULTIPART
from .components import ERRORS, SCHEME, FormSchema
from .fields import example


@functools.cache
def envelope(schema: type[Schema], meta: type[Schema] | None) -> type[Schema]:
    """Make the schema of the envelope around one record or, with what it says of it, a list."""
    name = schema.__name__.removesuffix("Schema")
    members: dict[str, Any] = {
        "__doc__": f"The answer of a call that returns {'a list' if meta else 'one record'}.",
        "data": fields.Nested(schema),
    }
    if meta is not None:
        members["data"] = fields.List(
            fields.Nested(schema), metadata=told("The records of this page.")
        )
        members["meta"] = fields.Nested(meta)
    members["message"] = fields.String(metadata=told("What was done, in words."))
    return type(f"{name}{'List' if meta else ''}AnswerSchema", (AnswerSchema,), members)


class OperationDocs:
    """The documentation of an Operation, in the words of flask-smorest and OpenAPI.

    What an operation is, the class in web/operation.py says.
    """

    __name__: str
    _apidoc: dict[str, Any]  # what flask-smorest looks for at a view
    method: str
    path: str
    scope: str
    writes: bool
    has_record: bool
    takes_body: bool
    file_types: tuple[str, ...]
    query: Schema
    body: Schema
    answer: Any
    resource: Any

    def documentation(self) -> dict[str, Any]:
        """Return what flask-smorest keeps for a view until the documentation is made."""
        info: dict[str, Any] = {"operation": self}
        if self.query.load_fields:
            schema = type(self.query)
            info["arguments"] = {"parameters": [{"in": "query", "schema": schema}]}
        return info

    def complete(self, doc: dict[str, Any], siblings: Iterable[OperationDocs]) -> dict[str, Any]:
        """Add the headers, the body and the answers to what is known of the query string.

        In: `siblings`, all operations of the same resource: what can be done with a new record.
        """
        headers = self._header_names()
        doc.setdefault("parameters", []).extend(headers)  # by the names of their components
        if self.takes_body:
            doc["requestBody"] = self._request()
        doc["responses"] = {str(self.answer.status): self._success()} | {
            str(status): {"$ref": f"#/components/responses/{ERRORS[status][0]}"}
            for status in sorted(self._error_statuses())
        }
        if self.answer.status == 201:
            doc["responses"]["201"]["links"] = {
                other.__name__: {
                    "operationId": other.__name__,
                    "parameters": {"id": "$response.body#/data/id"},
                }
                for other in siblings
                if other.has_record
            }
        if "If-None-Match" in headers:
            doc["responses"]["304"] = {"description": "The record is as the caller knows it."}
        doc["security"] = [{SCHEME: []}]
        doc["description"] = f"Needs a key of scope `{self.scope}`."
        doc["operationId"] = self.__name__
        twin = self._twin(siblings)
        if twin is not None:
            doc["x-alias-of"] = twin.__name__
        return doc

    def _twin(self, siblings: Iterable[OperationDocs]) -> OperationDocs | None:
        """Return the PATCH that this PUT is another name of, if it is."""
        patches = (other for other in siblings if other.method == "PATCH" != self.method)
        return next((other for other in patches if other.path == self.path), None)

    def _header_names(self) -> list[str]:
        names = ["Prefer"]
        if self.method == "POST":
            names.append("Idempotency-Key")
        if self.has_record and self.writes:
            names.append("If-Match")
        elif self.answer.feed or (self.has_record and self.answer.schema is self.resource.schema):
            names.append("If-None-Match")
        return names

    def _error_statuses(self) -> set[int]:
        statuses = {400, 401, 403, 405, 413, 414, 415, 422, 429, 431, 500, 503}
        if "<" in self.path:
            statuses.add(404)
        if self.answer.feed:
            statuses.add(410)
        if self.writes:
            statuses.add(507)
        if self.method == "POST":
            statuses.add(409)
        if self.has_record and self.writes:
            statuses |= {409, 412}
        return statuses

    def _request(self) -> dict[str, Any]:
        if self.file_types:
            content = file_content(self.file_types)
            content[MULTIPART] = {"schema": self._form_with_file()}
            return {"required": True, "content": content}
        json = type(self.body)
        # Not the bare reference: a generated program tells the three apart by the class of a body.
        form = {"allOf": [json, FormSchema]}
        sample = example(self.body.load_fields)
        return {
            "required": any(field.required for field in self.body.load_fields.values()),
            "content": {
                kind: {"schema": schema, "example": sample}
                for kind, schema in ((JSON, json), (FORM, form), (MULTIPART, form))
            },
        }

    def _form_with_file(self) -> dict[str, Any]:
        # The options of the query string may be fields of the form instead.
        return {
            "type": "object",
            "required": ["file"],
            "properties": {"file": {"type": "string", "contentMediaType": self.file_types[0]}},
        }

    def _success(self) -> dict[str, Any]:
        names = ["Ignored-Parameters"]
        if self.answer.many:
            names.append("Link")
        elif self.answer.schema is self.resource.schema and not self.answer.secret:
            names.append("ETag")
        if self.answer.location:
            names.append("Location")
        if self.writes:
            names += ["Event-Position", "Dry-Run"]
        if self.answer.media_types:
            names.append("Event-Position")
        if self.method == "POST":
            names.append("Idempotency-Replayed")
        return {
            "description": self.answer.message,
            "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
            "content": file_content(self.answer.media_types) or self._envelope(),
        }

    def _envelope(self) -> dict[str, Any]:
        record = example(self.answer.schema().dump_fields)
        sample: dict[str, Any] = {"data": record}
        meta = self._meta()
        if meta is not None:
            sample = {"data": [record], "meta": example(meta().dump_fields)}
        sample["message"] = self.answer.message
        schema = envelope(self.answer.schema, meta)
        return {JSON: {"schema": schema, "example": sample}}

    def _meta(self) -> type[Schema] | None:
        if self.answer.feed:
            return FeedMetaSchema
        return ListMetaSchema if self.answer.many else None


def file_content(media_types: Iterable[str]) -> dict[str, Any]:
    """Describe a file that may be of several types."""
    content: dict[str, Any] = {kind: {"schema": {"type": "string"}} for kind in media_types}
    for form in FORMATS.values():
        if form.media_type in content:
            file = {"type": "string", "format": "binary"}
            content[form.media_type] = {"schema": file, "example": form.example}
    return content
