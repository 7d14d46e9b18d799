"""Records from files: what becomes of the rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import BinaryIO, NamedTuple, Protocol

from clients_api.models import Category, Tag
from clients_api.models.engines import indexing
from clients_api.models.engines.sqlite import Database

from .client_rows import ClientRows
from .columns import Known
from .contact_rows import ContactRows
from .formats import FORMATS
from .rows import Errors, Outcome, Row, Rules

NAMES_MAX = 1000  # of new categories and tags that a report names; it counts them all


class Problem(NamedTuple):
    """What is wrong with a row: the line where it starts, the column if it is one, a sentence."""

    line: int
    column: str | None
    message: str


@dataclasses.dataclass
class Report:
    """How many rows were created, updated and skipped, and how many were wrong.

    Besides, how many categories and tags were made for them, and the names of the first of these.
    """

    created: int = 0
    updated: int = 0
    skipped: int = 0
    failed: int = 0
    categories_created: int = 0
    tags_created: int = 0
    new_categories: list[str] = dataclasses.field(default_factory=list)
    new_tags: list[str] = dataclasses.field(default_factory=list)


class Rows(Protocol):
    """What makes records of rows."""

    known: Known

    def take(self, row: Row, errors: Errors) -> Outcome:
        """Make a record of a row. Adds to `errors` what is wrong; then nothing is changed."""


class Import:
    """Makes records of rows. The models need a database; `run` has its transaction, as a whole.

    In: `rules`, what the caller wants of rows; `contacts`, whether they are users of clients and
    not clients; `encoding`, of the file, where it does not say so itself; `raw`, whether its cells
    are taken as they stand; `partial`, whether the good rows stay where some are bad; `problem`,
    told what is wrong, row by row.
    """

    def __init__(
        self,
        rules: Rules,
        *,
        contacts: bool = False,
        encoding: str | None = None,
        raw: bool = False,
        partial: bool = False,
        problem: Callable[[Problem], None],
    ) -> None:
        self._rules = rules
        self._contacts = contacts
        self._encoding = encoding
        self._raw = raw
        self._partial = partial
        self._problem = problem

    def run(self, database: Database, stream: BinaryIO, form: str) -> Report:
        """Import a file of the format `form`. Raises BadFile; then nothing is imported.

        Where rows are wrong and it is not partial, nothing is either, and all counts but
        `failed` are 0.
        """
        # That of the request, where one is open. Within a savepoint SQLite would keep a copy of the
        # pages that each statement changes, in memory, until the last row.
        with database.transaction() as transaction:
            last_category, last_tag = Category.last_id(), Tag.last_id()
            rows = (ContactRows if self._contacts else ClientRows)(self._rules)
            read = FORMATS[form].read
            taken = read(stream, rows.known, encoding=self._encoding, raw=self._raw)
            report = self._take_all(rows, indexing.in_bulk(database, taken))
            made = Category.made_after(last_category, "name", NAMES_MAX)
            report.categories_created, report.new_categories = made
            report.tags_created, report.new_tags = Tag.made_after(last_tag, "title", NAMES_MAX)
            refused = report.failed and not self._partial
            if refused:
                transaction.rollback()
        return Report(failed=report.failed) if refused else report

    def _take_all(self, taker: Rows, rows: Iterable[Row]) -> Report:
        report = Report()
        for row in rows:
            errors: Errors = {}
            if row.problem is not None:
                errors[None] = [row.problem]
                outcome = "failed"
            else:
                outcome = taker.take(row, errors)
            for column, messages in errors.items():
                for message in messages:
                    self._problem(Problem(row.line, column, message))
            setattr(report, outcome, getattr(report, outcome) + 1)
        return report
