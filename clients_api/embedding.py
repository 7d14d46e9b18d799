"""Clients API within another Flask application."""

from __future__ import annotations


class ClientsAPI:
    """Mounts the API in a host application under a prefix."""
