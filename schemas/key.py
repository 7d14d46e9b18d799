"""API keys: what comes in and what goes out."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from clients_api.models.base import now
from clients_api.models.key import SCOPES

from .base import DatesSchema, Group, Schema, text
from .fields import Choice, String, Timestamp
from .paging import list_query


class KeySchema(Schema):
    """An API key, without its secret."""

    id = fields.Integer(metadata={"example": 1})
    name = fields.String(metadata={"example": "billing script"})
    prefix = fields.String(metadata={"example": "ck_Zt3vQ81k"})
    scope = fields.String(metadata={"example": "write", "enum": list(SCOPES)})
    expires = text()
    last_used = text()
    dates = Group(DatesSchema)


class NewKeySchema(KeySchema):
    """A new API key; its secret is shown this once."""

    key = fields.String(metadata={"example": "ck_Zt3vQ81k…"})


class Expiry(Timestamp):
    """A time to come; of a bare date its first moment, in UTC."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        moment = super()._deserialize(value, attr, data, **kwargs)
        if moment <= now():
            raise self.make_error("future")
        return moment


class KeyCreateSchema(Schema):
    """A key to make."""

    name = String(required=True, max=100, metadata={"example": "billing script"})
    scope = Choice(SCOPES, metadata={"example": "write", "description": "`admin` if not given."})
    expires = Expiry(
        metadata={
            "description": "When the key ends (ISO 8601), later than now; never if not given. "
            "A bare date is its first moment, in UTC."
        }
    )


KeyListQuerySchema = list_query(
    "KeyListQuerySchema",
    sorts={name: name for name in ("name", "created")},
    default="created",
    order="asc",
)
