"""SQLite: the service's own file, with nothing to be set up."""

from .database import Database

__all__ = ["Database"]
