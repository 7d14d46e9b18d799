"""The calls of a session: those of the API by Python's names, with the API's parameters."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, Generic, Literal, Unpack

import orjson

from clients_api.web.reading.loading import refuse

from . import answers, parameters
from .answers import Deleted, Record
from .calls import Calls
from .errors import Invalid
from .parameters import Ids, Titles

AT_ONCE = 100  # records that are read together, as a page over HTTP may have
PLACES = ("page", "limit", "cursor")  # a list is walked as a whole, or asked for a page of it


class Records(Generic[Record]):
    """A list, not yet read. It is walked some records at a time, however many there are.

    It ends after as many as there were when the walk began: what is made on the way is not waited
    for. What is changed meanwhile is neither left out nor repeated as long as what the list is
    sorted by stays.
    """

    def __init__(self, calls: Calls, name: str, filters: dict[str, Any]) -> None:
        self._calls = calls
        self._name = name
        self._filters = filters
        if places := [each for each in PLACES if each in filters]:
            raise Invalid(refuse(places))
        calls.find(name, query=filters)  # says at once what is wrong with them

    def __iter__(self) -> Iterator[Record]:
        ask = self._calls.ask
        selection, paging, data = self._calls.find(self._name, query=self._filters)
        columns = selection.reader.columns
        left = ask(selection.total)
        parts = selection.each(sort=paging.sort, descending=paging.descending, at_once=AT_ONCE)
        while left > 0 and (rows := ask(lambda: next(parts, None))):
            yield from orjson.loads(ask(functools.partial(data, columns, rows[:left])))
            left -= len(rows)

    def page(
        self, page: int | None = None, *, limit: int | None = None, cursor: str | None = None
    ) -> answers.Page[Record]:
        """Return one page and what the API says of it, by its number or by a cursor.

        Raises Invalid.
        """
        place = {"page": page, "limit": limit, "cursor": cursor}
        return self._calls.page(self._name, {**self._filters, **place})


class Groups(Records[Record]):
    """Groups of records, not yet read, of which nobody knows how many there are."""

    def __iter__(self) -> Iterator[Record]:
        cursor: str | None = ""
        while cursor is not None:
            page = self.page(limit=AT_ONCE, cursor=cursor)
            yield from page["data"]
            cursor = page["meta"]["next_cursor"]


class Resource:
    """The calls for one kind of record, in a session."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def _list(self, name: str, filters: Any) -> Records[Any]:
        return Records(self._calls, name, dict(filters))

    def _do(self, name: str, path: dict[str, Any] | None = None, **given: Any) -> Any:
        return self._calls.do(name, path or {}, **given)


