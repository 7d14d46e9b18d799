"""Which engine a URL means. Only that one's module is loaded."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .engine import Engine

POSTGRESQL = ("postgresql", "postgres")
DRIVER = "psycopg"
URLS = (
    "sqlite:///file (relative to the instance folder), sqlite:////absolute/file or "
    "postgresql://user@host,host2/name?target_session_attrs=read-write"
)


def check(url: str) -> str:
    """Return the URL of a database. Raises ValueError for what is none."""
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite":
        _path(rest, Path())
    elif scheme not in POSTGRESQL or not rest:
        raise ValueError(URLS)
    return url


def _path(rest: str, folder: Path) -> Path:
    if not rest.startswith("/") or rest == "/" or "?" in rest:
        raise ValueError(URLS)
    return folder / rest.removeprefix("/")


def place(url: str, folder: Path) -> str:
    """Return what is the same for two URLs of the same database. Raises ValueError."""
    scheme, _, rest = check(url).partition("://")
    return str(_path(rest, folder).resolve()) if scheme == "sqlite" else rest


def open_database(url: str, folder: Path, settings: Mapping[str, Any]) -> Engine:
    """Return the database that a URL means; nothing is opened until the first query.

    In: the folder of what is relative, and all settings. Raises ValueError, whose text is a line
    that says what to do, where the engine is not installed.
    """
    scheme, _, rest = check(url).partition("://")
    if scheme == "sqlite":
        from . import sqlite

        return sqlite.Database(_path(rest, folder), settings["SQLITE_SYNCHRONOUS"])
    if importlib.util.find_spec(DRIVER) is None:
        raise ValueError(
            "of an engine that is installed: pip install 'clients-api[postgresql]', or in a "
            "checkout pip install -e '.[postgresql]'."
        )
    from . import postgresql

    return postgresql.Database(f"{POSTGRESQL[0]}://{rest}", folder)
