"""Import and export: what a row holds, the options, and the report."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Mapping
from typing import Any

import marshmallow as ma
from marshmallow import fields

from clients_api.models.client import NAME_LENGTH, STATUSES
from clients_api.models.custom_field import Definition

from .base import AnswerSchema, QuerySchema, Schema, text
from .client import ClientChangeSchema, ClientCreateSchema, ClientListQuerySchema, tag_titles
from .contact import ContactCreateSchema
from .custom_field import value_field
from .fields import Choice, Id, Integer, String, YesNo, is_unicode
from .fields.flags import Flag
from .fields.metadata import told
from .paging import PageQuerySchema

FORMATS = ("csv", "ndjson")
CONFLICTS = ("fail", "skip", "update")
MATCHES = ("email", "id", "vat")
BLANKS = ("clear", "keep")
OWNER = ("first_name", "last_name", "email")
_FRACTION_OF_ZEROS = re.compile(r"\.0+\Z")


class RowSchema(Schema):
    """What a row of a file holds besides the parameters of the API."""

    class Meta(Schema.Meta):
        exclude = ("category_id",)  # ids differ from one database to another; names don't

    id = Id()
    status = Choice(STATUSES)
    category = String(max=150)
    tags = tag_titles()


class OwnedRowSchema(ClientCreateSchema, RowSchema):
    """A client and its owner, as a row of a file holds them."""


class OwnerlessRowSchema(ClientChangeSchema, RowSchema):
    """A client that nobody owns, as a row of a file holds it: the owner's columns are empty."""


class ContactRowSchema(ContactCreateSchema):
    """A user of a client, as a row of a file holds it."""

    class Meta(Schema.Meta):
        exclude = ("client_id", "send_email", "type")

    id = Id()
    account_owner = YesNo()
    client = Id(data_key="client_id")
    client_name = String(data_key="client_company_name", max=NAME_LENGTH)


