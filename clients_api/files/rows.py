"""The rows of a file: what is read of one, what is wanted, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from clients_api.schemas.fields import sentence

# The sentences for what is wrong with a row, by column; None for the row as a whole
Errors = dict[str | None, list[str]]
Outcome = str  # `created`, `updated`, `skipped` or `failed`


class Row(NamedTuple):
    """A row as it was read: the line where it starts, its values, or why there are none."""

    line: int
    values: dict[str, Any]
    problem: str | None = None


class Rules(NamedTuple):
    """What a caller wants of rows.

    `match`, by what a row is known to be of a record that is there: `email`, `id` or `vat`;
    `on_conflict`, what becomes of it then: `fail`, `skip` or `update`; `blank`, whether blank
    cells of it `clear` or `keep` what is there.
    """

    match: str = "email"
    on_conflict: str = "fail"
    blank: str = "clear"

    def given(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the values of a row that count."""
        if self.blank == "clear":
            return values
        return {name: value for name, value in values.items() if value is not None}

    def taken(self, column: str) -> Errors:
        """Say that what a row is known by is a record's already, if that is an error."""
        return {column: [sentence("taken", column)]} if self.on_conflict == "fail" else {}
