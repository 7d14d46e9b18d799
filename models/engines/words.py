"""Words of SQL that only SQLite knows, for queries to be composed of."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import peewee

TERMS = {  # the terms of each index
    "client_search": "client_trigram",
    "client_words": "client_words_trigram",
}
TRIGRAM = 3  # the search index knows text by its runs of three characters


def version() -> peewee.Query:
    """Compose the column `version`: a text that is another one when the database has changed.

    It holds for one connection only. SQLite counts what others commit
    (https://sqlite.org/pragma.html#pragma_data_version), and the rows that this one changes.
    """
    table = peewee.Table("pragma_data_version", ("data_version",))
    return table.select(
        table.data_version.concat(" ").concat(peewee.fn.total_changes()).alias("version")
    )


def found(index: str, asked: Any, column: Any = None) -> peewee.Query:
    """Compose `column`, if not the `id`, of the rows in which the FTS5 table `index` finds it."""
    return (
        peewee.Table(index)
        .select(peewee.SQL("rowid").alias("id") if column is None else column)
        .where(peewee.Expression(peewee.Entity(index), "MATCH", asked))
    )


def phrase(needle: Any) -> peewee.Expression:
    """Compose what finds a text: one FTS5 string, in which no character has a meaning."""
    quoted = peewee.fn.REPLACE(needle, '"', '""')
    return peewee.Value('"').concat(quoted).concat('"')


def all_of(needles: Iterable[str]) -> str:
    """Write what finds all of some texts, as `phrase` does one."""
    return " AND ".join('"' + needle.replace('"', '""') + '"' for needle in needles)


def found_short(index: str, needle: Any) -> peewee.Query:
    """Compose the `id` of the rows with a trigram that begins with `needle`, each of them once.

    In: the name of an FTS5 table, of which there is an fts5vocab table of instances; and one or
    two characters.
    """
    table = peewee.Table(TERMS[index], ("term", "doc"))
    last = peewee.Value(needle).concat(chr(sys.maxunicode) * (TRIGRAM - 1))
    begins = (table.term >= needle) & (table.term <= last)
    return table.select(table.doc.alias("id")).where(begins).distinct()


def ids_in(array: Any) -> peewee.Query:
    """Compose the elements of a JSON array, as the column `id`."""
    elements = peewee.fn.json_each(array).alias("element")
    return peewee.Select((elements,), (peewee.Entity("element", "value").alias("id"),))


def json_array(rows: peewee.Query, column: str) -> peewee.Query:
    """Compose the JSON text of an array of one column of `rows`, in their order."""
    rows = rows.alias("items")
    return peewee.Select((rows,), (peewee.fn.json_group_array(getattr(rows.c, column)),))


def json_object(rows: peewee.Query, name: str, value: str) -> peewee.Query:
    """Compose the JSON text of an object from two columns of `rows`, in their order."""
    rows = rows.alias("items")
    pair = getattr(rows.c, name), getattr(rows.c, value)
    return peewee.Select((rows,), (peewee.fn.json_group_object(*pair),))
