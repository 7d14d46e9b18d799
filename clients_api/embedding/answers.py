"""What sessions return: records in the API's own names and shapes, as types for editors.

They say what the schemas (schemas/) say; a test holds the two against each other.
"""

from typing import Any, Generic, Literal, NotRequired, TypedDict, TypeVar

YesNo = Literal["yes", "no"]
Status = Literal["active", "suspended"]
Scope = Literal["read", "write", "admin"]
FieldType = Literal["text", "paragraph", "number", "decimal", "date", "checkbox", "dropdown"]
EventObject = Literal[
    "client", "contact", "category", "team_member", "tag", "custom_field", "key", "webhook"
]

Record = TypeVar("Record")


class Dates(TypedDict):
    """When a record was made and last changed: UTC, ISO 8601."""

    created: str
    updated: str


class Named(TypedDict):
    """Another record, by its id and name."""

    id: int
    name: str


class Company(TypedDict):
    """A client, by its id and name."""

    id: int
    company_name: str


class Billing(TypedDict):
    """Where invoices go, and the days after which they are due."""

    street: str | None
    city: str | None
    state: str | None
    zip: str | None
    country: str | None
    invoice_due_days: int | None


class Shipping(TypedDict):
    """Where goods go."""

    street: str | None
    city: str | None
    state: str | None
    zip: str | None
    country: str | None


class Social(TypedDict):
    """Where else a person is to be found."""

    facebook: str | None
    twitter: str | None
    linkedin: str | None
    github: str | None
    dribbble: str | None


class Contact(TypedDict):
    """A user of a client, or a person of no client yet."""

    id: int
    first_name: str
    last_name: str
    name: str
    email: str
    phone: str | None
    job_position: str | None
    account_owner: YesNo
    status: Literal["active", "suspended", "deleted"]
    client: Company | None
    role: Named
    social: Social
    dates: Dates


class Client(TypedDict):
    """A client. Its owner is null where that was deleted."""

    id: int
    company_name: str
    description: str | None
    status: Status
    phone: str | None
    website: str | None
    vat: str | None
    category: Named
    owner: Named | None
    billing: Billing
    shipping: Shipping
    dates: Dates
    tags: list[str]
    custom_fields: NotRequired[dict[str, Any]]
    contacts: NotRequired[list[Contact]]


class Duplicate(TypedDict):
    """A client that may be another one too."""

    id: int
    company_name: str
    dates: Dates


class Duplicates(TypedDict):
    """Clients that may be one, since they have something in common."""

    by: Literal["vat", "name", "phone", "domain"]
    value: str
    strength: Literal["strong", "weak"]
    count: int
    clients: list[Duplicate]


class Category(TypedDict):
    """A category, with the numbers of its clients and of the team members who look after it."""

    id: int
    name: str
    description: str | None
    type: Literal["client"]
    visibility: str
    icon: str | None
    system_default: YesNo
    slug: str
    count: int
    users_count: int
    dates: Dates


class TeamMember(TypedDict):
    """A staff user."""

    id: int
    first_name: str
    last_name: str
    name: str
    email: str
    phone: str | None
    job_position: str | None
    dashboard_access: Literal["yes"]
    status: Status
    role: Named
    social: Social
    dates: Dates


class Tag(TypedDict):
    """A tag, with the number of clients that have it."""

    id: int
    title: str
    count: int
    dates: Dates


class CustomField(TypedDict):
    """What an administrator adds to every client."""

    id: int
    name: str
    title: str
    type: FieldType
    required: YesNo
    options: list[str]
    position: int
    dates: Dates


class Key(TypedDict):
    """An API key, without the secret."""

    id: int
    name: str
    prefix: str
    scope: Scope
    expires: str | None
    last_used: str | None
    dates: Dates


class CreatedKey(Key):
    """A new API key, with its secret, which nobody sees again."""

    key: str


class Deleted(TypedDict):
    """What is left to say of a deleted record."""

    id: int


class Meta(TypedDict):
    """What a page says of the list; with a cursor only `per_page` and `next_cursor`."""

    per_page: int
    current_page: NotRequired[int]
    total: NotRequired[int]
    last_page: NotRequired[int]
    next_cursor: NotRequired[str | None]


class Page(TypedDict, Generic[Record]):
    """One page of a list, as over HTTP."""

    data: list[Record]
    meta: Meta


class Actor(TypedDict):
    """Who made a change: a `key` with its id, a `host`'s login or code, or a `command`."""

    type: Literal["key", "host", "command"]
    id: int | None
    name: str | None


class Event(TypedDict):
    """A change of a record: what its members were before, and are after."""

    id: int
    position: str
    type: str
    time: str
    object: EventObject
    object_id: int
    client_id: int | None
    actor: Actor
    request_id: str | None
    changes: dict[str, list[Any]] | None
    clients: int | None
    undoes: int | None
    erased: bool


class EventMeta(TypedDict):
    """Where a list of events goes on."""

    next: str
    more: bool


class EventPage(TypedDict):
    """Some events, as over HTTP."""

    data: list[Event]
    meta: EventMeta
