"""Which engine a URL means. Only that one's module is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .engine import Engine

URLS = "sqlite:///file (relative to the instance folder) or sqlite:////absolute/file"


def check(url: str) -> str:
    """Return the URL of a database. Raises ValueError for what is none."""
    _path(url, Path())
    return url


def _path(url: str, folder: Path) -> Path:
    scheme, _, rest = url.partition(":///")
    if scheme != "sqlite" or not rest or "?" in rest:
        raise ValueError(URLS)
    return folder / rest


def open_database(url: str, folder: Path, settings: Mapping[str, Any]) -> Engine:
    """Return the database that a URL means; nothing is opened until the first query.

    In: the folder of what is relative, and all settings. Raises ValueError.
    """
    from . import sqlite

    return sqlite.Database(_path(url, folder), settings["SQLITE_SYNCHRONOUS"])
