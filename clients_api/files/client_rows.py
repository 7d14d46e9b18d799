"""Clients from the rows of a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from clients_api.models import Category, Client, Contact, CustomField, CustomValue
from clients_api.models.client import NAME_LENGTH, lookups, ownership
from clients_api.schemas.exchange import OWNER, OwnedRowSchema, OwnerlessRowSchema, RowReader
from clients_api.schemas.fields import sentence

from .columns import COLUMNS, Known
from .rows import Errors, Outcome, Row, Rules

_COLUMN_OF = {"email": "email", "id": "id", "vat": "client_vat"}
SEVERAL = "Several clients have this VAT number."


class Target(NamedTuple):
    """The client that a row is about, and the user who owns its account, if anybody does."""

    client_id: int
    owner_id: int | None


class ClientRows:
    """Makes clients of rows, in the transaction that is open. In: what the caller wants."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._custom = {d.name: d for d in CustomField.definitions()}
        definitions = self._custom.values()
        self._owned = RowReader(OwnedRowSchema(), definitions)
        self._ownerless = RowReader(OwnerlessRowSchema(), definitions)
        titles = {d.name: d.title for d in definitions}
        self.known = Known({**dict.fromkeys([*COLUMNS, "send_email"]), **titles})
        self._categories: dict[str, int] = {}
        self._by_vat: Any = _VatNumbers() if rules.match == "vat" else None

    def take(self, row: Row, errors: Errors) -> Outcome:
        """Make or change the client of a row. Adds to `errors` what is wrong; then nothing is."""
        for name in sorted(row.values.keys() - self.known.names):
            errors[name] = [sentence("unknown", name)]
        # An export says of a client without owner that the owner's columns are empty.
        has_owner = any(row.values.get(name, "") is not None for name in OWNER)
        given = self._rules.given(row.values)
        values, wrong = (self._owned if has_owner else self._ownerless).read(given)
        if self._rules.match != "id":
            values.pop("id", None)
            wrong.pop("id", None)
        holder = ownership.holder(values["email"]) if "email" in values else None
        target = self._target(values, holder, errors)
        if target is not None:
            _forgive(wrong, self._unchanged(wrong, given, target))
            if target.owner_id is not None and not has_owner and self._rules.blank == "clear":
                wrong["email"] = [sentence("required", "email")]
        errors.update(wrong)
        if target is not None and not errors and self._rules.on_conflict == "skip":
            return "skipped"
        if not _may_own(holder, target):
            errors["email"] = [sentence("taken", "email")]
        if errors:
            return "failed"
        return self._store(values, target, holder, has_owner)

    def _target(
        self, values: dict[str, Any], holder: ownership.Holder | None, errors: Errors
    ) -> Target | None:
        """Find the client that a row is about; None for a new one, or where it is not clear."""
        owner_id: int | None = None
        match self._rules.match:
            case "id":
                client_id = values.pop("id", None)
                if client_id is not None and not Client.exists(client_id):
                    errors["id"] = [sentence("exists", "id")]
                    return None
            case "vat":
                client_id = self._by_vat.find(values.get("vat"))
                if client_id == _VatNumbers.SEVERAL:
                    errors["client_vat"] = [SEVERAL]
                    return None
            case _:
                if holder is None or holder.account_owner != "yes":
                    return None
                client_id, owner_id = holder.client_id, holder.user_id
        if client_id is None:
            return None
        errors.update(self._rules.taken(_COLUMN_OF[self._rules.match]))
        if self._rules.match != "email":
            owner_id = ownership.owner_of(client_id)
        return Target(client_id, owner_id)

    def _unchanged(
        self, wrong: Mapping[str, Any], given: Mapping[str, Any], target: Target
    ) -> set[str]:
        """Return which of the wrong columns change nothing in the client that is there.

        Those that are not given, and those of custom fields that became required, or lost an
        option, after the value was stored.
        """
        unchanged = {name for name in wrong if name not in given}
        if target.owner_id is None and any(name in given for name in OWNER):
            unchanged -= {*OWNER}
        judged = [name for name in wrong if name in self._custom and name in given]
        if judged:
            stored = CustomValue.of_client(target.client_id)
            unchanged |= {n for n in judged if given[n] == stored.get(self._custom[n].id)}
        return unchanged

    def _store(
        self,
        values: dict[str, Any],
        target: Target | None,
        holder: ownership.Holder | None,
        has_owner: bool,
    ) -> Outcome:
        if "category" in values:
            values["category_id"] = self._category_id(values.pop("category"))
        if values.get("status", "") is None:
            del values["status"]
        vat = values.get("vat")
        if target is None:
            register = Client.register if has_owner else Client.register_ownerless
            outcome, client_id = "created", register(**values)["id"]
        else:
            outcome, client_id = "updated", target.client_id
            _change_owner(target, holder, values)
            _update(client_id, values)
        if self._by_vat is not None:
            self._by_vat.add(client_id, vat)
        return outcome

    def _category_id(self, name: str | None) -> int | None:
        if name is None:
            return None
        if name not in self._categories:
            self._categories[name] = Category.named(name)
        return self._categories[name]


def _forgive(errors: dict[str, list[str]], names: set[str]) -> None:
    for name in names:
        del errors[name]


def _may_own(holder: ownership.Holder | None, target: Target | None) -> bool:
    """Tell whether who has an address already may be the owner of a client; None of a new one."""
    if holder is None or (target is not None and holder.client_id == target.client_id):
        return True
    has_owner = target is not None and target.owner_id is not None
    return holder.type == "contact" and not has_owner


def _change_owner(target: Target, holder: ownership.Holder | None, values: dict[str, Any]) -> None:
    """Give the owner of a client the names and the address of a row.

    Of a client without owner, or where another user of it has that address, this is the new one.
    """
    person = {name: values.pop(name) for name in OWNER if name in values}
    values.pop("send_email", None)  # the welcome is for those who are new
    if not person:
        return
    owner_id = target.owner_id
    if holder is not None and holder.client_id == target.client_id:
        if holder.user_id != owner_id:
            Client.change_owner(target.client_id, holder.user_id)
        owner_id = holder.user_id
    if owner_id is None:
        Client.give_owner(target.client_id, **person)
    else:
        Contact.change(owner_id, **person)


def _update(client_id: int, values: dict[str, Any]) -> None:
    if "company_name" in values and values["company_name"] is None:
        values["company_name"] = Client.find(client_id)["owner_name"][:NAME_LENGTH].strip()
    has_tags = "tags" in values
    tags = values.pop("tags", None)
    Client.change(client_id, **values)
    if has_tags:
        Client.replace_tags(client_id, tags or ())


class _VatNumbers:
    """Which client has which VAT number; signs, blanks and case don't count."""

    SEVERAL = 0

    def __init__(self) -> None:
        self._clients: dict[str, int] = {}
        for client_id, vat in lookups.vats():
            self.add(client_id, vat)

    def find(self, vat: str | None) -> int | None:
        """Return the id of the client that has this number; SEVERAL, or None for a new number."""
        return self._clients.get(_vat_key(vat))

    def add(self, client_id: int, vat: str | None) -> None:
        """Note that a client has this number."""
        key = _vat_key(vat)
        if key and self._clients.setdefault(key, client_id) != client_id:
            self._clients[key] = self.SEVERAL


def _vat_key(vat: str | None) -> str:
    return re.sub(r"[\W_]+", "", vat or "").casefold()
