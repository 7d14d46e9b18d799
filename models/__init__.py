"""What is stored: Peewee models over SQLite. Queries and rules are methods of the models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .records import *  # noqa: F403


def __getattr__(name: str) -> Any:
    """Import the models (records.py) when the first of them is asked for.

    A host that mounts the API needs the engines at once, to judge the address of its database, but
    the models not before the first request.
    """
    if name[0].isupper():  # others are modules, which Python finds by itself
        from . import records

        globals().update({each: getattr(records, each) for each in records.__all__})
    if name not in globals():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals()[name]
