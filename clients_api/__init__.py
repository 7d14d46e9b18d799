"""Clients API: clients, their users, tags and categories in SQLite, served as a REST API."""

from pathlib import Path

# Installed, models, schemas and blueprints lie in this package; in a checkout they lie beside it,
# and links to them here show editors and type checkers where. Not everybody's git makes links.
_root = Path(__file__).parent
__path__ += [] if (_root / "models").is_dir() else [str(_root.parent)]

from .embedding import ClientsAPI  # noqa: E402 - needs the path above
from .service import create_app  # noqa: E402
from .version import __version__  # noqa: E402

__all__ = ["ClientsAPI", "__version__", "create_app"]
