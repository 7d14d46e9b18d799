"""API keys: what comes in and what goes out."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from clients_api.models.base import now
from clients_api.models.key import SCOPES

from .base import AnswerSchema, Group, RecordDatesSchema, Schema, moment
from .fields import Choice, String, Timestamp
from .fields.metadata import told
from .paging import list_query


class KeySchema(AnswerSchema):
    """An API key, without its secret."""

    id = fields.Integer(metadata=told("The id of the key.", 1))
    name = fields.String(metadata=told("What it is for.", "billing script"))
    prefix = fields.String(metadata=told("How its secret begins.", "ck_Zt3vQ81k"))
    scope = fields.String(metadata=told("What it may do.", "write", enum=list(SCOPES)))
    expires = moment("When it ends (UTC); null for never.", None, allow_none=True)
    last_used = moment(
        "When it was last used (UTC), give or take a minute; null for never.",
        None,
        allow_none=True,
    )
    dates = Group(RecordDatesSchema)


class CreatedKeySchema(KeySchema):
    """A new API key; its secret is shown this once."""

    key = fields.String(metadata=told("The secret that a caller shows.", "ck_Zt3vQ81k…"))


class Expiry(Timestamp):
    """A time to come; of a bare date its first moment, in UTC."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        moment = super()._deserialize(value, attr, data, **kwargs)
        if moment <= now():
            raise self.make_error("future")
        return moment


class KeyCreateSchema(Schema):
    """A key to make."""

    name = String(required=True, max=100, metadata=told("What it is for.", "billing script"))
    scope = Choice(SCOPES, metadata=told("What it may do; `admin` if not given.", "write"))
    expires = Expiry(
        metadata=told(
            "When the key ends (ISO 8601), later than now; never if not given. "
            "A bare date is its first moment, in UTC."
        )
    )


KeyListQuerySchema = list_query(
    "KeyListQuerySchema",
    sorts={name: name for name in ("name", "created")},
    default="created",
    order="asc",
)
