"""What a session raises, in the words of the API's answers."""

from __future__ import annotations

from collections.abc import Mapping


class Invalid(ValueError):
    """Values are wrong, and nothing was changed; a 422 over HTTP.

    `errors` has the sentences by parameter: `{"email": ["The email has already been taken."]}`.
    """

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        super().__init__(" ".join(sentence for each in errors.values() for sentence in each))
        self.errors = dict(errors)


class NotFound(LookupError):
    """There is no such record; a 404 over HTTP."""


class Conflict(Exception):
    """The state of the record forbids the change; a 409 over HTTP. Says why, and what to do.

    `errors` has, where values are in the way, the sentences by what is shown of them.
    """

    def __init__(self, message: str, errors: Mapping[str, list[str]] | None = None) -> None:
        super().__init__(message)
        self.errors = dict(errors or {})


class Gone(Exception):
    """What was asked for is no longer kept; a 410 over HTTP. Says what to do instead."""
