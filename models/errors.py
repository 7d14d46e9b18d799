"""What a model may refuse. Models know no HTTP: the API turns these into answers, in one place."""

from __future__ import annotations

from collections.abc import Mapping


class DomainError(Exception):
    """A rule of the domain forbids what was asked."""


class NotFound(DomainError):
    """There is no such record; `noun` is what a person calls it: client, contact, category…

    In: also the id of the record that it was merged into, where it was.
    """

    def __init__(self, noun: str, merged_into: int | None = None) -> None:
        super().__init__(f"The {noun} could not be found.")
        self.merged_into = merged_into


class Conflict(DomainError):
    """The state of the record forbids the change; the message says why, and what to do.

    In: also `rules`, which values break which: by what is shown of them, the field and the rule.
    """

    def __init__(self, message: str, rules: Mapping[str, tuple[str, str]] | None = None) -> None:
        super().__init__(message)
        self.rules = rules or {}


class Gone(DomainError):
    """What was asked for is no longer kept; the message says what to do instead."""


class BadFile(DomainError):
    """A file of records can't be read; the message is one line that says why, and where."""


class Invalid(DomainError):
    """Values that only the database can judge are wrong.

    `rules` maps the model's word for a value to the rule it breaks: `exists`, `taken`, …
    The schema that took the value in knows the name of the parameter and the rule's wording.
    """

    def __init__(self, **rules: str) -> None:
        super().__init__(", ".join(f"{name}: {rule}" for name, rule in rules.items()))
        self.rules = rules