class Clients(Resource):
    """Clients, as `/clients`."""

    def list(self, **filters: Unpack[parameters.ClientFilters]) -> Records[answers.Client]:
        """Return the clients that meet all filters. Raises Invalid."""
        return self._list("list_clients", filters)

    def get(self, id: int, *, include: Literal["contacts"] | None = None) -> answers.Client:
        """Return a client. Raises NotFound."""
        return self._do("get_client", {"id": id}, query={"include": include})

    def create(self, **values: Unpack[parameters.NewClient]) -> answers.Client:
        """Make a client and its primary user, the account owner. Raises Invalid."""
        return self._do("create_client", body=values)

    def update(self, id: int, **values: Unpack[parameters.ClientChange]) -> answers.Client:
        """Change a client; what is left out stays as it is. Raises NotFound and Invalid."""
        return self._do("update_client", {"id": id}, body=values)

    def delete(self, id: int, *, erase: bool = False) -> Deleted:
        """Delete a client with its users and values; `erase` for good. Raises NotFound."""
        return self._do("delete_client", {"id": id}, query={"erase": "yes" if erase else None})

    def set_tags(self, id: int, tags: Titles) -> answers.Client:
        """Replace the tags of a client. Raises NotFound and Invalid."""
        return self._do("set_client_tags", {"id": id}, body={"tags": tags})

    def add_tags(self, id: int, tags: Titles) -> answers.Client:
        """Add tags to a client. Raises NotFound and Invalid."""
        return self._do("add_client_tags", {"id": id}, body={"tags": tags})

    def remove_tag(self, id: int, title: str) -> answers.Client:
        """Take one tag off a client. Raises NotFound."""
        return self._do("remove_client_tag", {"id": id, "title": title})

    def change_status(self, id: int, status: answers.Status) -> answers.Client:
        """Make a client active or suspended. Raises NotFound and Invalid."""
        return self._do("set_client_status", {"id": id}, body={"status": status})

    def change_owner(self, id: int, owner: int) -> answers.Client:
        """Make one of a client's users its account owner. Raises NotFound and Invalid."""
        return self._do("set_client_owner", {"id": id}, body={"owner": owner})

    def duplicates(
        self, **filters: Unpack[parameters.DuplicateFilters]
    ) -> Groups[answers.Duplicates]:
        """Return groups of clients that may be one. Raises Invalid."""
        return Groups(self._calls, "list_duplicates", dict(filters))

    def merge(
        self, id: int, sources: Ids, **values: Unpack[parameters.ClientMerge]
    ) -> answers.Client:
        """Merge other clients into one, which is returned with its contacts.

        Raises NotFound and Invalid.
        """
        return self._do("merge_clients", {"id": id}, body={"from": sources, **values})


class Contacts(Resource):
    """Contacts, as `/contacts`: the users of clients."""

    def list(self, **filters: Unpack[parameters.ContactFilters]) -> Records[answers.Contact]:
        """Return the contacts that meet all filters. Raises Invalid."""
        return self._list("list_contacts", filters)

    def get(self, id: int) -> answers.Contact:
        """Return a contact. Raises NotFound."""
        return self._do("get_contact", {"id": id})

    def create(self, **values: Unpack[parameters.NewContact]) -> answers.Contact:
        """Make a user of a client, or a contact of none. Raises Invalid."""
        return self._do("create_contact", body=values)

    def update(self, id: int, **values: Unpack[parameters.ContactChange]) -> answers.Contact:
        """Change a contact. Raises NotFound, Invalid, and Conflict for an owner that would move."""
        return self._do("update_contact", {"id": id}, body=values)

    def delete(self, id: int, *, erase: bool = False) -> Deleted:
        """Delete a contact and free its address; `erase` for good. Raises NotFound."""
        return self._do("delete_contact", {"id": id}, query={"erase": "yes" if erase else None})

    def make_account_owner(self, id: int) -> answers.Contact:
        """Make a contact the account owner of its client. Raises NotFound and Conflict."""
        return self._do("set_account_owner", {"id": id})


class Categories(Resource):
    """Categories, as `/categories`."""

    def list(self, **filters: Unpack[parameters.CategoryFilters]) -> Records[answers.Category]:
        """Return the categories that meet all filters. Raises Invalid."""
        return self._list("list_categories", filters)

    def get(self, id: int) -> answers.Category:
        """Return a category. Raises NotFound."""
        return self._do("get_category", {"id": id})

    def create(self, **values: Unpack[parameters.NewCategory]) -> answers.Category:
        """Make a category. Raises Invalid."""
        return self._do("create_category", body=values)

    def update(self, id: int, **values: Unpack[parameters.CategoryChange]) -> answers.Category:
        """Change a category. Raises NotFound and Invalid."""
        return self._do("update_category", {"id": id}, body=values)

    def delete(self, id: int) -> Deleted:
        """Delete a category. Raises NotFound, and Conflict for one with clients, or the default."""
        return self._do("delete_category", {"id": id})

    def set_team(self, id: int, users: Ids) -> answers.Category:
        """Replace the team members of a category. Raises NotFound and Invalid."""
        return self._do("set_category_team", {"id": id}, body={"users": users})

    def migrate(self, id: int, target_id: int) -> answers.Category:
        """Move all clients of a category to another. Raises NotFound and Invalid."""
        return self._do("migrate_category", {"id": id}, body={"target_id": target_id})


