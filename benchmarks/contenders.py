"""The systems by their names, in the order of the table."""

from __future__ import annotations

import base64
from urllib.parse import urlencode

from .dataset import Dataset
from .systems.base import Server, System, UnderGranian, UnderGunicorn, UnderUvicorn
from .systems.ours import Ours
from .systems.pocketbase import PocketBase


class DjangoREST(UnderGunicorn):
    def cursor(self, server: Server, data: Dataset) -> str:
        """Write the cursor as rest_framework.pagination.CursorPagination does."""
        return base64.b64encode(urlencode({"p": data.position[0]}).encode()).decode()


OURS, LIMIT, POCKETBASE = "ours", "limit", "PocketBase"
OURS_GRANIAN, LIMIT_GRANIAN = "ours on granian", "limit on granian"
FRAMEWORKS: dict[str, System] = {
    "FastAPI": UnderUvicorn("fastapi_sqlmodel"),
    "DRF": DjangoREST("drf"),
    "Flask": UnderGunicorn("flask_sqlalchemy"),
}
SYSTEMS: dict[str, System] = {
    OURS: Ours("gunicorn"),
    OURS_GRANIAN: Ours("granian"),
    LIMIT: UnderGunicorn("limit"),
    LIMIT_GRANIAN: UnderGranian("limit"),
    **FRAMEWORKS,
    POCKETBASE: PocketBase(),
}
