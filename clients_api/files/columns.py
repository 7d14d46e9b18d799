"""The columns of files of clients."""

from __future__ import annotations

from clients_api.schemas.client import ClientChangeSchema
from clients_api.schemas.exchange import OWNER

# The columns of every file, with the names that the model has for them, in order.
COLUMNS: dict[str, str] = {
    **{name: name for name in OWNER},
    **{
        name: str(field.name)
        for name, field in ClientChangeSchema(exclude=("category_id",)).parameters.items()
    },
    "status": "status",
    "category": "category_name",
    "tags": "tags",
}
