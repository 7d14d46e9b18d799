"""The outbox: mail is queued in the transaction of the change that causes it, and sent later."""

from __future__ import annotations

import json

import peewee

from .base import BaseModel, now


class Mail(BaseModel):
    template = peewee.TextField()
    recipient = peewee.TextField()
    context = peewee.TextField()
    status = peewee.TextField()
    attempts = peewee.IntegerField()
    due = peewee.TextField()
    error = peewee.TextField(null=True)
    created = peewee.TextField()
    updated = peewee.TextField()

    @classmethod
    def queue_welcome(
        cls, email: str, first_name: str, last_name: str, company_name: str | None
    ) -> None:
        """Queue the welcome e-mail to a new user; it is sent if and when this is committed."""
        context = {
            "first_name": first_name,
            "last_name": last_name,
            "company_name": company_name,
        }
        moment = now()
        cls.insert_row(
            template="welcome",
            recipient=email,
            context=json.dumps(context, ensure_ascii=False),
            status="pending",
            attempts=0,
            due=moment,
            created=moment,
            updated=moment,
        )
