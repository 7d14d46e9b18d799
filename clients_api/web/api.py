"""Our Api and Blueprint: where flask-smorest meets the way of a request (operation.py)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import flask
import flask_smorest
from werkzeug.routing import BaseConverter
from werkzeug.routing import Rule as WerkzeugRule

from clients_api.openapi import components, document, fields
from clients_api.schemas.base import Schema
from clients_api.schemas.fields import INTEGER_MAX
from clients_api.version import __version__

from .answering import Answer
from .operation import Operation, Resource


class RecordId(BaseConverter):
    """The id of a record in a path. What can be no id is None, the id of no record."""

    # These are paths of their own, which answer a wrong method with 405.
    regex = r"(?!(?:duplicates|export|import)\Z)[^/]+"
    part_isolating = True

    def to_python(self, value: str) -> int | None:
        return record_id(value)

    def to_url(self, value: int | None) -> str:
        return str(value)


def record_id(text: str) -> int | None:
    """Return the id that a text says; None if it can be none."""
    if not (text.isascii() and text.isdigit()) or text.startswith("0"):
        return None
    return number if len(text) < 20 and (number := int(text)) <= INTEGER_MAX else None


class TagTitle(BaseConverter):
    """The title of a tag in a path: whatever it is, slashes too."""

    regex = ".+"
    part_isolating = False


class Rule(WerkzeugRule):
    """A path that is matched, and prepared for `url_for` only when that is first called.

    Werkzeug writes and compiles two functions for it, for each rule: by far the most of what it
    takes to make an application, and we build no addresses from rules.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compile_ = super()._compile_builder
        builder: Callable[..., tuple[str, str]] | None = None

        def build(rule: WerkzeugRule, **values: Any) -> tuple[str, str]:
            nonlocal builder
            builder = builder or compile_(append_unknown)
            return builder(rule, **values)

        return build


class Blueprint(flask_smorest.Blueprint):
    """The routes of one resource.

    `arguments` and `response` say what flask-smorest's do, and are documented by it; the work is
    done by the Operation that `route` makes of the view.
    """

    def __init__(
        self, name: str, import_name: str, *, resource: Resource, description: str
    ) -> None:
        super().__init__(name, import_name, description=description)
        self.resource = resource
        self.operations: list[Operation] = []
        self._prepare_doc_cbks = [self._prepare_arguments_doc, self._prepare_operation_doc]

    def arguments(
        self,
        schema: type[Schema],
        *,
        location: str = "body",
        rules: Callable[..., Mapping[str, str]] | None = None,
        checks: Callable[..., Mapping[str, str]] | None = None,
    ) -> Callable[[Any], Any]:
        """Say which schema loads the query string or the body: the view's `query` or `body`.

        In: `rules`, which returns of some of the body's values the rules that they break as far
        as the database knows, so that they can be told together with the schema's; `checks`, which
        does the same with what takes time and needs no database, before the transaction begins.
        """

        def decorator(view: Any) -> Any:
            setattr(view, f"_{location}", schema)
            if rules is not None:
                view._rules = rules
            if checks is not None:
                view._checks = checks
            return view

        return decorator

    def without_transaction(self, view: Any) -> Any:
        """Say that a view changes nothing here and takes its time, so that none waits for it."""
        view._without_transaction = True
        return view

    def file(self, *media_types: str) -> Callable[[Any], Any]:
        """Say that the body is a file of one of these types: the view's `body` holds its bytes.

        See `bodies.read_file`.
        """

        def decorator(view: Any) -> Any:
            view._file_types = media_types
            return view

        return decorator

    def response(
        self, status_code: int, schema: type[Schema], *, message: str, **options: Any
    ) -> Callable[[Any], Any]:
        """Say what is answered: the schema of `data`, and the message (see `Answer`)."""

        def decorator(view: Any) -> Any:
            view._answer = Answer(status_code, schema, message, **options)
            return view

        return decorator

    def route(self, rule: str, **options: Any) -> Callable[[Any], Any]:
        """Register the view for one method of a path."""

        def decorator(view: Any) -> Any:
            (method,) = options.pop("methods")
            operation = Operation(view, self.resource, method, rule)
            operation._apidoc = operation.documentation()
            self.operations.append(operation)
            self.add_url_rule(rule, None, operation, methods=[method], **options)
            return view

        return decorator

    def _prepare_operation_doc(
        self, doc: dict[str, Any], doc_info: dict[str, Any], *, api: Any, spec: Any, **kwargs: Any
    ) -> dict[str, Any]:
        return doc_info["operation"].complete(doc, self.operations)


class Api(flask_smorest.Api):
    """The API's documentation. Errors are answered in errors.py, pages served in pages.py.

    The document is made when it is first asked for: it takes longer than all else at the start,
    and most processes never serve it.
    """

    DEFAULT_ERROR_RESPONSE_NAME = None

    def __init__(self, app: flask.Flask, url_prefix: str) -> None:
        self.url_prefix = url_prefix
        self._blueprints: list[Blueprint] = []
        self._document: dict[str, Any] | None = None
        self._documenting = threading.Lock()
        super().__init__(
            app,
            spec_kwargs={
                "title": document.TITLE,
                "version": __version__,
                "openapi_version": document.VERSION,
                "info": {
                    "description": document.DESCRIPTION,
                    "contact": document.CONTACT,
                    "license": document.LICENSE,
                },
                "servers": [{"url": app.config["PUBLIC_URL"] or "/"}],
            },
        )

    def register_blueprint(self, blp: Blueprint, **options: Any) -> None:
        """Register the routes of a resource under the prefix."""
        self._app.register_blueprint(blp, url_prefix=self.url_prefix, **options)
        self._blueprints.append(blp)

    def document(self) -> dict[str, Any]:
        """Return the OpenAPI document, without the custom fields. It is shared: copy to change."""
        with self._documenting:
            if self._document is None:
                self._register_components()
                for blp in self._blueprints:
                    blp.register_views_in_doc(
                        self, self._app, self.spec, name=blp.name, parameters=None
                    )
                    self.spec.tag({"name": blp.name, "description": blp.description})
                document.document_pages(self._app, self.spec)
                self._document = self.spec.to_dict()
                document.describe(self._document, self.ma_plugin.converter)
        return self._document

    def _register_error_handlers(self) -> None:
        """Register none: flask-smorest's answers have another shape, and lose headers."""

    def _register_responses(self) -> None:
        """Register none: our operations refer to others, which have time until they do."""

    def _register_pagination_header(self) -> None:
        """Register none: our lists say in their bodies what there is to say of pages."""

    def _register_components(self) -> None:
        components.describe(self.spec.components)
        self.flask_plugin.register_converter(RecordId, lambda _: document.RECORD_ID)
        self.flask_plugin.register_converter(TagTitle, lambda _: document.TAG_TITLE)
        self.ma_plugin.converter.add_attribute_function(fields.field_properties)
