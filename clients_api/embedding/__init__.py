"""Clients API within another Flask application: mounted under a prefix, and called in Python.

A host pays when it uses it: what is imported as the host starts is little, and the service behind
a mount is made with the first request, session or command.
"""

from .errors import Conflict, Gone, Invalid, NotFound
from .extension import ClientsAPI

__all__ = ["ClientsAPI", "Conflict", "Gone", "Invalid", "NotFound"]
