"""Clients that are one: which may be, and what merging them takes."""

from __future__ import annotations

from collections.abc import Mapping

from marshmallow import fields

from clients_api.models.client import NAME_LENGTH
from clients_api.models.client.duplicates import KEYS, MEMBERS, SHOWN, STRONG, WEAK
from clients_api.models.client.merging import MOST_SOURCES
from clients_api.models.tag import MOST_PER_CLIENT

from .base import AnswerSchema, Group, RecordDatesSchema, Rows
from .client import ClientChangeSchema, Wanted
from .fields import Array, Choice, Id, Integer, String, sentence
from .fields.metadata import told
from .paging import CursorQuerySchema


class ClientMergeSchema(ClientChangeSchema):
    """Which clients become one with this one; what else is given wins over what any of them has."""

    requires_custom_fields = False

    sources = Array(
        Id(),
        data_key="from",
        required=True,
        max_items=MOST_SOURCES,
        metadata=told("The ids of other clients, which are deleted.", [13, 14]),
    )
    company_name = String(
        data_key="client_company_name",
        max=NAME_LENGTH,
        allow_none=False,
        metadata=told("The name of the company, if it is to be another.", "Acme Inc"),
    )

    # Also of the tags, which are no parameter: those of all clients together.

    def has(self, name: str) -> bool:
        """Tell whether a value of that name is one of these."""
        return name == "tags" or super().has(name)

    def sentences(self, rules: Mapping[str, str]) -> dict[str, list[str]]:
        """Say in words which rules the values break."""
        others = {name: rule for name, rule in rules.items() if name != "tags"}
        told = super().sentences(others)
        if "tags" in rules:
            told["tags"] = [sentence(rules["tags"], "tags", max=MOST_PER_CLIENT)]
        return told


class DuplicateClientSchema(AnswerSchema):
    """A client that may be another one too."""

    id = fields.Integer(metadata=told("The id of the client.", 12))
    company_name = fields.String(metadata=told("The name of the company.", "Acme Inc"))
    dates = Group(RecordDatesSchema)


class DuplicatesSchema(AnswerSchema):
    """Clients that may be one, since they have something in common."""

    by = fields.String(metadata=told("What they have in common.", "vat", enum=list(KEYS)))
    value = fields.String(metadata=told("As it is compared.", "GB123456789"))
    strength = fields.String(
        metadata=told(
            "How much that says: whole groups of companies share a domain.",
            STRONG,
            enum=[STRONG, WEAK],
        )
    )
    count = fields.Integer(metadata=told("How many clients have it.", 2))
    clients = Rows(
        DuplicateClientSchema,
        MEMBERS,
        metadata=told(f"These, the oldest first; of more than {SHOWN}, as many."),
    )


class DuplicatesQuerySchema(CursorQuerySchema):
    """Which groups of clients are wanted that may be one."""

    default_sort = "by"
    default_order = "asc"

    by = Wanted(
        Choice(tuple(KEYS)),
        metadata=told("What they have in common; repeatable, all kinds if not given.", ["vat"]),
    )
    client_id = Integer(metadata=told("Only groups with the client of this id."))
