"""What is kept for a time, so that a deletion can be taken back."""

from __future__ import annotations

import peewee

from clients_api.models.base import BaseModel

from . import Event


class EventUndo(BaseModel):
    event = peewee.ForeignKeyField(Event, primary_key=True, on_delete="CASCADE", backref="+")
    expires = peewee.TextField(index=True)
    data = peewee.BlobField(null=True)
