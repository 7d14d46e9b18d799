"""Clients API: clients, their users, tags and categories in SQLite, served as a REST API."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Installed, models, schemas and blueprints lie in this package; in a checkout they lie beside it,
# and links to them here show editors and type checkers where. Not everybody's git makes links.
_root = Path(__file__).parent
__path__ += [] if (_root / "models").is_dir() else [str(_root.parent)]

from .config import BadSetting  # noqa: E402 - needs the path above
from .embedding import ClientsAPI, Conflict, Gone, Invalid, NotFound  # noqa: E402
from .version import __version__  # noqa: E402

if TYPE_CHECKING:
    from .service import Service

__all__ = [
    "BadSetting",
    "ClientsAPI",
    "Conflict",
    "Gone",
    "Invalid",
    "NotFound",
    "__version__",
    "create_app",
]


def create_app(overrides: Mapping[str, Any] | None = None) -> Service:
    """Make the standalone application, as service.py does.

    Raises SystemExit for a setting that can't be used: however it was started, by flask, gunicorn
    or python, the process ends with one line and no traceback.
    """
    from . import service  # late: a host needs none of it as it starts

    try:
        return service.create_app(overrides)
    except BadSetting as error:
        raise SystemExit(str(error)) from None
