"""Flask-SQLAlchemy's models over the tables of our own schema; see flask_sqlalchemy.py."""

from __future__ import annotations

import datetime

import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import Mapped, mapped_column, relationship

db = SQLAlchemy()


def now():
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Times:
    created: Mapped[str] = mapped_column(default=now)
    updated: Mapped[str] = mapped_column(default=now, onupdate=now)


class Category(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    system_default: Mapped[str]


class Tag(Times, db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    title_key: Mapped[str] = mapped_column(unique=True)


class ClientTag(db.Model):
    client_id: Mapped[int] = mapped_column(sa.ForeignKey("client.id"), primary_key=True)
    tag_id: Mapped[int] = mapped_column(sa.ForeignKey("tag.id"), primary_key=True)
    position: Mapped[int]
    tag: Mapped[Tag] = relationship()


class User(Times, db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    client_id: Mapped[int | None] = mapped_column(sa.ForeignKey("client.id"))
    first_name: Mapped[str]
    first_name_key: Mapped[str]
    last_name: Mapped[str]
    last_name_key: Mapped[str]
    email: Mapped[str]
    email_key: Mapped[str | None] = mapped_column(unique=True)
    type: Mapped[str] = mapped_column(default="client")
    account_owner: Mapped[str] = mapped_column(default="yes")
    status: Mapped[str] = mapped_column(default="active")
    role_id: Mapped[int] = mapped_column(default=2)

    @property
    def name(self):
        return f"{self.first_name} {self.last_name}"


class Client(Times, db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    company_name: Mapped[str]
    name_key: Mapped[str]
    description: Mapped[str | None]
    status: Mapped[str] = mapped_column(default="active")
    phone: Mapped[str | None]
    website: Mapped[str | None]
    vat: Mapped[str | None]
    category_id: Mapped[int] = mapped_column(sa.ForeignKey("category.id"))
    billing_street: Mapped[str | None]
    billing_city: Mapped[str | None]
    billing_state: Mapped[str | None]
    billing_zip: Mapped[str | None]
    billing_country: Mapped[str | None]
    billing_invoice_due_days: Mapped[int | None]
    shipping_street: Mapped[str | None]
    shipping_city: Mapped[str | None]
    shipping_state: Mapped[str | None]
    shipping_zip: Mapped[str | None]
    shipping_country: Mapped[str | None]
    category: Mapped[Category] = relationship()
    owner: Mapped[User | None] = relationship(
        primaryjoin=lambda: (User.client_id == Client.id) & (User.account_owner == "yes")
    )
    tag_links: Mapped[list[ClientTag]] = relationship(order_by=ClientTag.position, viewonly=True)

    @property
    def tags(self):
        return [link.tag.title for link in self.tag_links]

    @property
    def itself(self):
        """The object that the nested schemas of addresses and dates read."""
        return self

    billing = shipping = dates = itself
