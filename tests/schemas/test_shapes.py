"""The compiled shape of a row is what marshmallow would dump of it, byte for byte."""

from __future__ import annotations

import json
import random
import sqlite3

import orjson
import pytest
from marshmallow import fields

from clients_api import blueprints
from clients_api.models import (
    Client,
    category,
    client,
    contact,
    custom_field,
    key,
    tag,
    team,
    webhook,
)
from clients_api.models.client.duplicates import Groups
from clients_api.models.engines.current import using
from clients_api.models.events import reading
from clients_api.models.queries.record import Record
from clients_api.schemas import base as schemas
from clients_api.schemas.base import Computed, DeletedRecordSchema, Group, JSONText, Schema, shape
from clients_api.schemas.category import CategorySchema
from clients_api.schemas.client import ClientSchema
from clients_api.schemas.contact import ContactSchema
from clients_api.schemas.custom_field import CustomFieldSchema
from clients_api.schemas.duplicates import DuplicatesSchema
from clients_api.schemas.event import EventSchema, UndoneRecordSchema
from clients_api.schemas.exchange import ImportReportSchema
from clients_api.schemas.key import CreatedKeySchema, KeySchema
from clients_api.schemas.tag import ClientTagSchema
from clients_api.schemas.team import TeamMemberSchema
from clients_api.schemas.webhook import WebhookSchema, WebhookSecretSchema, WebhookTestSchema
from clients_api.webhooks import testing

SHAPES = {
    ClientSchema: client.reader.columns,
    ContactSchema: contact.reader.columns,
    CategorySchema: category.reader.columns,
    TeamMemberSchema: team.reader.columns,
    ClientTagSchema: tag.reader.columns,
    CustomFieldSchema: custom_field.reader.columns,
    KeySchema: key.reader.columns,
    CreatedKeySchema: (*key.reader.columns, "key"),
    EventSchema: reading.reader.columns,
    WebhookSchema: webhook.reader.columns,
    WebhookSecretSchema: (*webhook.reader.columns, "secret"),
    WebhookTestSchema: testing.COLUMNS,
    DeletedRecordSchema: ("id",),
    DuplicatesSchema: Groups.columns,
}
MADE_OF_NO_ROW = {Schema, ImportReportSchema, UndoneRecordSchema}
LETTERS = "abc XYZ\"\\/'<>&%\t\n\r\b\f\x01\x1f\x7f\u0080éßİÅ東京عربى\u2028\u2029\ufeff\U0001f600"


def leaves(schema):
    """Return, by column, the field of each value that a schema dumps, and the columns of keys."""
    found, nullable = {}, set()
    for name, field in schema.dump_fields.items():
        if isinstance(field, Group):
            inner, more = leaves(field.schema)
            found |= inner
            nullable |= more | ({field.key} if field.key else set())
        elif not isinstance(field, Computed):
            found[field.attribute or name] = field
    return found, nullable


class Rows:
    """Draws random rows. What the database hands over as JSON text is written by SQLite here."""

    def __init__(self, schema, columns, seed):
        self._draw = random.Random(seed)
        self._columns = columns
        self._fields, self._nullable = leaves(schema())
        self._database = sqlite3.connect(":memory:")

    def close(self):
        self._database.close()

    def row(self):
        return tuple(self._value(name) for name in self._columns)

    def _value(self, name):
        if name == "changes":
            names = ("status", "billing_city", "custom_fields.code")
            changes = {name: [self._json_value(), self._json_value()] for name in names}
            return self._draw.choice([None, json.dumps(changes)])
        field = self._fields.get(name)
        draw = self._draw
        nullable = name in self._nullable or (field is not None and field.allow_none)
        if nullable and draw.random() < 0.3:
            return None
        if isinstance(field, JSONText):
            return self._json(is_object=field.omit == "{}")
        if isinstance(field, schemas.Rows):
            inner = Rows(field.schema, field.columns, seed=draw.random())
            rows = [inner.row() for _ in range(draw.randrange(3))]
            inner.close()
            return rows
        if isinstance(field, fields.Integer):
            return draw.choice([0, 1, -1, 2**31, 2**63 - 1, draw.randrange(10**6)])
        return self._text()

    def _text(self):
        length = self._draw.choice([0, 1, 3, 20, 60])
        return "".join(self._draw.choice(LETTERS) for _ in range(length))

    def _json(self, *, is_object):
        rows = [(self._text(), self._json_value()) for _ in range(self._draw.randrange(4))]
        if not is_object:
            query = "SELECT json_group_array(value ->> 0) FROM json_each(?)"
            return self._database.execute(query, [json.dumps([[n] for n, _ in rows])]).fetchone()[0]
        rows = [(f"field_{number}", value) for number, (_, value) in enumerate(rows)]
        self._database.execute("CREATE TEMP TABLE IF NOT EXISTS pair (name, value)")
        self._database.execute("DELETE FROM pair")
        self._database.executemany("INSERT INTO pair VALUES (?, ?)", rows)
        query = "SELECT json_group_object(name, value) FROM pair"
        return self._database.execute(query).fetchone()[0]

    def _json_value(self):
        return self._draw.choice([None, 0, 7, -(2**53), 1.5, -0.25, 123456.789, self._text()])


