"""PostgreSQL: one database for as many app servers as wanted."""

from .database import Database

__all__ = ["Database"]
