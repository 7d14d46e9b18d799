"""A whole database into another one, of the same engine or the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

import peewee

from clients_api.models import Category, ClientTotal, CustomValue
from clients_api.models.base import BaseModel
from clients_api.models.engines import migrating
from clients_api.models.engines.current import using
from clients_api.models.engines.engine import Engine
from clients_api.models.engines.errors import DatabaseUnusable

BATCH = 1000  # rows

Progress = Callable[[int, int], None]


class _Table(NamedTuple):
    model: type[peewee.Model]
    name: str
    columns: tuple[str, ...]

    def query(self) -> tuple[str, list[Any]]:
        """Compose all rows, in an order that is the same in all databases."""
        keys = self.model._meta.primary_key
        order = [
            self.model._meta.columns[name]
            for name in (
                [self.model._meta.combined[field].column_name for field in keys.field_names]
                if isinstance(keys, peewee.CompositeKey)
                else [keys.column_name]
            )
        ]
        fields = [self.model._meta.columns[name] for name in self.columns]
        return self.model.select(*fields).order_by(*order).sql()


def copy(source: Engine, target: Engine, progress: Progress = lambda done, total: None) -> int:
    """Copy all rows with their ids into an empty database; return how many there are.

    In: `progress`, told the rows done and to do. All or nothing: it is one transaction, and each
    row is read again and compared before that is committed. The source is as it is in one moment,
    and others may write to it meanwhile. The next ids go on behind the highest that were ever
    given, so that those of deleted records do not return.

    Raises DatabaseUnusable for a source that is not of this version, or a target that is not empty.
    """
    pending, is_new = migrating.status(source)
    if pending:
        what = "There is nothing in" if is_new else "Run clients-api migrate first, on"
        raise DatabaseUnusable(f"{what} the database {source.shown}.")
    migrating.prepare(target)
    tables = _tables(target.tables())
    with source.snapshot() as frozen, target.writing(patiently=True), using(target):
        _require_empty(target, tables)
        total = sum(_count(frozen, table) for table in tables)
        done = 0
        Category.delete().execute()  # the default one, which comes with the others
        for table in tables:
            for rows in _batches(frozen, table):
                written = [_converted(table, row, frozen, target) for row in rows]
                target.bulk.fill(target, table.name, table.columns, written)
                done += len(rows)
                progress(done, 2 * total)
        for table in tables:
            for count in _compare(table, frozen, target):
                done += count
                progress(done, 2 * total)
        _compare_totals(frozen, target)
        names = {table.name for table in tables}
        last = {n: id for n, id in frozen.bulk.last_ids(frozen).items() if n in names}
        target.bulk.go_on_from(target, last)
    target.bulk.settle(target)
    return total


def _tables(there: set[str]) -> list[_Table]:
    """Return the tables that hold what nothing else says, those that others refer to first."""
    models: dict[str, type[peewee.Model]] = {}
    waiting = [BaseModel]
    while waiting:
        model = waiting.pop(0)
        waiting += model.__subclasses__()
        if model._meta.table_name in there:  # others stand on those that have none
            models.setdefault(model._meta.table_name, model)
    del models[ClientTotal._meta.table_name]  # which triggers count while rows come
    ordered: dict[str, type[peewee.Model]] = {}

    def order(name: str) -> None:
        # Peewee's own order leaves out what refers to a model that is defined later.
        for other in models[name]._meta.refs.values():
            order(other._meta.table_name)
        ordered.setdefault(name, models[name])

    for name in models:
        order(name)
    return [_Table(model, name, tuple(model._meta.columns)) for name, model in ordered.items()]


def _require_empty(target: Engine, tables: Sequence[_Table]) -> None:
    for table in tables:
        # A new database has the default category.
        if _count(target, table) > (table.model is Category):
            raise DatabaseUnusable(f"The database {target.shown} is not empty.")


def _count(db: Engine, table: _Table) -> int:
    with using(db):
        return table.model.select().count()


def _batches(db: Engine, table: _Table) -> Iterator[list[tuple[Any, ...]]]:
    with using(db):
        rows = db.stream(*table.query())
    while batch := rows.fetchmany(BATCH):
        yield batch


def _converted(
    table: _Table, row: tuple[Any, ...], source: Engine, target: Engine
) -> tuple[Any, ...]:
    """Return a row as the other database stores it: values of custom fields differ."""
    if table.model is not CustomValue:
        return row
    place = table.columns.index(CustomValue.value.column_name)
    value = target.stored(source.loaded(row[place]))
    return (*row[:place], value, *row[place + 1 :])


def _compare(table: _Table, source: Engine, target: Engine) -> Iterator[int]:
    """Compare each row, and yield how many were. Raises DatabaseUnusable for one that differs."""
    batches = _batches(source, table), _batches(target, table)
    for theirs, ours in zip_longest(*batches, fillvalue=()):
        if [_converted(table, row, source, target) for row in theirs] != [*map(tuple, ours)]:
            raise DatabaseUnusable(f"The rows of {table.name} differ. Nothing was copied.")
        yield len(theirs)


def _compare_totals(source: Engine, target: Engine) -> None:
    def totals(db: Engine) -> set[tuple[Any, ...]]:
        with using(db):
            return set(ClientTotal.select().where(ClientTotal.count != 0).tuples())

    if totals(source) != totals(target):
        raise DatabaseUnusable("The totals of the clients differ. Nothing was copied.")
