"""What sessions take: the parameters of the API's calls, as types for editors.

They say what the schemas (schemas/) say; a test holds the two against each other. Custom fields,
which these types can't know, are given as `**{"client_custom_field_1": …}`.
"""

import datetime
from typing import Literal, Required, TypedDict

from .answers import EventObject, FieldType, Scope, Status, YesNo

Moment = str | datetime.datetime  # ISO 8601; without an offset it is UTC
Titles = list[str] | tuple[str, ...]
Ids = list[int] | tuple[int, ...]
Order = Literal["asc", "desc"]
Including = Literal["contacts"]


class ClientFilters(TypedDict, total=False):
    """Which clients, and in what order; a filter that is None is none."""

    status: Status | None
    category_id: int | None
    search: str | None
    q: str | None
    tag: Titles | None
    email: str | None
    owner_id: int | None
    created_after: Moment | None
    created_before: Moment | None
    updated_after: Moment | None
    updated_before: Moment | None
    include: Including | None
    sort: Literal["client_company_name", "client_status", "client_created", "client_updated"] | None
    order: Order | None


class ClientDetails(TypedDict, total=False):
    """What a new client and a changed one have in common; None clears."""

    client_categoryid: int | None
    client_description: str | None
    client_phone: str | None
    client_vat: str | None
    client_website: str | None
    client_billing_street: str | None
    client_billing_city: str | None
    client_billing_state: str | None
    client_billing_zip: str | None
    client_billing_country: str | None
    client_billing_invoice_due_days: int | None
    client_shipping_street: str | None
    client_shipping_city: str | None
    client_shipping_state: str | None
    client_shipping_zip: str | None
    client_shipping_country: str | None


class NewClient(ClientDetails, total=False):
    """A client and its primary user, the account owner."""

    first_name: Required[str]
    last_name: Required[str]
    email: Required[str]
    client_company_name: str | None
    tags: Titles | None
    send_email: YesNo | None


class ClientChange(ClientDetails, total=False):
    """What may be changed of a client; what is left out stays as it is."""

    client_company_name: Required[str]


class ClientMerge(ClientDetails, total=False):
    """What wins over what any of the clients has that become one."""

    client_company_name: str


class DuplicateFilters(TypedDict, total=False):
    """Which groups of clients that may be one; a filter that is None is none."""

    by: Titles | None
    client_id: int | None


class ContactFilters(TypedDict, total=False):
    """Which contacts, and in what order; a filter that is None is none."""

    status: Literal["active", "suspended", "deleted"] | None
    search: str | None
    client_id: int | None
    email: str | None
    account_owner: YesNo | None
    sort: Literal["first_name", "last_name", "email", "created", "updated"] | None
    order: Order | None


class Person(TypedDict, total=False):
    """What a new person and a changed one have in common."""

    first_name: Required[str]
    last_name: Required[str]
    email: Required[str]
    phone: str | None
    position: str | None


class NewContact(Person, total=False):
    """A user of a client; without one a contact, whom a new client may promote."""

    clientid: int | None
    type: Literal["contact"] | None
    send_email: YesNo | None


class ContactChange(Person, total=False):
    """What may be changed of a contact; what is left out stays as it is."""

    clientid: int


class CategoryFilters(TypedDict, total=False):
    """Which categories, and in what order; a filter that is None is none."""

    type: str | None
    visibility: str | None
    search: str | None
    sort: Literal["category_name", "category_type", "category_created"] | None
    order: Order | None


class CategoryChange(TypedDict, total=False):
    """What may be changed of a category; what is left out stays as it is."""

    category_name: Required[str]
    category_visibility: str | None
    category_description: str | None
    category_icon: str | None


class NewCategory(CategoryChange, total=False):
    """A new category."""

    category_type: Required[Literal["client"]]


class TeamFilters(TypedDict, total=False):
    """Which team members, and in what order; a filter that is None is none."""

    status: Status | None
    search: str | None
    role_id: Literal[1, 3] | None
    sort: Literal["first_name", "last_name", "email", "created", "updated"] | None
    order: Order | None


class NewTeamMember(Person, total=False):
    """A staff user with a role: 1 is an administrator, 3 staff."""

    role_id: Required[Literal[1, 3]]
    send_email: YesNo | None


class TeamMemberChange(Person, total=False):
    """What may be changed of a staff user; what is left out stays as it is."""

    role_id: Literal[1, 3]


class TagFilters(TypedDict, total=False):
    """Which tags, and in what order; a filter that is None is none."""

    search: str | None
    sort: Literal["title", "count", "created"] | None
    order: Order | None


class CustomFieldFilters(TypedDict, total=False):
    """The order of custom fields."""

    sort: Literal["position", "name", "created"] | None
    order: Order | None


class CustomFieldChange(TypedDict, total=False):
    """What may be changed of a custom field; what is left out stays as it is."""

    title: Required[str]
    required: YesNo | None
    options: Titles | None
    position: int | None


class NewCustomField(CustomFieldChange, total=False):
    """A new custom field; without a name it gets the next free one."""

    name: str | None
    type: Required[FieldType]


class KeyFilters(TypedDict, total=False):
    """The order of keys."""

    sort: Literal["name", "created"] | None
    order: Order | None


class NewKey(TypedDict, total=False):
    """A new key; without a scope it is `admin`."""

    name: Required[str]
    scope: Scope | None
    expires: Moment | None


class HistoryFilters(TypedDict, total=False):
    """Which events of a client; a filter that is None is none."""

    before: str | None
    limit: int | None
    type: Titles | None
    object: EventObject | None
    object_id: int | None
    actor_id: int | None
    since: Moment | None
    until: Moment | None
    undo: YesNo | None


class EventFilters(HistoryFilters, total=False):
    """Which events; `after` is a position, empty for the oldest that is kept, or `now`."""

    after: str | None
    client_id: int | None
    order: Order | None
