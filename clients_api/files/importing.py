"""Clients from files: what a row means, and what becomes of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO, NamedTuple

from clients_api.models import Category, Client, CustomField, User
from clients_api.models.client import default_name, ownership
from clients_api.models.engines.sqlite import Database
from clients_api.models.errors import Invalid
from clients_api.models.queries.record import Record
from clients_api.schemas.exchange import OWNER, OwnedRowSchema, OwnerlessRowSchema, RowReader
from clients_api.schemas.fields import sentence

from .columns import COLUMNS
from .formats import FORMATS, Row


class Problem(NamedTuple):
    """What is wrong with a row: the line where it starts, the column if it is one, a sentence."""

    line: int
    column: str | None
    message: str


@dataclasses.dataclass
class Report:
    """How many rows were created, updated and skipped, and how many were wrong."""

    created: int = 0
    updated: int = 0
    skipped: int = 0
    failed: int = 0


class Import:
    """Makes clients of rows. The models need a database, and `run` opens a transaction in it.

    In: `on_conflict`, what becomes of a row whose address owns a client already: `fail`, `skip`
    or `update`; `partial`, whether the good rows stay where some are bad; `dry_run`, whether to
    undo all; `problem`, told what is wrong, row by row; `changed`, told each client that was
    `created` or `updated`.
    """

    def __init__(
        self,
        *,
        on_conflict: str = "fail",
        partial: bool = False,
        dry_run: bool = False,
        problem: Callable[[Problem], None],
        changed: Callable[[str, Record], None] = lambda outcome, client: None,
    ) -> None:
        self._on_conflict = on_conflict
        self._partial = partial
        self._dry_run = dry_run
        self._problem = problem
        self._changed = changed

    def run(self, database: Database, stream: BinaryIO, form: str) -> Report:
        """Import a file of the format `form`. Raises BadFile; then nothing is imported.

        Where rows are wrong and it is not partial, nothing is either, and all counts but
        `failed` are 0.
        """
        with database.atomic() as transaction:
            definitions = CustomField.definitions()
            self._owned = RowReader(OwnedRowSchema(), definitions)
            self._ownerless = RowReader(OwnerlessRowSchema(), definitions)
            self._known = {*COLUMNS, "send_email", *(d.name for d in definitions)}
            report = self._take_all(FORMATS[form].read(stream, self._known))
            refused = report.failed and not self._partial
            if refused or self._dry_run:
                transaction.rollback()
        return Report(failed=report.failed) if refused else report

    def _take_all(self, rows: Iterable[Row]) -> Report:
        report = Report()
        for row in rows:
            errors: dict[str | None, list[str]] = {}
            outcome = self._take(row, errors)
            for column, messages in errors.items():
                for message in messages:
                    self._problem(Problem(row.line, column, message))
            setattr(report, outcome, getattr(report, outcome) + 1)
        return report

    def _take(self, row: Row, errors: dict[str | None, list[str]]) -> str:
        if row.problem is not None:
            errors[None] = [row.problem]
            return "failed"
        for name in sorted(row.values.keys() - self._known):
            errors[name] = [sentence("unknown", name)]
        # An export says of a client without owner that the owner's columns are empty.
        has_owner = any(row.values.get(name, "") is not None for name in OWNER)
        reader = self._owned if has_owner else self._ownerless
        values, wrong = reader.read(row.values)
        errors.update(wrong)
        owner = None
        if "email" in values:
            try:
                owner = self._owner_of(values["email"])
            except Invalid as error:
                errors.update(reader.sentences(error.rules))
        if errors:
            return "failed"
        if owner and self._on_conflict == "skip":
            return "skipped"
        outcome, client = _store(values, owner, has_owner)
        self._changed(outcome, client)
        return outcome

    def _owner_of(self, email: str) -> tuple[int, int] | None:
        owner = ownership.owned_by(email)
        if owner and self._on_conflict == "fail":
            raise Invalid(email="taken")
        return owner


def _store(
    values: dict[str, Any], owner: tuple[int, int] | None, has_owner: bool
) -> tuple[str, Record]:
    if "category" in values:
        name = values.pop("category")
        values["category_id"] = name and Category.named(name)
    if values.get("status", "") is None:
        del values["status"]
    if owner:
        return "updated", _update(*owner, values)
    register = Client.register if has_owner else Client.register_ownerless
    return "created", register(**values)


def _update(client_id: int, owner_id: int, values: dict[str, Any]) -> Record:
    person = {name: values.pop(name) for name in OWNER}
    User.change(owner_id, **person)
    values.pop("send_email", None)  # the welcome is for those who are new
    if "company_name" in values and values["company_name"] is None:
        values["company_name"] = default_name(person["first_name"], person["last_name"])
    has_tags = "tags" in values
    tags = values.pop("tags", None)
    client = Client.change(client_id, **values)
    return Client.replace_tags(client_id, tags or ()) if has_tags else client
