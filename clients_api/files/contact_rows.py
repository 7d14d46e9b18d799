"""Contacts, the users of clients, from the rows of a file."""

from __future__ import annotations

from typing import Any

from clients_api.models import Client, Contact
from clients_api.models.client import lookups, ownership
from clients_api.models.errors import NotFound
from clients_api.models.queries.folding import fold
from clients_api.models.queries.record import Record
from clients_api.schemas.exchange import ContactRowSchema, RowReader
from clients_api.schemas.fields import sentence

from .columns import CONTACT_COLUMNS, Known
from .rows import Errors, Outcome, Row, Rules

SEVERAL = "Several clients have this company name: say which by client_id."
OTHER_NAME = "The client of this id has another company name: take one of the two out."
OTHER_CLIENT = "The contact belongs to another client, and an import moves none."
STILL_OWNER = "An owner is one until another contact is made it: have that one's row first."
NO_ACCOUNT = "A contact of no client owns no account."


class ContactRows:
    """Makes contacts of rows, in the transaction that is open. In: what the caller wants."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._reader = RowReader(ContactRowSchema(), ())
        self.known = Known({**dict.fromkeys(CONTACT_COLUMNS), "client_company_name": "Client"})

    def take(self, row: Row, errors: Errors) -> Outcome:
        """Make or change the contact of a row. Adds to `errors` what is wrong; then nothing is."""
        for name in sorted(row.values.keys() - self.known.names):
            errors[name] = [sentence("unknown", name)]
        given = self._rules.given(row.values)
        values, wrong = self._reader.read(given)
        del values["custom"]
        if self._rules.match != "id":
            values.pop("id", None)
            wrong.pop("id", None)
        contact = self._find(values, errors)
        if contact is not None:
            wrong = {name: told for name, told in wrong.items() if name in given}
        errors.update(wrong)
        if contact is not None and not errors and self._rules.on_conflict == "skip":
            return "skipped"
        self._check(values, contact, errors)
        if errors:
            return "failed"
        return self._store(values, contact)

    def _find(self, values: dict[str, Any], errors: Errors) -> Record | None:
        """Return the contact that a row is about; None for a new one."""
        if self._rules.match == "id":
            id = values.pop("id", None)
        else:
            holder = ownership.holder(values["email"]) if "email" in values else None
            id = holder.user_id if holder is not None and holder.type != "team" else None
        if id is None:
            return None
        try:
            contact = Contact.find(id)
        except NotFound:
            errors["id"] = [sentence("exists", "id")]
            return None
        errors.update(self._rules.taken("id" if self._rules.match == "id" else "email"))
        return contact

    def _check(self, values: dict[str, Any], contact: Record | None, errors: Errors) -> None:
        holder = ownership.holder(values["email"]) if "email" in values else None
        if holder is not None and (contact is None or holder.user_id != contact["id"]):
            errors.setdefault("email", [sentence("taken", "email")])
        has_client = bool(values.keys() & {"client", "client_name"})
        client_id = _client_id(values, errors)
        if contact is not None:
            known = contact["client_id"]
            if (
                has_client
                and client_id != known
                and not errors.keys()
                & {
                    "client_id",
                    "client_company_name",
                }
            ):
                errors["client_id"] = [OTHER_CLIENT]
            client_id = known
        if values.get("account_owner") == "yes" and client_id is None:
            errors.setdefault("account_owner", [NO_ACCOUNT])
        is_owner = contact is not None and contact["account_owner"] == "yes"
        if values.get("account_owner") == "no" and is_owner:
            errors["account_owner"] = [STILL_OWNER]
        values["client_id"] = client_id

    def _store(self, values: dict[str, Any], contact: Record | None) -> Outcome:
        client_id = values.pop("client_id")
        account_owner = values.pop("account_owner", None)
        if contact is None:
            outcome, id = "created", Contact.create(client_id=client_id, **values)["id"]
        else:
            outcome, id = "updated", contact["id"]
            Contact.change(id, **values)
        is_owner = contact is not None and contact["account_owner"] == "yes"
        if account_owner == "yes" and not is_owner:
            Contact.make_owner(id)
        return outcome


def _client_id(values: dict[str, Any], errors: Errors) -> int | None:
    """Return the id of the client that a row names, by its id, its company name, or both."""
    id, name = values.pop("client", None), values.pop("client_name", None)
    if id is not None:
        if not Client.exists(id):
            errors["client_id"] = [sentence("exists", "client_id")]
        elif name is not None and fold(Client.find(id)["company_name"]) != fold(name):
            # In another database other clients have these ids.
            errors["client_id"] = [OTHER_NAME]
        return id
    if name is None:
        return None
    ids = lookups.named(name)
    if len(ids) == 1:
        return ids[0]
    told = SEVERAL if ids else sentence("exists", "client_company_name")
    errors["client_company_name"] = [told]
    return None
