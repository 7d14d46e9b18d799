"""Words of SQL that only PostgreSQL knows, for queries to be composed of."""

from __future__ import annotations

from typing import Any

import peewee


def version() -> peewee.Query:
    """Compose the column `version`: which transactions are seen now.

    Two statements of one connection that see the same ones see the same data.
    """
    snapshot = peewee.fn.pg_current_snapshot().cast("TEXT")
    return peewee.Select(columns=(snapshot.alias("version"),))


def contains(text: Any, needle: Any) -> peewee.Expression:
    """Compose whether `needle` is in `text`."""
    return peewee.fn.STRPOS(text, needle) > 0


def same_value(column: Any, value: Any) -> peewee.Expression:
    """Compose whether a value of a custom field is `value`.

    The index has the digest, since a row of it holds less than a value may be long.
    """
    return (peewee.fn.MD5(column) == peewee.fn.MD5(value)) & (column == value)


def driven_by(rows: Any, model: Any, on: Any) -> peewee.Join:
    """Compose a join; which of the two it begins with, the planner chooses."""
    return peewee.Join(rows, model, peewee.JOIN.INNER, on=on)


def json_array(rows: peewee.Query, column: str) -> peewee.Query:
    """Compose the JSON text of an array of one column of `rows`, in their order.

    It is composed of its elements, since PostgreSQL's own arrays have blanks in them.
    """
    rows = rows.alias("items")
    return _joined(rows, "[", _json(getattr(rows.c, column)), "]")


def json_object(rows: peewee.Query, name: str, value: str) -> peewee.Query:
    """Compose the JSON text of an object from two columns of `rows`, in their order.

    A value of a custom field is stored as JSON text.
    """
    rows = rows.alias("items")
    member = _json(getattr(rows.c, name)).concat(":")
    return _joined(
        rows, "{", member.concat(peewee.fn.COALESCE(getattr(rows.c, value), "null")), "}"
    )


def _json(text: Any) -> Any:
    return peewee.fn.to_json(text).cast("TEXT")


def _joined(rows: Any, start: str, elements: Any, end: str) -> peewee.Query:
    joined = peewee.fn.COALESCE(peewee.fn.string_agg(elements, ","), "")
    return peewee.Select((rows,), (peewee.Value(start).concat(joined).concat(end),))
