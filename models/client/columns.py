"""What is read of clients: the columns, the filters and the sorts; client_search.py adds to them.

The functions take the model of clients, which is built on this module.
"""

from __future__ import annotations

from typing import Any

import peewee

from clients_api.models.category import Category
from clients_api.models.custom_field import CustomField, CustomValue
from clients_api.models.engines import words
from clients_api.models.tag import ClientTag, Tag
from clients_api.models.user import User, full_name

Owner = User.alias("owner")
OWNER_COLUMNS = (Owner.first_name, Owner.last_name, Owner.email)


def client_columns(client: Any) -> tuple[Any, ...]:
    """Return what is read of every client."""
    return (
        client.id,
        client.company_name,
        client.description,
        client.status,
        client.phone,
        client.website,
        client.vat,
        Category.id.alias("category_id"),
        Category.name.alias("category_name"),
        Owner.id.alias("owner_id"),
        full_name(Owner).alias("owner_name"),
        client.billing_street,
        client.billing_city,
        client.billing_state,
        client.billing_zip,
        client.billing_country,
        client.billing_invoice_due_days,
        client.shipping_street,
        client.shipping_city,
        client.shipping_state,
        client.shipping_zip,
        client.shipping_country,
        client.created,
        client.updated,
        _tags(client).alias("tags"),
        _custom_fields(client).alias("custom_fields"),
    )


def _tags(client: Any) -> peewee.Query:
    titles = Tag.select(Tag.title).join(ClientTag).where(ClientTag.client == client.id)
    return words.json_array(titles.order_by(ClientTag.position), "title")


def _custom_fields(client: Any) -> peewee.Case:
    values = CustomField.select(CustomField.name, CustomValue.value).join(
        CustomValue,
        peewee.JOIN.LEFT_OUTER,
        on=(CustomValue.field == CustomField.id) & (CustomValue.client == client.id),
    )
    ordered = values.order_by(CustomField.position, CustomField.id)
    # Whether there are any at all is asked once for all clients of a list.
    defined = peewee.fn.EXISTS(CustomField.select(CustomField.id))
    return peewee.Case(None, [(defined, words.json_object(ordered, "name", "value"))], "{}")


def join_to_client(query: peewee.ModelSelect, client: Any) -> peewee.ModelSelect:
    """Add to a select of clients the tables that the columns need."""
    # Written out, not bound: only so is it known that the partial index has all these rows.
    is_owner = Owner.account_owner == peewee.SQL("'yes'")
    return query.join_from(client, Category).join_from(
        client, Owner, peewee.JOIN.LEFT_OUTER, on=(Owner.client == client.id) & is_owner
    )


def client_conditions(client: Any) -> dict[str, Any]:
    """Return the filters of lists of clients."""
    return {
        "status": lambda value: client.status == value,
        "category_id": lambda value: client.category == value,
        "owner_id": lambda value: _has_user(client, User.id == value, User.account_owner == "yes"),
        "email": lambda key: _has_user(client, User.email_key == key),
        "nothing": lambda: peewee.SQL("1 = 0"),
        "tag": lambda *keys: _has_tags(client, *keys),
        "created_after": lambda moment: client.created >= moment,
        "created_before": lambda moment: client.created < moment,
        "updated_after": lambda moment: client.updated >= moment,
        "updated_before": lambda moment: client.updated < moment,
        "touched": lambda first, last: client.updated.between(first, last),
        "custom": lambda field_id, value: _has_value(client, field_id, value),
    }


def _has_user(client: Any, *conditions: Any) -> peewee.Expression:
    return client.id.in_(User.select(User.client).where(*conditions))


def _has_tags(client: Any, *keys: Any) -> peewee.Expression:
    marked = ClientTag.select(ClientTag.client).join(Tag).where(Tag.title_key.in_(keys))
    if len(keys) > 1:
        marked = marked.group_by(ClientTag.client).having(
            peewee.fn.COUNT(peewee.SQL("*")) == len(keys)
        )
    return client.id.in_(marked)


def _has_value(client: Any, field_id: Any, value: Any) -> peewee.Expression:
    holders = CustomValue.select(CustomValue.client).where(
        CustomValue.field == field_id, words.same_value(CustomValue.value, value)
    )
    return client.id.in_(holders)


def client_sorts(client: Any) -> dict[str, Any]:
    """Return the orders of lists of clients."""
    return {
        "name": client.name_key,
        "status": client.status,
        "created": client.created,
        "updated": client.updated,
        "id": client.id,
    }
