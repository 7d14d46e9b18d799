"""SQLModel's models over the tables and indexes of our own schema; see fastapi_sqlmodel.py."""

import datetime

import sqlalchemy as sa
from sqlmodel import Field, Relationship, SQLModel

ADDRESS = ("street", "city", "state", "zip", "country")


def now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Times(SQLModel):
    created: str = Field(default_factory=now)
    updated: str = Field(default_factory=now)


class Category(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    name: str
    system_default: str


class Tag(Times, table=True):
    id: int | None = Field(default=None, primary_key=True)
    title: str
    title_key: str = Field(unique=True)


class ClientTag(SQLModel, table=True):
    __tablename__ = "client_tag"
    client_id: int | None = Field(default=None, primary_key=True, foreign_key="client.id")
    tag_id: int | None = Field(default=None, primary_key=True, foreign_key="tag.id")
    position: int
    tag: Tag = Relationship()


class User(Times, table=True):
    id: int | None = Field(default=None, primary_key=True)
    client_id: int | None = Field(default=None, foreign_key="client.id")
    first_name: str
    first_name_key: str
    last_name: str
    last_name_key: str
    email: str
    email_key: str | None = Field(unique=True)
    type: str = "client"
    account_owner: str = "yes"
    status: str = "active"
    role_id: int = 2

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


class Client(Times, table=True):
    id: int | None = Field(default=None, primary_key=True)
    company_name: str
    name_key: str
    description: str | None = None
    status: str = "active"
    phone: str | None = None
    website: str | None = None
    vat: str | None = None
    category_id: int = Field(foreign_key="category.id")
    billing_street: str | None = None
    billing_city: str | None = None
    billing_state: str | None = None
    billing_zip: str | None = None
    billing_country: str | None = None
    billing_invoice_due_days: int | None = None
    shipping_street: str | None = None
    shipping_city: str | None = None
    shipping_state: str | None = None
    shipping_zip: str | None = None
    shipping_country: str | None = None
    category: Category = Relationship()
    owner: User | None = Relationship(
        sa_relationship_kwargs={
            "primaryjoin": lambda: (
                (sa.orm.foreign(User.client_id) == Client.id) & (User.account_owner == "yes")
            ),
            "uselist": False,
        }
    )
    tag_links: list[ClientTag] = Relationship(
        sa_relationship_kwargs={"order_by": ClientTag.position, "viewonly": True}
    )

    @property
    def billing(self) -> dict[str, str | int | None]:
        address = {name: getattr(self, f"billing_{name}") for name in ADDRESS}
        return address | {"invoice_due_days": self.billing_invoice_due_days}

    @property
    def shipping(self) -> dict[str, str | None]:
        return {name: getattr(self, f"shipping_{name}") for name in ADDRESS}

    @property
    def dates(self) -> dict[str, str]:
        return {"created": self.created, "updated": self.updated}

    @property
    def tags(self) -> list[str]:
        return [link.tag.title for link in self.tag_links]
