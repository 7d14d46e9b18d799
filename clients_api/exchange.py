"""Clients from files and into files: what a row means, and what becomes of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple

import orjson

from .formats import FORMATS, Row
from .models import Category, Client, CustomField, User, ownership
from .models.base import Record, using
from .models.client import default_name
from .models.errors import Invalid
from .models.reader import Selection
from .models.sqlite import Database
from .schemas.client import ClientChangeSchema
from .schemas.exchange import OWNER, OwnedRowSchema, OwnerlessRowSchema, RowReader
from .schemas.fields import sentence

BATCH = 500  # records that are read and written at once

# The columns of every file, with the names that the model has for them, in order.
COLUMNS: dict[str, str] = {
    **{name: name for name in OWNER},
    **{
        name: field.name
        for name, field in ClientChangeSchema(exclude=("category_id",)).parameters.items()
    },
    "status": "status",
    "category": "category_name",
    "tags": "tags",
}


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


def export(
    database: Database,
    selection: Selection,
    form: str,
    written: Callable[[int], None] = lambda count: None,
) -> Iterator[bytes]:
    """Yield the clients of a selection as a file of the format `form`, in one snapshot.

    In: `written` is told the number of clients of each part.
    """
    head, write = FORMATS[form].head, FORMATS[form].write
    with database.snapshot() as db:
        with using(db):
            custom = [definition.name for definition in CustomField.definitions()]
            rows = selection.stream()
        columns = [*COLUMNS, *custom]
        shape = _shape(selection.reader.stream_columns, custom)
        yield head(columns)
        while batch := rows.fetchmany(BATCH):
            yield write(columns, map(shape, batch))
            written(len(batch))


def _shape(columns: tuple[str, ...], custom: list[str]) -> Callable[[tuple[Any, ...]], list[Any]]:
    places = [columns.index(name) for name in COLUMNS.values()]
    tags = list(COLUMNS).index("tags")
    custom_place = columns.index("custom_fields")

    def shaped(row: tuple[Any, ...]) -> list[Any]:
        values = [row[place] for place in places]
        values[tags] = orjson.loads(values[tags])
        if custom:
            values += map(orjson.loads(row[custom_place]).get, custom)
        return values

    return shaped