class RowReader:
    """Loads rows as a schema does, with the custom fields, at a third of the time.

    In: the schema, whose fields judge each value on its own; the custom fields that are defined.
    """

    def __init__(self, schema: Schema, definitions: Iterable[Definition]) -> None:
        self._schema = schema
        named = schema.parameters.items()
        self._fields = tuple(_Column(name, field, field.name) for name, field in named)
        self._custom = tuple(_Column(d.name, value_field(d), d.id) for d in definitions)
        columns = (*self._fields, *self._custom)
        self._whole = tuple(c.name for c in columns if isinstance(c.field, Integer))

    def read(self, params: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, list[str]]]:
        """Return the values, and the sentences for what is not valid by column.

        The values of custom fields stand in `custom`, by the id of the field.
        """
        errors: dict[str, list[str]] = {}
        params = self._with_whole_numbers(params)
        values = _load(self._fields, params, errors)
        values["custom"] = _load(self._custom, params, errors)
        return values, errors

    def _with_whole_numbers(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        # pandas writes 15.0 where other cells of the column are blank.
        for name in self._whole:
            value = params.get(name)
            if isinstance(value, str) and "." in value:
                params = {**params, name: _FRACTION_OF_ZEROS.sub("", value)}
        return params

    def sentences(self, rules: Mapping[str, str]) -> dict[str, list[str]]:
        """Say in words which rules of the model the values break, by column."""
        return self._schema.sentences(rules)


class _Column:
    """A column of a file: the field that judges its values, and what the model calls it."""

    def __init__(self, name: str, field: fields.Field, key: Any) -> None:
        self.name = name
        self.field = field
        self.key = key
        self.most = 0
        if type(field) is String and field.pattern is None:
            self.most = field.limits["max"] or 0


def _load(
    columns: tuple[_Column, ...],
    params: Mapping[str, Any],
    errors: dict[str, list[str]],
) -> dict[Any, Any]:
    values: dict[Any, Any] = {}
    for column in columns:
        value = params.get(column.name, ma.missing)
        # What most cells are, text in which nothing can be wrong, need not be asked about further.
        is_short = type(value) is str and len(value) <= column.most
        if is_short and "\0" not in value and (value.isascii() or is_unicode(value)):
            values[column.key] = value
            continue
        field = column.field
        if value is None and field.allow_none:
            values[column.key] = None
        elif value is not ma.missing or field.required:
            try:
                values[column.key] = field.deserialize(value)
            except ma.ValidationError as error:
                wrong = error.messages
                # An array names its elements itself: tags.1
                errors.update(wrong if isinstance(wrong, dict) else {column.name: list(wrong)})
    return values


# What Python has for uses of its own, and no file is written in: "Python Specific Encodings" of
# its documentation (codecs), and what those are made with.
_PYTHONS_OWN = {"charmap", "idna", "mbcs", "oem", "palmos", "punycode", "undefined"} | {
    "raw-unicode-escape",
    "unicode-escape",
}


def canonical_encoding(name: str) -> str | None:
    """Return Python's name of an encoding in which the lines of a file can be found, or None."""
    try:
        found = codecs.lookup(name).name
        if found in _PYTHONS_OWN:
            return None
        ascii_ = bytes(range(32, 127))
        if found.startswith(("utf-16", "utf-32")) or ascii_.decode(found).encode() == ascii_:
            return "utf-8" if found == "utf-8-sig" else found
    except (LookupError, ValueError):
        return None  # no encoding, or none of text
    return None


class EncodingName(String):
    """The name of an encoding, as Python and the IANA know it."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        name = super()._deserialize(value, attr, data, **kwargs)
        if canonical_encoding(name) is None:
            raise self.make_error("choice")
        return name


class ImportQuerySchema(QuerySchema):
    """How to import."""

    format = Choice(FORMATS, metadata=told("What Content-Type says, if not given."))
    encoding = EncodingName(
        max=40,
        metadata=told(
            "Such as `windows-1252`. If not given, what a byte order mark or the "
            "charset of Content-Type says, or else UTF-8."
        ),
    )
    match = Choice(
        MATCHES,
        metadata=told(
            "By what a row is known to be of a client that is there: the owner's "
            "e-mail address, which it is if not given, the column `id`, or the VAT number."
        ),
    )
    on_conflict = Choice(
        CONFLICTS,
        metadata=told(
            "What becomes of a row whose client is there already; `fail` if not "
            "given. `update` clears what has a blank cell, unless `blank` is `keep`."
        ),
    )
    blank = Choice(
        BLANKS,
        metadata=told(
            "What a blank cell of a row that updates means: `clear`, which it does "
            "if not given, or `keep` what is there. A column that is not in the file is kept."
        ),
    )
    partial: Any = Flag("`yes` imports the good rows where some are bad.")
    raw = Flag("`yes` takes cells as they stand, also in an export, without undoing anything.")
    contacts = Flag("`yes` imports the users of clients, from what an export of them holds.")


_LIST_ONLY = {*PageQuerySchema._declared_fields, "sort", "include"}

ExportQuerySchema = type(
    "ExportQuerySchema",
    (QuerySchema,),
    {
        "__doc__": "Which clients to export: the filters of the list.",
        "format": Choice(FORMATS, metadata=told("`csv` if not given.")),
        "bom": Flag("`yes` begins with a byte order mark, by which Excel knows UTF-8."),
        "raw": Flag("`yes` leaves cells that a spreadsheet would run as they are."),
        "contacts": Flag("`yes` exports the users of these clients, one a line."),
        "takes_custom_fields": True,
        **{
            name: field
            for name, field in ClientListQuerySchema._declared_fields.items()
            if name not in _LIST_ONLY
        },
    },
)


class ImportProblemSchema(AnswerSchema):
    """What is wrong with a row."""

    line = fields.Integer(metadata=told("Where the row starts, from 1.", 3))
    column = text("The column; null where it is the row as a whole.", "email")
    message = fields.String(metadata=told("What is wrong.", "The email has already been taken."))


class ImportReportSchema(AnswerSchema):
    """What an import did; with `dry_run` what it would do."""

    dry_run = fields.Boolean(metadata=told("Whether nothing was changed, as asked.", False))
    created = fields.Integer(metadata=told("Records that were made.", 12))
    updated = fields.Integer(metadata=told("Records that were changed.", 0))
    skipped = fields.Integer(metadata=told("Rows that were passed over, as asked.", 0))
    failed = fields.Integer(metadata=told("Rows that were wrong.", 1))
    categories_created = fields.Integer(metadata=told("Categories that were made.", 1))
    tags_created = fields.Integer(metadata=told("Tags that were made.", 1))
    new_categories = fields.List(
        fields.String(), metadata=told("Names of the first 1000 new categories.", ["Retail"])
    )
    new_tags = fields.List(
        fields.String(), metadata=told("Titles of the first 1000 new tags.", ["priority"])
    )
    errors = fields.List(
        fields.Nested(ImportProblemSchema),
        metadata=told(
            "What is wrong, by row.",
            [{"line": 3, "column": "email", "message": "The email has already been taken."}],
        ),
    )