class Team(Resource):
    """The team, as `/team`: staff users."""

    def list(self, **filters: Unpack[parameters.TeamFilters]) -> Records[answers.TeamMember]:
        """Return the team members that meet all filters. Raises Invalid."""
        return self._list("list_team", filters)

    def get(self, id: int) -> answers.TeamMember:
        """Return a team member. Raises NotFound."""
        return self._do("get_team_member", {"id": id})

    def create(self, **values: Unpack[parameters.NewTeamMember]) -> answers.TeamMember:
        """Make a team member. Raises Invalid."""
        return self._do("create_team_member", body=values)

    def update(self, id: int, **values: Unpack[parameters.TeamMemberChange]) -> answers.TeamMember:
        """Change a team member. Raises NotFound and Invalid."""
        return self._do("update_team_member", {"id": id}, body=values)

    def delete(self, id: int, *, erase: bool = False) -> Deleted:
        """Delete a team member and take it off categories; `erase` for good. Raises NotFound."""
        return self._do("delete_team_member", {"id": id}, query={"erase": "yes" if erase else None})


class Tags(Resource):
    """Tags, as `/tags`; a new one is made by giving it to a client."""

    def list(self, **filters: Unpack[parameters.TagFilters]) -> Records[answers.Tag]:
        """Return the tags that meet all filters. Raises Invalid."""
        return self._list("list_tags", filters)

    def get(self, id: int) -> answers.Tag:
        """Return a tag. Raises NotFound."""
        return self._do("get_tag", {"id": id})

    def rename(self, id: int, title: str) -> answers.Tag:
        """Rename a tag; onto another one's title merges the two. Raises NotFound and Invalid."""
        return self._do("rename_tag", {"id": id}, body={"title": title})

    def delete(self, id: int) -> Deleted:
        """Take a tag off every client. Raises NotFound."""
        return self._do("delete_tag", {"id": id})


class CustomFields(Resource):
    """Custom fields, as `/custom-fields`."""

    def list(
        self, **filters: Unpack[parameters.CustomFieldFilters]
    ) -> Records[answers.CustomField]:
        """Return all custom fields. Raises Invalid."""
        return self._list("list_custom_fields", filters)

    def get(self, id: int) -> answers.CustomField:
        """Return a custom field. Raises NotFound."""
        return self._do("get_custom_field", {"id": id})

    def create(self, **values: Unpack[parameters.NewCustomField]) -> answers.CustomField:
        """Define a custom field. Raises Invalid."""
        return self._do("create_custom_field", body=values)

    def update(
        self, id: int, **values: Unpack[parameters.CustomFieldChange]
    ) -> answers.CustomField:
        """Change a custom field; its type and name stay. Raises NotFound and Invalid."""
        return self._do("update_custom_field", {"id": id}, body=values)

    def delete(self, id: int) -> Deleted:
        """Delete a custom field with all its values. Raises NotFound."""
        return self._do("delete_custom_field", {"id": id})


class Keys(Resource):
    """API keys, as `/keys`."""

    def list(self, **filters: Unpack[parameters.KeyFilters]) -> Records[answers.Key]:
        """Return the keys that are not revoked. Raises Invalid."""
        return self._list("list_keys", filters)

    def create(self, **values: Unpack[parameters.NewKey]) -> answers.CreatedKey:
        """Make a key; `key` is shown this once. Raises Invalid."""
        return self._do("create_key", body=values)

    def revoke(self, id: int) -> Deleted:
        """Revoke a key for good. Raises NotFound, and Conflict for the last admin key."""
        return self._do("revoke_key", {"id": id})
