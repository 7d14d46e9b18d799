"""The systems by their names, in the order of the table."""

from __future__ import annotations

import base64
from urllib.parse import urlencode

from .dataset import Dataset
from .systems.base import Server, System, UnderGunicorn, UnderUvicorn
from .systems.ours import Ours
from .systems.pocketbase import PocketBase


class DjangoREST(UnderGunicorn):
    def cursor(self, server: Server, data: Dataset) -> str:
        """Write the cursor as rest_framework.pagination.CursorPagination does."""
        return base64.b64encode(urlencode({"p": data.position[0]}).encode()).decode()


OURS, LIMIT, POCKETBASE = "ours", "limit", "PocketBase"
LIMIT_OURS = "limit on our worker"
OUR_WORKER = "clients_api.worker.Worker"
FRAMEWORKS: dict[str, System] = {
    "FastAPI": UnderUvicorn("fastapi_sqlmodel"),
    "DRF": DjangoREST("drf"),
    "Flask": UnderGunicorn("flask_sqlalchemy"),
}
SYSTEMS: dict[str, System] = {
    OURS: Ours(),
    LIMIT: UnderGunicorn("limit"),
    LIMIT_OURS: UnderGunicorn("limit", OUR_WORKER),
    **FRAMEWORKS,
    POCKETBASE: PocketBase(),
}
