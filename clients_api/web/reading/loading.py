"""From the bytes of a request to values: all that is wrong with them is said at once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import flask

from clients_api.models import CustomField
from clients_api.schemas.base import Schema, cleaned, trimmed
from clients_api.schemas.custom_field import read_values
from clients_api.schemas.fields import sentence
from clients_api.web.errors import unprocessable

from .bodies import TWICE, read_body, read_bytes, read_query
from .routing import take_method
from .uploads import Upload, read_file


class Loaded(NamedTuple):
    """Parameters as a schema took them: values, sentences for errors, names it does not know."""

    values: dict[str, Any]
    errors: dict[str, list[str]]
    ignored: list[str]


class Loader:
    """Loads the parameters of an operation.

    In: the schemas of the query string and of the body; `rules`, which returns of some of the
    body's values the rules that they break as far as the database knows, and `checks`, which does
    so with what needs no database and takes time; `find`, which raises
    NotFound for an id of no record, where the path has one; the types of the file that the body
    is, if it is one; whether there may be a body, and whether anybody looks at it; whether a
    parameter that is none is always refused.
    """

    def __init__(
        self,
        query: Schema,
        body: Schema,
        *,
        rules: Callable[..., Mapping[str, str]] | None,
        checks: Callable[..., Mapping[str, str]] | None,
        find: Callable[[int | None], Any] | None,
        file_types: tuple[str, ...],
        writes: bool,
        takes_body: bool,
        is_strict: bool,
    ) -> None:
        self._query = query
        self._body = body
        self._rules = rules
        self._checks = checks
        self._find = find
        self._file_types = file_types
        self._writes = writes
        self._takes_body = takes_body
        self._is_strict = is_strict
        self._query_arrays = query.arrays()
        self._body_arrays = body.arrays()

    def load(
        self, request: flask.Request, path: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the values of the query string and of the body.

        Raises Refused for what is wrong with them, and NotFound.
        """
        params = read_query(request, self._query_arrays)
        body = Loaded({}, {}, [])
        twice: dict[str, list[str]] = {}
        if self._file_types:
            upload = self._receive(request)
            body = Loaded({"upload": upload}, {}, [])
            twice = {n: [sentence("choice", n)] for n in params if n in upload.params}
            params |= upload.params
        elif self._writes or ("CONTENT_LENGTH" in request.environ and request.content_length):
            given = read_body(request, self._body_arrays)
            take_method(request, given)
            if given or self._takes_body:
                body = self._read(self._body, given)
        query = self._read(self._query, params, filters=True) if params else Loaded({}, {}, [])
        ignored = query.ignored + body.ignored
        if query.values.get("cursor") is not None and "page" in query.values:
            ignored.append("page")
        errors = {**query.errors, **body.errors, **twice}
        errors |= refuse(ignored) if self._is_strict else ignore(request, ignored)
        if self._checks is not None:
            errors = self._broken(self._checks, body.values) | errors
        if errors:
            raise unprocessable(self._all_errors(path, errors, body.values))
        return query.values, body.values

    def take(
        self, path: dict[str, Any], query: Mapping[str, Any], body: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the values of parameters that were given in Python.

        Raises Refused for what is wrong with them, unknown ones too, and NotFound.
        """
        params = {name: trimmed(value) for name, value in query.items()}
        given = {name: cleaned(value) for name, value in body.items()}
        filters = self._read(self._query, params, filters=True) if params else Loaded({}, {}, [])
        values = self._read(self._body, given) if self._takes_body else Loaded({}, {}, [])
        unknown = refuse([*filters.ignored, *values.ignored])
        if errors := {**filters.errors, **values.errors, **unknown}:
            raise unprocessable(self._all_errors(path, errors, values.values))
        return filters.values, values.values

    def sent(self, request: Any) -> bytes:
        """Return what tells a body from all others: its bytes, or a digest of a file.

        Raises Refused for one that can't be read.
        """
        if self._file_types:
            return self._receive(request).digest.encode()
        return read_bytes(request)

    def _receive(self, request: Any) -> Upload:
        if request.upload is None:
            request.upload = read_file(request, self._file_types, self._query_arrays)
        upload: Upload = request.upload
        return upload

    @staticmethod
    def _read(schema: Schema, params: dict[str, Any], *, filters: bool = False) -> Loaded:
        once = {name: value for name, value in params.items() if value is not TWICE}
        values, errors = schema.read(once)
        ignored = [name for name in params if name not in schema.parameters]
        if schema.takes_custom_fields and (ignored or not filters):
            definitions = CustomField.definitions()
            partial = not schema.requires_custom_fields
            values["custom"], more = read_values(
                definitions, once, filters=filters, partial=partial
            )
            errors |= more
            custom = {definition.name for definition in definitions}
            ignored = [name for name in ignored if name not in custom]
        for name in params.keys() - once.keys() - set(ignored):
            errors[name] = [sentence("twice", name)]
        return Loaded(values, errors, ignored)

    def _all_errors(
        self, path: dict[str, Any], errors: dict[str, list[str]], body: dict[str, Any]
    ) -> dict[str, list[str]]:
        """Add to the errors of the schemas those that only the database knows.

        Raises NotFound first: of a record that is not there, nothing else matters.
        """
        if self._find is not None:
            self._find(path["id"])
        if self._rules is None:
            return errors
        return self._broken(self._rules, {"but": path.get("id"), **body}) | errors

    def _broken(
        self, rules: Callable[..., Mapping[str, str]], values: Mapping[str, Any]
    ) -> dict[str, list[str]]:
        """Return the sentences for what `rules` says of those of the values that it takes."""
        names = inspect.signature(rules).parameters
        known = {name: values[name] for name in names if name in values}
        return self._body.sentences(rules(**known))


def ignore(request: Any, names: list[str]) -> dict[str, list[str]]:
    """Have the answer name the parameters that a call does not take.

    Returns the errors that they are to a caller who prefers strict handling.
    """
    request.ignored = names
    if not names or not prefers_strict(request):
        return {}
    return refuse(names)


def refuse(names: list[str]) -> dict[str, list[str]]:
    """Return the errors that parameters are which a call does not take."""
    return {name: [sentence("unknown", name)] for name in names}


def prefers_strict(request: flask.Request) -> bool:
    """Tell whether the caller wants unknown parameters refused (RFC 7240: handling=strict)."""
    preferences = request.headers.getlist("Prefer")
    return any(
        part.split(";")[0].replace(" ", "").replace('"', "").lower() == "handling=strict"
        for header in preferences
        for part in header.split(",")
    )