@pytest.mark.parametrize("schema", SHAPES, ids=lambda schema: schema.__name__)
def test_a_shape_is_what_the_schema_dumps(schema):
    columns = SHAPES[schema]
    shaped, dumper = shape(schema, columns), schema()
    rows = Rows(schema, columns, seed=schema.__name__)
    seen = set()
    for _ in range(1000):
        row = rows.row()
        ours = orjson.dumps(shaped(row))
        assert ours == orjson.dumps(dumper.dump(Record(columns, row))), row
        seen.add(ours)
    rows.close()
    assert len(seen) > 1


def test_the_rows_of_a_real_database_are_shaped_alike(api, make_client):
    for name in ("text", "number", "decimal", "date", "checkbox"):
        body = {"title": name, "name": f"a_{name}", "type": name}
        assert api.post("/custom-fields", body).status_code == 201
    draw = random.Random(3)
    for number in range(30):
        titles = ["".join(draw.choices(LETTERS.replace("\x01", ""), k=9)) for _ in range(3)]
        make_client(
            tags=titles,
            client_description=titles[0],
            a_text=titles[1] or None,
            a_number=number,
            a_decimal=number / 8,
            a_date="2026-01-31",
            a_checkbox="yes" if number % 2 else None,
        )
    columns = client.reader.columns
    with using(api.app.database):
        rows = Client.matching().page(sort="created", descending=False, limit=100, offset=0)
    assert len(rows) == 30
    for row in rows:
        row = row[: len(columns)]
        ours = orjson.dumps(shape(ClientSchema, columns)(row))
        assert ours == orjson.dumps(ClientSchema().dump(Record(columns, row)))


def test_every_schema_that_goes_out_is_tested_here():
    schemas = set()
    for blueprint in blueprints.BLUEPRINTS:
        for operation in blueprint.operations:
            schemas.add(operation.answer.schema)
            schemas |= {include.schema for include in operation.answer.includes.values()}
    assert len(schemas) > 5
    assert schemas - MADE_OF_NO_ROW <= set(SHAPES)


def test_what_is_to_be_left_out_is_left_out():
    columns = client.reader.columns
    row = dict.fromkeys(columns, "x") | {"tags": "[]", "custom_fields": "{}", "owner_id": None}
    data = orjson.loads(orjson.dumps(shape(ClientSchema, columns)(tuple(row.values()))))
    assert "custom_fields" not in data
    assert data["owner"] is None
    assert data["tags"] == []


def test_a_shape_is_compiled_once():
    columns = tag.reader.columns
    assert shape(ClientTagSchema, columns) is shape(ClientTagSchema, columns)
    assert shape(ClientTagSchema, columns) is not shape(ClientTagSchema, (*columns, "sort_key"))


def test_a_column_that_is_missing_is_an_error_at_once():
    with pytest.raises(ValueError, match="tuple"):
        shape(ClientTagSchema, ("id",))
